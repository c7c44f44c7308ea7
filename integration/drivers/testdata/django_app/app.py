"""What an application of Django does, printed for comparison."""

import datetime
import decimal
import io
import os
import sys
import uuid

import django
from django.conf import settings

word = sys.argv[1]
settings.configure(
    INSTALLED_APPS=["shop"], USE_TZ=True, TIME_ZONE="UTC", DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"], "NAME": os.environ["PGDATABASE"],
        "USER": os.environ["PGUSER"], "PASSWORD": os.environ["PGPASSWORD"],
    }},
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import DatabaseError, IntegrityError, connection, transaction  # noqa: E402
from django.db.models import Avg, Case, CharField, Count, Exists, F, Max, Min, OuterRef, Prefetch, Q, Subquery, Sum, Value, When, Window  # noqa: E402
from django.db.models.functions import Coalesce, DenseRank, FirstValue, Lag, Length, Ntile, NullIf, Rank, RowNumber  # noqa: E402
from django.forms import modelform_factory  # noqa: E402
from shop.models import Contact, Customer, Order  # noqa: E402


def refused():
    """An error like any other, and a session that goes on."""
    from django.db.models import Func

    with transaction.atomic():
        Customer.objects.create(name="refused", email=word)
        try:
            with transaction.atomic():
                list(Customer.objects.annotate(up=Func("note", function="quote_ident", output_field=CharField())))
        except DatabaseError as e:
            print(e.__cause__.pgcode)
        print("refused, and usable:", Customer.objects.get(email=word).email)
        transaction.set_rollback(True)


def failure(work):
    try:
        with transaction.atomic():
            work()
        print("no error")
    except DatabaseError as e:
        print(type(e).__name__, e.__cause__.pgcode, e.__cause__.diag.message_primary, e.__cause__.diag.constraint_name)


def command(*args):
    out = io.StringIO()
    call_command(*args, stdout=out, verbosity=1, no_color=True)
    print("".join(line for line in out.getvalue().splitlines(True) if not line.startswith("#")))


def analytics(ada):
    """Queries that group, tell apart and choose."""
    customers, orders = Customer.objects, Order.objects
    print(sorted(customers.exclude(visits=None).values_list("visits", flat=True).distinct())[:3], customers.values("born").distinct().count())
    print(sorted(customers.values_list("born").annotate(n=Count("id")), key=str))
    print(list(customers.values("name").annotate(n=Count("visits", distinct=True), m=Count("ssn")).order_by("name")))
    print([c.note for c in customers.filter(orders__amount__gte=0).distinct().order_by("id")])
    print([(c.email, c.n) for c in customers.annotate(n=Count("orders")).filter(n__gt=0).order_by("-n", "id")])
    print([(o.card, o.customer.note) for o in orders.select_related("customer").only("card", "customer__note").order_by("id")])
    print(list(orders.values("customer__email").annotate(s=Sum("amount")).order_by("s")))
    print(list(customers.annotate(s=Coalesce("ssn", Value("none"))).order_by("id").values_list("s", flat=True)[:4]))
    print(list(customers.annotate(s=Coalesce("ssn", Value("none"))).filter(s="none").order_by("id").values_list("id", flat=True)[:2]))
    print(list(customers.annotate(s=NullIf("visits", Value(7))).order_by("id").values_list("s", flat=True)[:4]))
    kind = Case(When(visits=7, then=Value("seven")), When(born__isnull=True, then=Value("unborn")), default=Value("other"), output_field=CharField())
    print(list(customers.annotate(kind=kind).values("kind").annotate(n=Count("id")).order_by("kind")))
    print(list(customers.annotate(s=Case(When(name="Ada", then="note"), default=Value("hidden"), output_field=CharField())).order_by("id").values_list("s", flat=True)[:2]))
    print(customers.filter(id=ada.id).update(ssn=Case(When(name="Ada", then=Value("1")), default=F("ssn"), output_field=CharField()), note=Coalesce("note", Value("x"), output_field=CharField())), customers.get(id=ada.id).ssn)
    print([c.email for c in customers.filter(Exists(orders.filter(customer=OuterRef("pk"), card=f"{word}1")))])
    print(list(customers.annotate(c=Subquery(orders.filter(customer=OuterRef("pk")).order_by("id").values("card")[:1])).order_by("id").values_list("c", flat=True)[:2]))
    print([c.email for c in customers.filter(id__in=orders.filter(card=f"{word}1").values("customer"))], customers.in_bulk([ada.email], field_name="email").keys())
    print([c.email for c in customers.filter(email=ada.email).union(customers.filter(visits=8)).order_by("id")])
    print([(c.visits, c.row) for c in customers.annotate(row=Window(RowNumber(), partition_by="born", order_by=F("id").asc())).order_by("id")[:4]])
    print(customers.aggregate(n=Count("born", distinct=True), m=Count("id", filter=Q(visits=7))), customers.filter(~Q(visits=7) & ~Q(ssn=None)).count())


