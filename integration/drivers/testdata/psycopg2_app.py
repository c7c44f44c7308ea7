"""What an application of psycopg2 does, printed for comparison."""

import csv
import datetime
import decimal
import io
import sys
import uuid

import psycopg2
import psycopg2.errors
import psycopg2.extras
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT

word = sys.argv[1]
psycopg2.extras.register_uuid()
utc = datetime.timezone.utc


def refused():
    """An error like any other, and a session that goes on."""
    conn = psycopg2.connect("")
    cur = conn.cursor()
    cur.execute("INSERT INTO customers (name, email) VALUES ('refused', %s)", (word,))
    cur.execute("SAVEPOINT s")
    try:
        cur.execute("SELECT quote_ident(note) FROM customers")
    except psycopg2.errors.FeatureNotSupported as e:
        print(e.pgcode)
    cur.execute("ROLLBACK TO s")
    cur.execute("SELECT email FROM customers WHERE email = %s", (word,))
    print("refused, and usable:", cur.fetchone()[0])
    conn.rollback()


if "refused" in sys.argv:
    refused()
    sys.exit()

conn = psycopg2.connect("")
cur = conn.cursor()

# Adapters: every type as a parameter and as a result.
columns = "name, email, ssn, born, visits, income, score, vip, seen, token, profile, photo, note"
first = (
    "Ada", f"{word}@example.com", f"{word}1", datetime.date(1815, 12, 10), 7, decimal.Decimal("1234.50"), 0.1, True,
    datetime.datetime(2024, 7, 1, 12, 30, 15, 123456, tzinfo=utc), uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    psycopg2.extras.Json({"likes": [1, None, word], "a": {"b": "é"}}), psycopg2.Binary(b"\x00\xff'\\" + word.encode()),
    f"it's a \\ note\n\t{word} ünï",
)
places = ", ".join(["%s"] * len(first))
cur.execute(f"INSERT INTO customers ({columns}) VALUES ({places}) RETURNING id, email, born", first)
print(cur.fetchone(), cur.rowcount, cur.statusmessage)
cur.execute(f"INSERT INTO customers ({columns}) VALUES ({places}) RETURNING *", ("Null", f"{word}2@example.com") + (None,) * (len(first) - 2))
print(cur.fetchone())
conn.commit()
cur.execute("SELECT * FROM customers ORDER BY id")
for row in cur:
    print([bytes(v) if isinstance(v, memoryview) else v for v in row])
print([(d.name, d.type_code, d.display_size, d.internal_size, d.precision, d.scale, d.null_ok) for d in cur.description])
for column, value in (
    ("email", first[1]), ("ssn", first[2]), ("born", first[3]), ("visits", 7), ("income", decimal.Decimal("1234.5")), ("token", first[9]),
    ("ssn", "nobody"), ("ssn", None),
):
    cur.execute(f"SELECT id, {column} FROM customers WHERE {column} = %s", (value,))
    print(column, cur.fetchall())
cur.execute("SELECT id FROM customers WHERE email IN %s ORDER BY id", ((first[1], f"{word}2@example.com", "x"),))
print(cur.fetchall())
cur.execute("SELECT id FROM customers WHERE visits = ANY(%s) ORDER BY id", ([7, 8],))
print(cur.fetchall())
cur.execute("SELECT id FROM customers WHERE ssn IS NULL AND email <> %(mail)s", {"mail": first[1]})
print(cur.fetchall())

# Rows in bulk.
psycopg2.extras.execute_values(
    cur,
    "INSERT INTO customers (name, email, visits, born) VALUES %s",
    [(f"n{i}", f"{word}bulk{i}", i, datetime.date(2000, 1, 1) + datetime.timedelta(days=i)) for i in range(250)],
)
print(psycopg2.extras.execute_values(
    cur,
    "INSERT INTO orders (customer_id, amount, placed, card, comment) VALUES %s RETURNING id, card",
    [(1, i, datetime.datetime(2024, 1, 1, i), f"{word}{i:06}", f"order {word}") for i in range(5)],
    template="(%s, %s, %s, %s, %s)",
    fetch=True,
))
psycopg2.extras.execute_batch(cur, "UPDATE customers SET note = %s WHERE email = %s", [(f"{word} {i}", f"{word}bulk{i}") for i in range(150)])
cur.executemany("UPDATE customers SET ssn = %s WHERE email = %s", [(f"b{i}", f"{word}bulk{i}") for i in range(3)])
cur.execute("SELECT count(*), count(note), count(ssn) FROM customers")
print(cur.fetchone())
conn.commit()
cur.execute("SELECT c.name, c.email, o.card, o.comment FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.ssn = %s ORDER BY o.id", (first[2],))
print(cur.fetchall())

# Dictionaries, named tuples.
with conn.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as rows:
    rows.execute("SELECT id, email, profile FROM customers WHERE id = 1")
    print(dict(rows.fetchone()))
with conn.cursor(cursor_factory=psycopg2.extras.NamedTupleCursor) as rows:
    rows.execute("SELECT * FROM contacts WHERE ssn = %s", (first[2],))
    print(rows.fetchone())

