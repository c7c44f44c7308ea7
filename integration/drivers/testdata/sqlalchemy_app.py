"""What an application of SQLAlchemy does, printed for comparison."""

import datetime
import decimal
import sys
import uuid

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, declarative_base, joinedload, relationship, selectinload

word = sys.argv[1]
Base = declarative_base()


class Customer(Base):
    __tablename__ = "customers"
    id = sa.Column(sa.BigInteger, primary_key=True)
    name = sa.Column(sa.String(60), nullable=False)
    email = sa.Column(sa.String(120), nullable=False, unique=True)
    ssn = sa.Column(sa.String(11))
    born = sa.Column(sa.Date)
    visits = sa.Column(sa.Integer)
    income = sa.Column(sa.Numeric(12, 2))
    score = sa.Column(sa.Float)
    vip = sa.Column(sa.Boolean)
    seen = sa.Column(sa.DateTime(timezone=True))
    token = sa.Column(pg.UUID(as_uuid=True))
    profile = sa.Column(pg.JSONB)
    photo = sa.Column(sa.LargeBinary)
    note = sa.Column(sa.Text)
    orders = relationship("Order", back_populates="customer", cascade="all, delete-orphan", order_by="Order.id")


class Order(Base):
    __tablename__ = "orders"
    id = sa.Column(sa.BigInteger, primary_key=True)
    customer_id = sa.Column(sa.ForeignKey("customers.id"), nullable=False)
    amount = sa.Column(sa.Numeric(10, 2), nullable=False)
    placed = sa.Column(sa.DateTime, nullable=False)
    card = sa.Column(sa.CHAR(16))
    comment = sa.Column(sa.Text)
    customer = relationship("Customer", back_populates="orders")


def engine(**options):
    return sa.create_engine("postgresql+psycopg2://", future=True, **options)


def row(o):
    return {c.name: getattr(o, c.name) for c in o.__table__.columns}


def failure(session, work):
    try:
        with session.begin_nested():
            work()
            session.flush()
        print("no error")
    except DBAPIError as e:
        print(type(e).__name__, e.orig.pgcode, e.orig.diag.message_primary, e.orig.diag.constraint_name)


def refused():
    """An error like any other, and a session that goes on."""
    with Session(engine(), future=True) as s:
        s.add(Customer(name="refused", email=word))
        s.flush()
        try:
            with s.begin_nested():
                s.execute(sa.select(sa.func.quote_ident(Customer.note))).all()
        except DBAPIError as e:
            print(e.orig.pgcode)
        print("refused, and usable:", s.execute(sa.select(Customer.email).where(Customer.email == word)).scalar_one())
        s.rollback()