def searched():
    """What lists and search boxes ask for."""
    customers = Customer.objects
    print(list(customers.order_by("email").values_list("email", flat=True)[:7]), customers.order_by("-note", "id").first().id)
    print(list(customers.filter(email__contains="b1").order_by("-email").values_list("email", flat=True)), customers.filter(email__startswith=word).count())
    print(customers.filter(Q(email__icontains=word.upper() + "B2") | Q(note__endswith="2")).order_by("id").count(), customers.exclude(email__iendswith="9").count())
    print(list(customers.filter(Q(name__icontains="BUL") & Q(visits__gt=20) | Q(email__icontains="B1") | Q(note__isnull=True) | Q(orders__amount__gte=1000)).order_by("visits", "id").values_list("id", flat=True)))
    print(customers.aggregate(Max("email"), Min("note"), Max("ssn")), customers.filter(email__gt=f"{word}b2", email__lt=f"{word}b3").count())
    print(customers.filter(born__year=2000).count(), customers.filter(born__month=1, born__day__lte=2).count(), customers.annotate(n=Length("note")).filter(n=len(word) + 2).count())
    print(list(customers.values("name").annotate(m=Max("email")).filter(m__contains=word).order_by("-m")))
    bulk = customers.filter(name="bulk")
    print(bulk.filter(visits__range=(5, 9)).update(note="some", visits=F("visits") + 1000), bulk.filter(visits__gte=1000).order_by("email").first().visits)
    print(bulk.filter(visits__gte=1008, email__contains=word).delete(), bulk.filter(note__contains="ome").delete()[0], customers.count())


