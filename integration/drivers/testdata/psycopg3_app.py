"""What an application of psycopg 3 does, printed for comparison."""

import datetime
import decimal
import sys
import uuid

import psycopg
from psycopg import sql
from psycopg.rows import dict_row, namedtuple_row
from psycopg.types.json import Jsonb

word = sys.argv[1]
utc = datetime.timezone.utc


class Bytes(psycopg.adapt.Loader):
    """A bytea in binary as it is, to be printed; psycopg makes a memoryview of it."""

    format = psycopg.pq.Format.BINARY

    def load(self, data):
        return bytes(data)


psycopg.adapters.register_loader("bytea", Bytes)


def refused():
    """An error like any other, and a session that goes on."""
    with psycopg.connect("", autocommit=True) as conn:
        with conn.transaction(force_rollback=True):
            conn.execute("INSERT INTO customers (name, email) VALUES ('refused', %s)", (word,))
            try:
                with conn.transaction():
                    conn.execute("SELECT quote_ident(note) FROM customers WHERE id > %s", (0,))
            except psycopg.errors.FeatureNotSupported as e:
                print(e.sqlstate)
            print("refused, and usable:", conn.execute("SELECT email FROM customers WHERE email = %s", (word,)).fetchone()[0])


if "refused" in sys.argv:
    refused()
    sys.exit()

columns = "name, email, ssn, born, visits, income, score, vip, seen, token, profile, photo, note"
places = ", ".join(["%s"] * len(columns.split(", ")))


def customer(name, mail, ssn):
    return (
        name, f"{word}{mail}", f"{word}{ssn}", datetime.date(1815, 12, 10), 7, decimal.Decimal("1234.50"), 0.1, True,
        datetime.datetime(2024, 7, 1, 12, 30, 15, 123456, tzinfo=utc), uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        Jsonb({"likes": [1, None, word], "a": {"b": "é"}}), b"\x00\xff'\\" + word.encode(), f"it's a \\ note\n\t{word} ünï",
    )


def crud(conn, kind):
    first = customer(kind, "@example.com", "1")
    row = conn.execute(f"INSERT INTO customers ({columns}) VALUES ({places}) RETURNING id, email, token", first).fetchone()
    print(row[1:])
    me = row[0]
    conn.execute(f"INSERT INTO customers ({columns}) VALUES ({places})", ("Null", f"{word}2@example.com") + (None,) * (len(first) - 2))
    for _ in range(7):  # psycopg prepares a statement that it sees often
        rows = conn.execute("SELECT * FROM customers WHERE email = %s", (first[1],)).fetchall()
    print([r[1:] for r in rows])
    cur = conn.execute("SELECT * FROM customers WHERE ssn IS NULL")
    print([(c.name, c.type_code, c.internal_size, c.precision, c.scale) for c in cur.description], cur.statusmessage)
    print(cur.fetchone()[1:])
    for column, value in (
        ("email", first[1]), ("ssn", first[2]), ("born", first[3]), ("visits", 7), ("income", decimal.Decimal("1234.5")), ("token", first[9]),
        ("ssn", "nobody"), ("ssn", None),
    ):
        found = conn.execute(sql.SQL("SELECT name, {c} FROM customers WHERE {c} = %s").format(c=sql.Identifier(column)), (value,))
        print(column, found.fetchall())
    print(conn.execute("SELECT name FROM customers WHERE email = ANY(%s) ORDER BY id", ([first[1], f"{word}2@example.com"],)).fetchall())
    print(conn.execute("SELECT name FROM customers WHERE visits = ANY(%s) AND born = %s", ([7, 8], first[3])).fetchall())
    print(conn.execute("UPDATE customers SET ssn = %(ssn)s, born = %(born)s WHERE email = %(mail)s RETURNING ssn, born",
                       {"ssn": f"{word}x", "born": datetime.date(2024, 2, 29), "mail": first[1]}).fetchall())
    print(conn.execute("INSERT INTO customers (name, email, visits) VALUES ('up', %s, 8) ON CONFLICT (email) "
                       "DO UPDATE SET visits = EXCLUDED.visits RETURNING name, visits", (first[1],)).fetchall())
    with conn.cursor() as cur:
        cur.executemany("INSERT INTO orders (customer_id, amount, placed, card, comment) VALUES (%s, %s, %s, %s, %s) RETURNING card",
                        [(me, i, datetime.datetime(2024, 1, 1, i), f"{word}{i:06}", None) for i in range(4)], returning=True)
        while True:
            print(cur.fetchone(), cur.rowcount)
            if not cur.nextset():
                break
    for query, args in (
        ("INSERT INTO customers (name, email) VALUES ('twice', %s)", (first[1],)),
        ("INSERT INTO customers (name, email, ssn) VALUES ('long', 'x', %s)", (f"{word}{word}",)),
        ("INSERT INTO customers (name, email, born) VALUES ('date', 'x', %s)", ("2024-02-30",)),
        ("INSERT INTO customers (name, email) VALUES ('null', %s)", (None,)),
        ("UPDATE customers SET visits = %s", (2**40,)),
        ("UPDATE customers SET income = %s", (decimal.Decimal("1e10"),)),
    ):
        try:
            with conn.transaction():
                conn.execute(query, args)
                print("no error", query)
        except psycopg.Error as e:
            print(type(e).__name__, e.sqlstate, e.diag.message_primary, e.diag.constraint_name, e.diag.column_name)
    with conn.transaction():
        try:
            with conn.transaction():
                conn.execute("UPDATE customers SET note = %s WHERE email = %s", (f"{word} nested", first[1]))
                raise psycopg.Rollback()
        except psycopg.Rollback:
            pass
    print(conn.execute("SELECT note FROM customers WHERE email = %s", (first[1],)).fetchone())
    # Where a row lies, and so which comes first, is PostgreSQL's to choose.
    print(sorted(conn.execute("DELETE FROM customers WHERE email = ANY(%s) RETURNING name, email", ([first[1], f"{word}2@example.com"],)).fetchall()))


