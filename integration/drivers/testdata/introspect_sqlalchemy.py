"""What SQLAlchemy reflects of a database, printed for comparison."""

import os

from sqlalchemy import MetaData, create_engine, inspect
from sqlalchemy.schema import CreateIndex, CreateTable

url = os.environ["DATABASE_URL"].split("?")[0].replace("postgres://", "postgresql+psycopg2://")
engine = create_engine(url)
i = inspect(engine)
print(i.get_schema_names())
for name in sorted(i.get_table_names()) + sorted(i.get_view_names()):
    print(name)
    for column in i.get_columns(name):
        print(" ", column["name"], column["type"], column["nullable"], column["default"], column.get("comment"))
    print(" ", i.get_pk_constraint(name))
    for what in (i.get_unique_constraints(name), i.get_indexes(name), i.get_foreign_keys(name), i.get_check_constraints(name)):
        for x in sorted(what, key=lambda x: x["name"]):
            print(" ", sorted(x.items(), key=str))
for name in i.get_view_names():
    print(i.get_view_definition(name))
metadata = MetaData()
metadata.reflect(engine)
for table in metadata.sorted_tables:
    print(CreateTable(table).compile(engine))
    for index in sorted(table.indexes, key=lambda x: x.name):
        print(CreateIndex(index).compile(engine))
