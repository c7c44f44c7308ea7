from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [
        migrations.AddField("Customer", "city", models.CharField(max_length=20, null=True)),
        migrations.AddIndex("Customer", models.Index(fields=["visits"], name="by_visits")),
        migrations.AddField("Order", "paid", models.BooleanField(default=False)),
        migrations.AlterField("Order", "amount", models.DecimalField(max_digits=14, decimal_places=2)),
        migrations.RemoveField("Customer", "city"),
        migrations.RemoveField("Order", "paid"),
    ]