def searched(s):
    """What lists and search boxes ask for."""
    email = Customer.email
    print(s.scalars(sa.select(email).order_by(email.desc()).limit(5)).all(), s.scalars(sa.select(Customer.id).order_by(Customer.note.nulls_first(), Customer.id).offset(2).limit(3)).all())
    print(s.scalars(sa.select(email).where(email.contains("b1")).order_by(email)).all(), s.scalars(sa.select(email).where(email.startswith(word + "b_", autoescape=True))).all())
    print(s.execute(sa.select(sa.func.count()).select_from(Customer).where(email.ilike("%" + word.upper() + "B1%"), email.notlike("%9"))).scalar())
    print(s.execute(sa.select(sa.func.max(email), sa.func.min(Customer.note), sa.func.max(Customer.ssn))).all(), s.scalars(sa.select(Customer.id).where(email.between(word + "b2", word + "b5")).order_by(Customer.id)).all())
    print(s.execute(sa.select(Customer.id).where(sa.extract("year", Customer.born) == 2000, sa.func.length(email) == len(word) + 2).order_by(email)).all())
    print(s.execute(sa.update(Customer).where(Customer.visits > 15, email.like("%b%")).values(visits=Customer.visits + 100).execution_options(synchronize_session=False)).rowcount)
    print(s.execute(sa.delete(Customer).where(Customer.visits.between(116, 118)).execution_options(synchronize_session=False)).rowcount, s.scalars(sa.select(Customer.visits).order_by(Customer.visits.desc(), Customer.id).limit(2)).all())
    s.rollback()
    latest = sa.select(Order.card).where(Order.customer_id == Customer.id).order_by(Order.amount.desc(), Order.id).limit(1).scalar_subquery()
    spent = sa.select(sa.func.sum(Order.amount)).where(Order.customer_id == Customer.id).scalar_subquery()
    print([(c.name, [o.card for o in c.orders]) for c in s.scalars(sa.select(Customer).options(joinedload(Customer.orders)).order_by(Customer.note.nulls_last(), Customer.id).limit(3)).unique()])
    print(s.execute(sa.select(Customer.id, latest, spent.label("spent")).order_by(sa.desc("spent").nulls_last(), Customer.id).limit(3)).all())
    print(s.scalars(sa.select(Customer.id).where(Customer.id.in_(sa.select(Customer.id).order_by(Customer.visits.desc().nulls_last()).limit(3))).order_by(Customer.email)).all())
    print(s.scalars(sa.select(Customer.id).where(Customer.visits > sa.select(sa.func.avg(Customer.visits)).scalar_subquery()).order_by(Customer.id)).all())
    print(s.execute(sa.select(sa.func.count()).select_from(sa.select(Customer.email).distinct().order_by(Customer.email).subquery())).scalar())
    orders = sa.orm.aliased(Order)
    print(s.scalars(sa.select(Order.card).where(Order.amount == sa.select(sa.func.max(orders.amount)).where(orders.customer_id == Order.customer_id).scalar_subquery()).order_by(Order.card)).all())


