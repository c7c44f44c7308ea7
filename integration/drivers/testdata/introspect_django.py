"""What Django's inspectdb makes of a database, printed for comparison."""

import io
import os

import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=[], USE_TZ=True, TIME_ZONE="UTC",
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"], "NAME": os.environ["PGDATABASE"],
        "USER": os.environ["PGUSER"], "PASSWORD": os.environ["PGPASSWORD"],
    }},
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

out = io.StringIO()
call_command("inspectdb", include_views=True, stdout=out)
print(out.getvalue())
with connection.cursor() as cursor:
    for table in sorted(connection.introspection.get_table_list(cursor), key=lambda t: t.name):
        print(table)
        print(connection.introspection.get_table_description(cursor, table.name))
        for name, c in sorted(connection.introspection.get_constraints(cursor, table.name).items()):
            print(" ", name, sorted(c.items(), key=str))
