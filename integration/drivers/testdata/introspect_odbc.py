"""What ODBC's catalog functions say of a database, printed for comparison."""

import os

import pyodbc

pyodbc.pooling = False
conn = pyodbc.connect(";".join(f"{k}={v}" for k, v in {
    "DRIVER": "{PostgreSQL Unicode}", "SERVER": os.environ["PGHOST"], "PORT": os.environ["PGPORT"], "DATABASE": os.environ["PGDATABASE"],
    "UID": os.environ["PGUSER"], "PWD": os.environ["PGPASSWORD"], "SSLMODE": "disable"}.items()))
cur = conn.cursor()
database = os.environ["PGDATABASE"]
# Object identifiers differ from server to server.
plain = lambda rows: [[c for c in r if not (isinstance(c, int) and c >= 16384)] for r in rows]
for row in plain(cur.tables(schema="public").fetchall()):
    print(row)
for table in ("customers", "orders", "contacts"):
    for row in plain(cur.columns(table=table).fetchall()):
        print(row)
    for row in plain(cur.statistics(table).fetchall()):
        print(row)
    for row in plain(cur.primaryKeys(table).fetchall()):
        print(row)
    for row in plain(cur.rowIdColumns(table).fetchall()):
        print(row)