def analytics(s, ada):
    """Queries that group, tell apart and choose."""
    everyone = sa.select(Customer.id).order_by(Customer.id)

    def show(query):
        print(s.execute(query).all())

    print(sorted(s.scalars(sa.select(Customer.visits).distinct().where(Customer.visits.isnot(None))).all()))
    print(sorted(s.execute(sa.select(Customer.born, sa.func.count(Customer.id)).group_by(Customer.born)).all(), key=str))
    show(sa.select(sa.func.count(sa.distinct(Customer.visits)), sa.func.count(Customer.ssn)))
    both = sa.union_all(sa.select(Customer.note.label("text"), Customer.id), sa.select(Customer.email, Customer.id))
    show(both.order_by(sa.desc("text"), "id").limit(4))
    q = both.subquery()
    show(sa.select(sa.func.upper(q.c.text), sa.func.count()).where(q.c.text.like("%b%")).group_by(q.c.text).order_by(q.c.text))
    show(sa.select(Customer.born, Customer.visits).distinct(Customer.born).order_by(Customer.born, Customer.visits.desc(), Customer.id))
    show(sa.select(Customer.id).order_by(sa.collate(Customer.email, "C"), Customer.id).limit(3).offset(sa.literal(1) + 1))
    print([c.note for c in s.scalars(sa.select(Customer).join(Order).distinct().order_by(Customer.id))])
    month = sa.func.date_trunc("month", Customer.born).label("month")
    show(sa.select(month, sa.func.count(), sa.func.sum(Customer.visits)).group_by(month).order_by(month.desc()).limit(3))
    show(sa.select((Customer.visits / 5).label("class"), sa.func.avg(Customer.income), sa.func.count(Customer.id.distinct())).group_by("class").having(sa.func.count() > 1).order_by(sa.func.count().desc(), "class"))
    show(sa.select(Customer.email, sa.func.sum(Order.amount)).join(Order).group_by(Customer.id).order_by(Customer.id))
    show(sa.select(sa.func.coalesce(Customer.ssn, "none"), sa.cast(Customer.ssn, sa.Text)).order_by(Customer.id).limit(3))
    show(sa.select(sa.case((Customer.visits == 8, "eight"), else_="other"), sa.func.nullif(Customer.visits, 8)).order_by(Customer.id).limit(3))
    show(sa.select(sa.case((Customer.ssn.is_(None), "-"), else_=Customer.ssn)).order_by(Customer.id).limit(3))
    show(sa.select(Customer.id, sa.func.row_number().over(partition_by=Customer.born, order_by=Customer.id)).order_by(Customer.id).limit(4))
    visits = (Customer.visits.desc().nullslast(), Customer.id)
    show(sa.select(Customer.id, sa.func.rank().over(order_by=Customer.visits), sa.func.sum(Customer.income).over(order_by=visits, rows=(-1, 1)), Customer.visits - sa.func.lag(Customer.visits).over(order_by=visits)).order_by(Customer.id).limit(5))
    ranked = sa.select(Customer.id, Customer.email, sa.func.row_number().over(partition_by=Customer.name, order_by=visits).label("n")).subquery()
    show(sa.select(ranked.c.id, ranked.c.email, ranked.c.n).where(ranked.c.n <= 2, ranked.c.id > 0).order_by(ranked.c.id))
    top = sa.select(Order.id, sa.func.rank().over(partition_by=Order.customer_id, order_by=Order.card).label("n")).cte("top")
    show(sa.select(sa.func.count()).select_from(top).where(top.c.n == 1))
    name = sa.func.concat(Customer.name, " ", Customer.email)
    show(sa.select(name.label("whole"), sa.func.upper(Customer.note), sa.func.left(Customer.email, 3) + "…", sa.func.length(Customer.ssn)).order_by(Customer.id).limit(4))
    show(sa.select(Customer.visits + 1, Customer.visits * Customer.id, Customer.visits % 3, sa.func.round(Customer.income * 1.19, 1), sa.cast(Customer.visits, sa.Text) + "!").order_by(Customer.id).limit(4))
    show(sa.select(sa.extract("year", Customer.born), sa.func.date_trunc("month", Customer.seen), sa.func.to_char(Customer.seen, "YYYY-MM-DD"), Customer.born + 30).order_by(Customer.id).limit(4))
    show(sa.select(Customer.profile["a"]["b"].astext, Customer.profile["likes"], sa.case((Customer.visits > 7, "often"), (Customer.visits.between(1, 7), "seldom"), else_="never")).order_by(Customer.id).limit(4))
    whole = sa.select(Customer.id, name.label("whole"), (Customer.visits + 1).label("more")).order_by(Customer.id)
    show(sa.select(sa.func.count()).select_from(whole.subquery()))
    show(sa.select(whole.limit(3).subquery()))
    print(s.query(name, Customer.visits + 1).count(), [row.whole for row in s.execute(whole.execution_options(stream_results=True, yield_per=2))])
    show(sa.select(sa.func.sum(Customer.visits), sa.func.avg(Customer.visits), sa.func.max(Customer.income), sa.func.min(Customer.born), sa.func.coalesce(sa.func.sum(Customer.income * Customer.visits), 0)))
    show(sa.select(sa.func.count().filter(Customer.visits > 3), sa.func.bool_or(Customer.vip), sa.func.string_agg(Customer.name, pg.aggregate_order_by(sa.literal_column("', '"), Customer.id))))
    total = sa.func.sum(Customer.visits).label("total")
    show(sa.select(Customer.name, total).group_by(Customer.name).having(total > 3).order_by(total.desc(), Customer.name))
    show(sa.select(Customer.name, sa.func.max(Customer.born)).group_by(Customer.name).order_by(sa.func.max(Customer.born).nullsfirst(), Customer.name).limit(2))
    show(sa.select(Customer.id, Customer.born).order_by(Customer.born.desc().nullslast(), Customer.visits, Customer.id).limit(3).offset(1))
    show(sa.select(Customer.id).where(Customer.visits > 3, Customer.born.between("1800-01-01", "2001-01-01")).order_by(Customer.visits * 2, Customer.id))
    show(sa.select(sa.func.count()).select_from(Customer).where(Customer.visits >= 3))
    show(sa.select(sa.func.count()).select_from(sa.select(Customer).order_by(Customer.born).subquery()))
    show(sa.select(Order.amount, sa.func.sum(Customer.visits)).join(Customer).group_by(Order.amount).order_by(Order.amount))
    show(everyone.where(sa.exists().where(Order.customer_id == Customer.id, Order.card == f"{word}1")))
    show(everyone.where(Customer.visits.in_(sa.select(Customer.visits).where(Customer.email == f"{word}b3"))))
    show(everyone.where(Customer.visits == sa.any_(sa.literal([3, 4], sa.ARRAY(sa.Integer)))))
    show(everyone.where(sa.tuple_(Customer.visits, Customer.born).in_([(3, datetime.date(2000, 1, 1)), (4, None)])))
    show(sa.union_all(sa.select(Customer.email).where(Customer.id == ada.id), sa.select(Customer.email).where(Customer.visits == 3)))
    new = sa.values(sa.column("email", sa.String), sa.column("note", sa.Text), name="new").data([(f"{word}b1", "one " + word), (f"{word}b2", None)])
    show(sa.update(Customer).where(Customer.email == new.c.email).values(note=new.c.note).returning(Customer.note).execution_options(synchronize_session=False))
    upsert = pg.insert(Customer).values([{"name": "up", "email": f"{word}b1", "visits": 100}, {"name": "new", "email": f"{word}new", "visits": None}])
    upsert = upsert.on_conflict_do_update(index_elements=["email"], set_={"visits": sa.func.coalesce(upsert.excluded.visits, Customer.visits)})
    show(upsert.returning(Customer.visits))
    s.execute(sa.delete(Customer).where(Customer.email == f"{word}new").execution_options(synchronize_session=False))
    s.commit()


