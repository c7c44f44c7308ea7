"""What an application of psycopg does, printed, for comparison."""

import datetime
import decimal
import sys
import uuid

import psycopg
from psycopg.types.json import Jsonb

url, word = sys.argv[1:3]

with psycopg.connect(url, autocommit=True) as conn:
    row = (
        1, word, "varchar", 42, True, 0.1, decimal.Decimal("12.34"), datetime.date(2024, 2, 29),
        datetime.datetime(2024, 7, 1, 12, 0, tzinfo=datetime.timezone.utc),
        uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), Jsonb({"k": [1, None, word]}), b"\x00\xff" + word.encode(),
    )
    insert = "INSERT INTO things VALUES (" + ", ".join(["%s"] * len(row)) + ")"
    conn.execute(insert, row)
    conn.execute(insert, (2,) + (None,) * (len(row) - 1))

    for binary in (False, True):
        with conn.cursor(binary=binary) as cur:
            for _ in range(7):  # psycopg prepares a statement that it sees often
                cur.execute("SELECT * FROM things WHERE t = %s", (word,))
            print(cur.fetchall())
            print([(c.name, c.type_code, c.internal_size, c.precision, c.scale) for c in cur.description])
            for column, value in (("i", 42), ("v", "varchar"), ("d", row[7]), ("u", row[9])):
                cur.execute(f"SELECT id FROM things WHERE {column} = %s", (value,))
                print(column, cur.fetchall())
            cur.execute("SELECT id FROM things WHERE t = ANY(%s)", ([word, "nobody"],))
            print(cur.fetchall())

    with conn.cursor() as cur:
        cur.executemany(
            "INSERT INTO things (id, t, i) VALUES (%s, %s, %s) RETURNING t",
            [(i, f"{word}{i}", i) for i in range(10, 15)],
            returning=True,
        )
        while True:
            print(cur.fetchone(), cur.rowcount)
            if not cur.nextset():
                break

    with conn.pipeline():
        cursors = [conn.execute("SELECT t, i FROM things WHERE id = %s", (i,)) for i in range(10, 13)]
        print([c.fetchone() for c in cursors])

    for bad in (
        ("INSERT INTO things (id, t) VALUES (%s, %s)", (3, word)),
        ("INSERT INTO things (id, v) VALUES (%s, %s)", (3, "far too long for it")),
        ("INSERT INTO things (id, i) VALUES (%s, %s::text::int)", (3, "x")),
        ("INSERT INTO things (id, n) VALUES (%s, %s)", (3, decimal.Decimal("1e10"))),
    ):
        try:
            conn.execute(*bad)
            print("stored", bad[0])
        except psycopg.Error as e:
            print(e.sqlstate)

    try:
        with conn.transaction():
            conn.execute("UPDATE things SET v = %s WHERE t = %s", ("in a tx", word))
            with conn.transaction():
                conn.execute("UPDATE things SET v = %s WHERE t = %s", ("nested", word))
            print(conn.execute("SELECT v FROM things WHERE id = 1").fetchone())
            raise psycopg.Rollback()
    except psycopg.Rollback:
        pass
    print(conn.execute("SELECT v FROM things WHERE id = 1").fetchone())
    print(conn.execute("SELECT id, t, v, i FROM things ORDER BY id").fetchall())