# Errors, savepoints, transactions.
for sql, args in (
    ("INSERT INTO customers (name, email) VALUES ('twice', %s)", (first[1],)),
    ("INSERT INTO customers (name, email, ssn) VALUES ('long', 'x', %s)", (f"{word}{word}",)),
    ("INSERT INTO customers (name, email, born) VALUES ('date', 'x', %s)", ("2024-02-30",)),
    ("INSERT INTO customers (name, email) VALUES ('null', %s)", (None,)),
    ("UPDATE customers SET visits = %s WHERE id = 1", (2**40,)),
    ("SELECT nothing FROM customers", ()),
):
    cur.execute("SAVEPOINT a")
    try:
        cur.execute(sql, args)
        print("no error:", sql)
    except psycopg2.Error as e:
        d = e.diag
        print(type(e).__name__, e.pgcode, d.severity, d.message_primary, d.message_detail, d.constraint_name, d.table_name, d.column_name, d.statement_position)
    cur.execute("ROLLBACK TO SAVEPOINT a")
conn.commit()
try:
    with conn:
        cur.execute("UPDATE customers SET ssn = %s WHERE id = 1", (f"{word}t",))
        cur.execute("SELECT ssn FROM customers WHERE id = 1")
        print(cur.fetchone())
        raise KeyError("undone")
except KeyError:
    pass
cur.execute("SELECT ssn FROM customers WHERE id = 1")
print(cur.fetchone())
cur.execute("INSERT INTO customers (name, email, note) VALUES ('up', %s, 'x') ON CONFLICT (email) DO UPDATE SET note = EXCLUDED.note, name = EXCLUDED.name RETURNING name, email", (first[1],))
print(cur.fetchall())
cur.execute("DELETE FROM customers WHERE ssn = %s RETURNING ssn", ("b1",))
print(cur.fetchall(), cur.rowcount)
cur.execute("SELECT 1; UPDATE customers SET ssn = %s WHERE ssn = 'b2' RETURNING ssn", (f"{word}3",))
print(cur.fetchall())
conn.commit()

# A session's settings.
conn.set_client_encoding("LATIN1")
cur.execute("UPDATE customers SET note = %s WHERE id = 1 RETURNING note", ("ünï",))
print(cur.fetchone())
conn.set_client_encoding("UTF8")
cur.execute("SET timezone = 'Asia/Tokyo'")
cur.execute("SELECT seen FROM customers WHERE born = '1815-12-10'")
print(cur.fetchall())
cur.execute("UPDATE customers SET seen = '2024-01-01 00:00' WHERE id = 2 RETURNING seen")
print(cur.fetchall())
conn.rollback()
conn.set_session(isolation_level="SERIALIZABLE", readonly=True)
cur.execute("SELECT email FROM customers WHERE id = 1")
print(cur.fetchall())
try:
    cur.execute("DELETE FROM customers WHERE ssn = 'b2'")
except psycopg2.Error as e:
    print(e.pgcode)
conn.rollback()
conn.set_session(isolation_level="DEFAULT", readonly=False)

# Named cursors: DECLARE, FETCH, MOVE.
with conn.cursor("rows") as named:
    named.itersize = 50
    named.execute("SELECT id, email, note FROM customers WHERE visits IS NOT NULL ORDER BY id")
    print(named.fetchone(), len(named.fetchmany(10)), sum(1 for _ in named))
    print([d.name for d in named.description])
with conn.cursor("scrolls", scrollable=True) as named:
    named.execute("SELECT id, email FROM customers WHERE email = ANY(%s) ORDER BY id", ([f"{word}bulk{i}" for i in range(20)],))
    named.scroll(5)
    print(named.fetchone())
    named.scroll(2, mode="absolute")
    print(named.fetchmany(2))
    named.scroll(-1)
    print(named.fetchone())
with conn.cursor("held", withhold=True) as named:
    named.execute("SELECT email FROM customers WHERE visits = 7 ORDER BY id")
    conn.commit()
    print(named.fetchall())
conn.commit()

# COPY.
out = io.StringIO()
cur.copy_expert("COPY (SELECT id, email, born, note FROM customers WHERE id < 6 ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER, FORCE_QUOTE (email))", out)
print(out.getvalue())
rows = list(csv.reader(io.StringIO(out.getvalue())))
print(len(rows), rows[1])
data = io.StringIO("".join(f"copied\t{word}copy{i}\t{i}\t\\N\ta\\tb{word}\n" for i in range(100)))
cur.copy_from(data, "customers", columns=("name", "email", "visits", "ssn", "note"))
print(cur.rowcount)
cur.copy_expert("COPY customers (name, email, income) FROM STDIN WITH (FORMAT csv, NULL '-')", io.StringIO(f'"a, b",{word}csv,-\n"c ""d""","{word}csv2",12.30\n'))
print(cur.rowcount)
cur.execute("SELECT name, email, visits, ssn, income, note FROM customers WHERE email = ANY(%s) ORDER BY id", ([f"{word}copy7", f"{word}csv", f"{word}csv2"],))
print(cur.fetchall())
out = io.StringIO()
cur.copy_to(out, "orders", sep="|", null="NULL", columns=("id", "card", "comment"))
print(out.getvalue())
conn.commit()
for data in (f"x\t{word}copy1\n", "x\n", f"x\t{word}fit\n"):
    try:
        cur.copy_expert("COPY customers (name, email) FROM STDIN", io.StringIO(data))
        print(cur.rowcount)
    except psycopg2.Error as e:
        print(e.pgcode, e.diag.constraint_name)
    conn.rollback()

# Notifications, and autocommit.
conn.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
cur.execute("LISTEN news")
cur.execute("NOTIFY news, 'paper'")
conn.poll()
print([(n.channel, n.payload) for n in conn.notifies])
cur.execute("DO $$ BEGIN RAISE NOTICE 'noticed'; END $$")
print([n.strip() for n in conn.notices])
cur.execute("TRUNCATE customers, orders RESTART IDENTITY")
conn.close()