def orm(e):
    with Session(e, future=True) as s:
        ada = Customer(
            name="Ada", email=f"{word}@example.com", ssn=f"{word}1", born=datetime.date(1815, 12, 10), visits=7, income=decimal.Decimal("1234.50"),
            score=0.1, vip=True, seen=datetime.datetime(2024, 7, 1, 12, 30, 15, 123456, tzinfo=datetime.timezone.utc),
            token=uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), profile={"likes": [1, None, word], "a": {"b": "é"}},
            photo=b"\x00\xff'\\" + word.encode(), note=f"it's a \\ note\n\t{word} ünï",
            orders=[Order(amount=i, placed=datetime.datetime(2024, 1, 1), card=f"{word}{i}", comment=f"order {word}") for i in range(3)],
        )
        s.add_all([ada, Customer(name="Null", email=f"{word}2@example.com")])
        s.commit()
        for c in s.scalars(sa.select(Customer).order_by(Customer.id)):
            print(row(c))
        for column, value in (
            ("email", ada.email), ("ssn", ada.ssn), ("born", ada.born), ("visits", 7), ("income", decimal.Decimal("1234.5")), ("token", ada.token), ("ssn", "nobody"),
        ):
            print(column, s.scalars(sa.select(Customer.id).where(getattr(Customer, column) == value)).all())
        print(s.scalars(sa.select(Customer.id).where(Customer.ssn.is_(None), Customer.email != ada.email)).all())
        print(s.scalars(sa.select(Customer.id).where(Customer.email.in_([ada.email, f"{word}2@example.com"])).order_by(Customer.id)).all())
        print(s.scalars(sa.select(Customer.id).where(sa.or_(Customer.visits == 7, Customer.born == datetime.date(2000, 1, 1)))).all())
        found = s.scalars(sa.select(Order).options(joinedload(Order.customer)).where(Order.card == f"{word}1")).one()
        print(row(found), found.customer.email)
        print([[o.card for o in c.orders] for c in s.scalars(sa.select(Customer).options(selectinload(Customer.orders)).order_by(Customer.id))])
        print(s.execute(sa.select(Customer.email, Order.card).join(Order).where(Customer.ssn == ada.ssn, Order.card == f"{word}2")).all())

        ada.ssn, ada.profile, ada.vip = f"{word}x", [1, word], None
        s.commit()
        print(ada.ssn, ada.profile, ada.vip)
        print(s.execute(sa.update(Customer).where(Customer.ssn == f"{word}x").values(visits=8).returning(Customer.visits)).all())
        s.commit()
        failure(s, lambda: s.add(Customer(name="twice", email=ada.email)))
        failure(s, lambda: s.add(Customer(name="long", email="x", ssn=word + word)))
        failure(s, lambda: s.add(Customer(name="null")))
        failure(s, lambda: s.execute(sa.update(Customer).values(income=decimal.Decimal("1e10"))))
        print(s.scalars(sa.select(sa.func.count()).select_from(Customer)).one())
        ada.note = f"{word} undone"
        s.flush()
        print(s.scalars(sa.select(Customer.note).where(Customer.id == ada.id)).one())
        s.rollback()
        print(ada.note)
        s.bulk_save_objects([Customer(name=f"b{i}", email=f"{word}b{i}", visits=i, born=datetime.date(2000, 1, 1)) for i in range(20)])
        s.commit()
        analytics(s, ada)
        searched(s)
        found = s.scalars(sa.select(Customer).where(Customer.name.like("b%")).order_by(Customer.id).execution_options(yield_per=6))
        print([c.email for c in found])
        s.delete(ada)
        s.commit()
        print(s.scalars(sa.select(sa.func.count()).select_from(Order)).one())


