from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            name="Customer",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=60)),
                ("email", models.CharField(max_length=120, unique=True)),
                ("ssn", models.CharField(max_length=11, null=True)),
                ("born", models.DateField(null=True)),
                ("visits", models.IntegerField(null=True)),
                ("income", models.DecimalField(max_digits=12, decimal_places=2, null=True)),
                ("score", models.FloatField(null=True)),
                ("vip", models.BooleanField(null=True)),
                ("seen", models.DateTimeField(null=True)),
                ("token", models.UUIDField(null=True)),
                ("profile", models.JSONField(null=True)),
                ("photo", models.BinaryField(null=True)),
                ("note", models.TextField(null=True)),
            ],
            options={"db_table": "customers"},
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("customer", models.ForeignKey("shop.Customer", models.CASCADE, related_name="orders")),
                ("amount", models.DecimalField(max_digits=10, decimal_places=2)),
                ("placed", models.DateTimeField()),
                ("card", models.CharField(max_length=16, null=True)),
                ("comment", models.TextField(null=True)),
            ],
            options={"db_table": "orders"},
        ),
    ]