def computed():
    """Outputs that are computed of sealed values."""
    from django.db.models.functions import Abs, Cast, Collate, Concat, ExtractHour, ExtractYear, Left, Length, Lower, Mod, Round, StrIndex, Substr, Trim, TruncDate, TruncMonth, Upper

    customers = Customer.objects.order_by("id")
    print(list(customers.annotate(x=Concat("name", Value(" <"), "email", Value(">"))).values_list("x", flat=True)))
    print(list(customers.annotate(x=Upper("note"), y=Lower(Left("email", 5)), z=Length("ssn"), t=Trim(Substr("note", 1, 4)), at=StrIndex("email", Value("@"))).values_list("x", "y", "z", "t", "at")))
    print(list(customers.annotate(n=F("visits") + 1, m=F("visits") * F("id"), k=Mod("visits", Value(3)), a=Abs(F("visits") - 100)).values_list("n", "m", "k", "a")))
    print(list(customers.annotate(x=Round("income"), y=F("income") * decimal.Decimal("1.19"), z=Cast("visits", CharField())).values_list("x", "y", "z")))
    print(list(customers.annotate(y=ExtractYear("born"), h=ExtractHour("seen"), m=TruncMonth("seen"), b=TruncMonth("born"), d=TruncDate("seen")).values_list("y", "h", "m", "b", "d")))
    size = Case(When(visits__gt=7, then=Value("often")), When(visits__lte=0, then=Value("never")), default=Value("seldom"), output_field=CharField())
    print(list(customers.annotate(size=size).values_list("size", flat=True)))
    print(list(customers.values_list("profile__a__b", "profile__likes__2")))
    # Aggregates, pages and cursors of them.
    from django.core.paginator import Paginator

    print(Customer.objects.aggregate(Sum("visits"), Avg("visits"), Max("income"), Min("born"), Max("seen"), total=Sum(F("income") * F("visits")), often=Count("id", filter=Q(visits__gt=7))))
    print(list(Customer.objects.values("name").annotate(Sum("visits"), mean=Avg("income"), n=Count("id")).order_by("name")))
    print(list(Customer.objects.annotate(year=ExtractYear("orders__placed")).values("year").annotate(Sum("visits"), latest=Max("seen")).order_by("year")))
    whole = customers.annotate(x=Concat("name", Value(" "), "email"), y=F("visits") + 1)
    # Sorted by sealed values, and found by ranges of them.
    everybody = Customer.objects.order_by("-visits", "born", "id")
    print(list(everybody.values_list("id", "visits")), everybody.first().id, everybody.last().id, everybody.earliest("born").id, everybody.latest("seen", "id").id)
    print([c.id for c in everybody.filter(visits__gt=7)[1:4]], everybody.filter(born__range=("1999-01-01", "2000-12-31")).count(), everybody.filter(visits__gte=100).exclude(income=None).exists())
    print(list(Customer.objects.filter(income__lt=decimal.Decimal("100"), name="bulk").order_by("income").values_list("income", flat=True)))
    print(list(Customer.objects.values("name").annotate(total=Sum("visits")).filter(total__gt=100).order_by("-total")))
    print(list(Customer.objects.values("born").annotate(n=Count("id")).order_by("-n", "born")), list(Customer.objects.annotate(twice=F("visits") * 2).order_by("twice", "id").values_list("twice", flat=True)))
    print([p.object_list for p in Paginator(everybody.filter(visits__lt=10).values_list("id", flat=True), 4)])
    # Reports by what is computed.
    bulk = Customer.objects.filter(name="bulk")
    visits = [F("visits").desc(nulls_last=True), F("id").asc()]
    ranked = bulk.annotate(place=Window(Rank(), order_by=F("visits").desc()), total=Window(Sum("visits"), partition_by=[F("id") % 2], order_by=visits), before=Window(Lag("email"), order_by=visits), first=Window(FirstValue("income"), order_by=visits))
    print([(c.id, c.place, c.total, c.before, c.first) for c in ranked.order_by("id")[:5]], ranked.count(), list(ranked.order_by("place", "id").values_list("place", flat=True)[:6]))
    print(list(bulk.annotate(more=F("visits") - Window(Avg("visits")), part=Window(Ntile(3), order_by=visits), dense=Window(DenseRank(), partition_by="name", order_by=F("born").asc())).values_list("more", "part", "dense").order_by("-more", "id")[:4]))
    print([(c.visits, c.id) for c in bulk.filter(id__lt=9).union(Customer.objects.filter(name="Ada"), all=True).order_by("-visits", "id")])
    print(list(bulk.values_list("email", "id").union(Customer.objects.exclude(name="bulk").values_list("note", "id"), all=True).order_by("email", "id")[:5]))
    print([(c.born, c.visits) for c in Customer.objects.order_by("born", "-visits", "id").distinct("born")], [o.card for o in Order.objects.order_by("customer_id", "-amount").distinct("customer_id")])
    with transaction.atomic():
        print([c.id for c in Customer.objects.select_for_update().order_by(F("visits").desc(nulls_last=True), "id")][:5], list(bulk.order_by(Collate("email", "C").desc()).values_list("email", flat=True)[:3]))
    last = Order.objects.filter(customer=OuterRef("pk")).order_by("-amount", "id")
    print(list(Customer.objects.annotate(last=Subquery(last.values("card")[:1]), n=Count("orders")).filter(visits__gt=0).order_by("id").values_list("id", "last", "n")[:4]))
    spent = Order.objects.filter(customer=OuterRef("pk")).order_by().values("customer").annotate(s=Sum("amount")).values("s")
    print(list(Customer.objects.annotate(spent=Coalesce(Subquery(spent), Value(decimal.Decimal(0)))).order_by("id").values_list("spent", flat=True)[:4]))
    top = Customer.objects.order_by(F("visits").desc(nulls_last=True), "id")[:3]
    print(list(Customer.objects.filter(pk__in=top.values("pk")).order_by("email").values_list("id", flat=True)), top.aggregate(s=Sum("visits"), n=Count("id")), Customer.objects.order_by("email").values("email").distinct().count())
    print(list(Customer.objects.filter(visits=Subquery(Customer.objects.order_by("-visits").exclude(visits=None).values("visits")[:1])).values_list("email", flat=True)))
    print(Customer.objects.filter(pk__in=Order.objects.filter(card__isnull=False).values("customer")).update(visits=F("visits") + 1), list(Customer.objects.filter(profile__missing__isnull=True).order_by("id").values_list("id", flat=True)[:3]))
    months = Customer.objects.annotate(month=TruncMonth("born")).values("month").annotate(n=Count("id"), total=Sum("visits"), mean=Avg("income")).order_by("-month")
    print(list(months), months.count(), months.filter(n__gt=1).count(), list(months.filter(total__gt=7)), list(months.values_list("month", flat=True)[1:3]))
    print(list(Customer.objects.annotate(size=size).values("size").annotate(n=Count("id"), last=Max("seen")).order_by("n", "size")))
    print(list(Customer.objects.values(year=ExtractYear("born"), by=Upper("name")).annotate(n=Count("orders"), m=Count("email", distinct=True)).order_by("year", "by")))
    pages = Paginator(whole.values_list("x", "y"), 2)
    print(pages.count, pages.num_pages, list(pages.page(2)))
    print(whole.count(), whole[:2].count(), [(c.x, c.y) for c in whole.iterator(chunk_size=2)])


