from django.db import models


class Customer(models.Model):
    name = models.CharField(max_length=60)
    email = models.CharField(max_length=120, unique=True)
    ssn = models.CharField(max_length=11, null=True)
    born = models.DateField(null=True)
    visits = models.IntegerField(null=True)
    income = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    score = models.FloatField(null=True)
    vip = models.BooleanField(null=True)
    seen = models.DateTimeField(null=True)
    token = models.UUIDField(null=True)
    profile = models.JSONField(null=True)
    photo = models.BinaryField(null=True)
    note = models.TextField(null=True)

    class Meta:
        db_table = "customers"


class Order(models.Model):
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="orders")
    amount = models.DecimalField(max_digits=10, decimal_places=2)
    placed = models.DateTimeField()
    card = models.CharField(max_length=16, null=True)
    comment = models.TextField(null=True)

    class Meta:
        db_table = "orders"


class Contact(models.Model):
    name = models.CharField(max_length=60)
    email = models.CharField(max_length=120)
    ssn = models.CharField(max_length=11)

    class Meta:
        db_table = "contacts"
        managed = False