# Binding on the server (psycopg's own way) and on the client; statements
# prepared at once, never, and after some executions.
for kind in (psycopg.Cursor, psycopg.ClientCursor):
    for threshold in (0, None, 5):
        with psycopg.connect("", autocommit=True, cursor_factory=kind, prepare_threshold=threshold) as conn:
            crud(conn, f"{kind.__name__} {threshold}")

with psycopg.connect("", autocommit=True) as conn:
    # Binary parameters and results.
    first = customer("binary", "@binary", "b")
    conn.execute(f"INSERT INTO customers ({columns}) VALUES ({places.replace('%s', '%b')})", first)
    for binary in (True, False):
        with conn.cursor(binary=binary) as cur:
            cur.execute("SELECT * FROM customers WHERE ssn = %b AND born = %b AND visits = %b", (first[2], first[3], 7))
            print(cur.fetchone()[1:], [c.type_code for c in cur.description])

    # Rows of other shapes.
    with conn.cursor(row_factory=dict_row) as cur:
        print(cur.execute("SELECT name, email, profile FROM customers").fetchone())
    with conn.cursor(row_factory=namedtuple_row) as cur:
        print(cur.execute("SELECT name, email, ssn FROM contacts WHERE ssn = %s", (first[2],)).fetchone())

    # A pipeline, with an error in the middle of it.
    with conn.pipeline():
        for i in range(20):
            conn.execute("INSERT INTO customers (name, email, visits) VALUES ('pipe', %s, %s)", (f"{word}p{i}", i))
        cursors = [conn.execute("SELECT email, visits FROM customers WHERE email = %s", (f"{word}p{i}",)) for i in range(3)]
        print([c.fetchone() for c in cursors])
    try:
        with conn.pipeline() as pipeline:
            kept = conn.execute("SELECT email FROM customers WHERE email = %s", (f"{word}p4",))
            pipeline.sync()
            conn.execute("INSERT INTO customers (name, email) VALUES ('twice', %s)", (f"{word}p5",))
            conn.execute("SELECT 1")
            pipeline.sync()
    except psycopg.Error as e:
        print(type(e).__name__, e.sqlstate, kept.fetchone())
    print(conn.execute("SELECT count(*) FROM customers WHERE visits IS NOT NULL").fetchone())

    # Cursors on the server, and rows that are streamed.
    for binary in (False, True):
        with conn.transaction(), conn.cursor(f"rows {binary}", binary=binary) as cur:
            cur.itersize = 6
            cur.execute("SELECT email, visits, born FROM customers WHERE name = %s ORDER BY id", ("pipe",))
            print(cur.fetchone(), cur.fetchmany(3), len(list(cur)))
            print([(c.name, c.type_code) for c in cur.description])
        with conn.transaction(), conn.cursor(f"sorted {binary}", binary=binary) as cur:
            cur.itersize = 6
            cur.execute("SELECT visits, born, id > 0, income FROM customers WHERE name = %s AND visits >= %s ORDER BY visits DESC, id", ("pipe", 3))
            print(cur.fetchone(), cur.fetchmany(3), list(cur)[::5])
            print([(c.name, c.type_code) for c in cur.description])
    with conn.transaction(), conn.cursor("scrolls", scrollable=True) as cur:
        cur.execute("SELECT email FROM customers WHERE name = 'pipe' ORDER BY id")
        cur.scroll(10)
        print(cur.fetchone())
        cur.scroll(3, mode="absolute")
        print(cur.fetchmany(2))
    with conn.cursor("held", withhold=True) as cur:
        cur.execute("SELECT email FROM customers WHERE email = %s", (f"{word}p7",))
        print(cur.fetchall())
    print(sum(row[1] for row in conn.cursor().stream("SELECT email, visits FROM customers WHERE name = 'pipe'")))

    # COPY by rows and by blocks, text and binary.
    with conn.cursor() as cur:
        with cur.copy("COPY customers (name, email, visits, born, photo) FROM STDIN") as copy:
            for i in range(50):
                copy.write_row(("copied", f"{word}c{i}\t\\", i, datetime.date(2000, 1, 1), bytes(range(i))))
        print(cur.rowcount)
        with cur.copy("COPY customers (name, email, visits, born, seen, token, photo) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["varchar", "varchar", "int4", "date", "timestamptz", "uuid", "bytea"])
            for i in range(50):
                copy.write_row(("binary", f"{word}d{i}", None if i % 2 else i, first[3], first[8], first[9], b"\x00" * i))
        print(cur.rowcount)
        with cur.copy("COPY (SELECT name, email, visits, photo FROM customers WHERE name = 'copied' ORDER BY id LIMIT 5) TO STDOUT") as copy:
            print(list(copy.rows()))
        with cur.copy("COPY (SELECT email, visits, born, seen, token, photo FROM customers WHERE name = 'binary' ORDER BY id LIMIT 5) TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["varchar", "int4", "date", "timestamptz", "uuid", "bytea"])
            print(list(copy.rows()))
        with cur.copy("COPY orders TO STDOUT (FORMAT csv, HEADER)") as copy:
            print(b"".join(bytes(b) for b in copy))
        try:
            with cur.copy("COPY customers (name, email) FROM STDIN") as copy:
                copy.write_row(("twice", f"{word}d1"))
        except psycopg.Error as e:
            print(e.sqlstate, e.diag.constraint_name)
        try:
            with cur.copy("COPY customers (name, email) FROM STDIN") as copy:
                copy.write_row(("left", f"{word}left"))
                raise KeyError("given up")
        except psycopg.errors.QueryCanceled as e:
            print(e.sqlstate, e.diag.message_primary)
    print(conn.execute("SELECT count(*), count(photo) FROM customers").fetchone())
    print(conn.execute("SELECT email, visits, photo FROM customers WHERE email = %s", (f"{word}d4",)).fetchone())

    conn.add_notify_handler(lambda n: print(n.channel, n.payload))
    conn.execute("LISTEN news")
    conn.execute("SELECT pg_notify('news', 'paper')")
    conn.execute("TRUNCATE customers, orders RESTART IDENTITY")
