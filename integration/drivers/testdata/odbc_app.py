"""What an application of ODBC does, printed for comparison."""

import datetime
import decimal
import os
import sys

import pyodbc

word = sys.argv[1]
pyodbc.pooling = False


def connect(**options):
    parts = {
        "DRIVER": "{PostgreSQL Unicode}", "SERVER": os.environ["PGHOST"], "PORT": os.environ["PGPORT"], "DATABASE": os.environ["PGDATABASE"],
        "UID": os.environ["PGUSER"], "PWD": os.environ["PGPASSWORD"], "SSLMODE": "disable", **options,
    }
    return pyodbc.connect(";".join(f"{k}={v}" for k, v in parts.items()))


def refused():
    """An error like any other, and a session that goes on."""
    conn = connect()
    cur = conn.cursor()
    cur.execute("INSERT INTO customers (name, email) VALUES ('refused', ?)", word)
    cur.execute("SAVEPOINT s")
    try:
        cur.execute("SELECT quote_ident(note) FROM customers WHERE id > ?", 0)
    except pyodbc.Error as e:
        print(e.args[0])
    cur.execute("ROLLBACK TO s")
    print("refused, and usable:", cur.execute("SELECT email FROM customers WHERE email = ?", word).fetchone()[0])
    conn.rollback()


def application(**options):
    print(options)
    conn = connect(**options)
    cur = conn.cursor()
    columns = "name, email, ssn, born, visits, income, score, vip, seen, token, profile, photo, note"
    places = ", ".join("?" for _ in columns.split(","))
    ada = (
        "Ada", f"{word}@example.com", f"{word}1", datetime.date(1815, 12, 10), 7, decimal.Decimal("1234.50"), 0.1, True,
        datetime.datetime(2024, 7, 1, 12, 30, 15, 123456), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", f'{{"likes": [1, null, "{word}"]}}',
        b"\x00\xff'\\" + word.encode(), f"it's a \\ note\n\t{word} ünï",
    )
    print(cur.execute(f"INSERT INTO customers ({columns}) VALUES ({places})", ada).rowcount)
    cur.execute("INSERT INTO customers (name, email, ssn) VALUES (?, ?, ?)", "Null", f"{word}2@example.com", None)
    conn.commit()
    cur.execute("SELECT * FROM customers ORDER BY id")
    print([d[:6] for d in cur.description])
    for row in cur.fetchall():
        print(tuple(row))
    for column, value in (
        ("email", ada[1]), ("ssn", ada[2]), ("born", ada[3]), ("visits", 7), ("income", decimal.Decimal("1234.5")), ("token", ada[9]), ("ssn", "nobody"),
    ):
        print(column, [tuple(r) for r in cur.execute(f"SELECT id, {column} FROM customers WHERE {column} = ?", value).fetchall()])
    print([tuple(r) for r in cur.execute("SELECT id FROM customers WHERE email IN (?, ?) ORDER BY id", ada[1], f"{word}2@example.com")])
    print([tuple(r) for r in cur.execute("UPDATE customers SET ssn = ?, born = ? WHERE id = 1 RETURNING ssn, born", f"{word}x", datetime.date(2024, 2, 29))])
    for sql, args in (
        ("INSERT INTO customers (name, email) VALUES ('twice', ?)", (ada[1],)),
        ("INSERT INTO customers (name, email, ssn) VALUES ('long', 'x', ?)", (word + word,)),
        ("INSERT INTO customers (name, email, born) VALUES ('date', 'x', ?)", ("2024-02-30",)),
        ("UPDATE customers SET visits = ?", ("99999999999",)),
        ("SELECT nothing FROM customers WHERE email = ?", (word,)),
    ):
        cur.execute("SAVEPOINT a")
        try:
            cur.execute(sql, args)
            print("no error", sql)
        except pyodbc.Error as e:
            print(type(e).__name__, e.args)
        cur.execute("ROLLBACK TO SAVEPOINT a")
    conn.commit()
    cur.execute("UPDATE customers SET note = ? WHERE ssn = ?", f"{word} undone", f"{word}x")
    conn.rollback()
    print(tuple(cur.execute("SELECT note FROM customers WHERE ssn = ?", f"{word}x").fetchone()))

    # Rows in bulk, read in portions.
    cur.executemany(
        "INSERT INTO orders (customer_id, amount, placed, card, comment) VALUES (1, ?, ?, ?, ?)",
        [(i, datetime.datetime(2024, 1, 1), f"{word}{i}", f"order {word}") for i in range(60)],
    )
    conn.commit()
    cur.execute("SELECT card, comment FROM orders ORDER BY id")
    print(tuple(cur.fetchone()), len(cur.fetchmany(10)), len(cur.fetchall()))
    cur.execute("SELECT c.email, o.card FROM customers c JOIN orders o ON o.customer_id = c.id WHERE o.card = ?", f"{word}42")
    print([tuple(r) for r in cur.fetchall()])
    print(cur.execute("DELETE FROM orders WHERE card = ?", f"{word}7").rowcount)

    # Introspection.
    for c in cur.columns(table="customers", schema="public"):
        print(c.column_name, c.data_type, c.type_name, c.column_size, c.buffer_length, c.decimal_digits, c.nullable)
    print(sorted(t.table_name for t in cur.tables(schema="public", tableType="TABLE")))
    print([(s.index_name, s.column_name, s.non_unique) for s in cur.statistics("customers", schema="public") if s.index_name])
    print([k.column_name for k in cur.primaryKeys("customers", schema="public")])
    conn.commit()
    cur.execute("TRUNCATE customers, orders RESTART IDENTITY")
    conn.commit()
    conn.close()


if "refused" in sys.argv:
    refused()
    sys.exit()
for declare in (0, 1):
    for prepare in (0, 1):
        application(UseDeclareFetch=declare, UseServerSidePrepare=prepare, Fetch=7)
application(Protocol="7.4-2")  # a savepoint for each statement