def core(e):
    customers = Customer.__table__
    with e.begin() as conn:
        print(conn.execute(customers.insert().returning(customers.c.email, customers.c.token), {"name": "core", "email": f"{word}core", "token": uuid.UUID(int=7)}).all())
        upsert = pg.insert(customers).values(name="up", email=f"{word}core", visits=3)
        print(conn.execute(upsert.on_conflict_do_update(index_elements=["email"], set_={"visits": upsert.excluded.visits}).returning(customers.c.name, customers.c.visits)).all())
        conn.execute(customers.insert(), [{"name": "many", "email": f"{word}m{i}", "visits": i} for i in range(30)])
        print(conn.execute(sa.text("SELECT email, visits FROM customers WHERE email = :mail"), {"mail": f"{word}m7"}).mappings().all())
        print(conn.execute(customers.delete().where(customers.c.email == f"{word}m7")).rowcount)
    with e.connect().execution_options(stream_results=True, max_row_buffer=8) as conn:
        result = conn.execute(sa.select(customers.c.email, customers.c.visits).where(customers.c.name == "many").order_by(customers.c.id))
        print(result.keys(), result.fetchmany(3), len(result.all()))


def reflection(e):
    inspector = sa.inspect(e)
    print(sorted(inspector.get_table_names()), inspector.get_view_names())
    for table in ("customers", "orders", "contacts"):
        for c in inspector.get_columns(table):
            print(table, c["name"], repr(c["type"]), c["nullable"], c["default"])
    for table in ("customers", "orders"):
        print(inspector.get_pk_constraint(table), inspector.get_foreign_keys(table))
        print(sorted((i["name"], i["column_names"], i["unique"]) for i in inspector.get_indexes(table)))
        print(sorted((u["name"], u["column_names"]) for u in inspector.get_unique_constraints(table)))
    meta = sa.MetaData()
    meta.reflect(e)
    with e.begin() as conn:
        t = meta.tables["customers"]
        conn.execute(t.insert(), {"name": "reflected", "email": f"{word}r", "ssn": f"{word}r", "visits": 5, "born": datetime.date(2024, 2, 29), "vip": False})
        print(conn.execute(sa.select(t).where(t.c.ssn == f"{word}r", t.c.visits == 5, t.c.born == datetime.date(2024, 2, 29))).mappings().all())


if "refused" in sys.argv:
    refused()
    sys.exit()
for options in ({}, {"executemany_mode": "values_plus_batch", "isolation_level": "REPEATABLE READ"}):
    e = engine(**options)
    orm(e)
    core(e)
    reflection(e)
    with e.begin() as conn:
        conn.execute(sa.text("TRUNCATE customers, orders RESTART IDENTITY"))