def application():
    # The tables are there already: what Django finds in the catalog decides
    # whether the first migration is taken for done.
    command("migrate", "shop", "0001", "--fake-initial")
    command("migrate")
    command("showmigrations", "shop")
    command("inspectdb", "customers", "orders")

    ada = Customer.objects.create(
        name="Ada", email=f"{word}@example.com", ssn=f"{word}1", born=datetime.date(1815, 12, 10), visits=7, income=decimal.Decimal("1234.50"),
        score=0.1, vip=True, seen=datetime.datetime(2024, 7, 1, 12, 30, 15, 123456, tzinfo=datetime.timezone.utc),
        token=uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), profile={"likes": [1, None, word], "a": {"b": "é"}},
        photo=b"\x00\xff'\\" + word.encode(), note=f"it's a \\ note\n\t{word} ünï",
    )
    Customer.objects.create(name="Null", email=f"{word}2@example.com")
    for c in Customer.objects.order_by("id").values():
        print({k: bytes(v) if isinstance(v, memoryview) else v for k, v in c.items()})
    for column, value in (
        ("email", ada.email), ("ssn", ada.ssn), ("born", ada.born), ("visits", 7), ("income", decimal.Decimal("1234.5")), ("token", ada.token), ("ssn", "nobody"),
    ):
        print(column, list(Customer.objects.filter(**{column: value}).values_list("id", flat=True)))
    print(Customer.objects.filter(ssn__isnull=True).exclude(email=ada.email).count(), Customer.objects.filter(email__in=[ada.email, "x"]).count())
    print(list(Customer.objects.filter(Q(visits=7) | Q(born=datetime.date(2000, 1, 1))).values("name")), Customer.objects.filter(token=ada.token).exists())
    print(Customer.objects.get_or_create(email=ada.email, defaults={"name": "again"})[1], Customer.objects.update_or_create(email=ada.email, defaults={"visits": 8})[0].visits)
    print([c.email for c in Contact.objects.filter(ssn=ada.ssn)])

    for i in range(3):
        Order.objects.create(customer=ada, amount=i, placed=datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc), card=f"{word}{i}", comment=f"order {word}")
    found = Order.objects.select_related("customer").get(card=f"{word}1")
    print(found.card, found.comment, found.customer.email)
    print([(c.email, [o.card for o in c.orders.all()]) for c in Customer.objects.order_by("id").prefetch_related(Prefetch("orders", Order.objects.order_by("id")))])
    print(list(Customer.objects.filter(orders__card=f"{word}2").values_list("email", "orders__comment")))
    print(Order.objects.filter(customer__ssn=ada.ssn).aggregate(Sum("amount")), list(Order.objects.values("customer_id").annotate(n=Count("card"))))
    print(Order.objects.filter(card=f"{word}2").update(amount=F("amount") + 1, comment=f"{word} changed"), Order.objects.get(card=f"{word}2").comment)

    ada.ssn, ada.vip, ada.profile = f"{word}x", None, [1, word]
    ada.save()
    ada.refresh_from_db()
    print(ada.ssn, ada.vip, ada.profile, bytes(ada.photo))
    failure(lambda: Customer.objects.create(name="twice", email=ada.email))
    failure(lambda: Customer.objects.create(name="long", email="x", ssn=word + word))
    failure(lambda: Customer.objects.create(name="null", email=None))
    failure(lambda: Customer.objects.filter(id=ada.id).update(visits=2**40))
    form = modelform_factory(Customer, fields=["name", "email"])({"name": "form", "email": ada.email})
    print(form.is_valid(), form.errors.as_json())
    try:
        with transaction.atomic():
            Customer.objects.filter(id=ada.id).update(note=f"{word} undone")
            try:
                with transaction.atomic():
                    Customer.objects.create(name="twice", email=ada.email)
            except IntegrityError:
                print(Customer.objects.select_for_update().get(id=ada.id).note)
            raise KeyError("undone")
    except KeyError:
        pass
    print(Customer.objects.get(id=ada.id).note)

    Customer.objects.bulk_create([Customer(name="bulk", email=f"{word}b{i}", visits=i, born=datetime.date(2000, 1, 1)) for i in range(30)])
    print(len(Customer.objects.bulk_create([Customer(name="bulk", email=f"{word}b1")], ignore_conflicts=True)))
    some = list(Customer.objects.filter(name="bulk").order_by("id")[:3])
    for c in some:
        c.visits += 100
    Customer.objects.bulk_update(some, ["visits"])
    print(list(Customer.objects.filter(visits__in=[100, 101, 102]).order_by("id").values_list("email", "visits")))
    for i, c in enumerate(some):
        c.ssn, c.note, c.born, c.income = f"{word}{i}", f"{word} {i}" if i else None, datetime.date(1999, 1, 1 + i), decimal.Decimal(f"{i}.5")
        c.token, c.profile, c.vip, c.photo, c.score, c.seen = uuid.UUID(int=i), {"i": i}, i == 1, bytes([i]), i / 3, None if i else ada.seen
    Customer.objects.bulk_update(some, ["ssn", "note", "born", "income", "token", "profile", "vip", "photo", "score", "seen"])
    for c in Customer.objects.filter(id__in=[c.id for c in some]).order_by("id").values():
        print({k: bytes(v) if isinstance(v, memoryview) else v for k, v in c.items()})
    computed()
    analytics(ada)
    searched()
    # By a cursor on the server.
    print([(c.visits, c.born) for c in Customer.objects.order_by("-visits", "born", "id").iterator(chunk_size=2)], [c.id for c in Customer.objects.filter(visits__gt=7).order_by("id").iterator(chunk_size=3)])
    print([c.email for c in Customer.objects.filter(name="bulk").order_by("id").iterator(chunk_size=7)][::10])
    print(list(Customer.objects.raw("SELECT * FROM customers WHERE email = %s", [ada.email]))[0].ssn)
    with connection.cursor() as cur:
        cur.execute("SELECT email, visits FROM customers WHERE visits = %s", [103])
        print(cur.fetchall())
    print(ada.delete()[0] > 0, Order.objects.count(), Customer.objects.count())
    command("dumpdata", "shop.order")
    command("migrate", "shop", "0001")
    command("sqlflush")
    with connection.cursor() as cur:
        cur.execute("TRUNCATE customers, orders RESTART IDENTITY")
        cur.execute("DROP TABLE django_migrations")


if "refused" in sys.argv:
    refused()
else:
    application()
