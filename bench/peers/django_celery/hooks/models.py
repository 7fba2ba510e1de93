"""Events as they arrived, and the mirror their processing keeps."""

from django.db import models


class StripeEvent(models.Model):
    """One event, unique by Stripe's id."""

    stripe_event_id = models.CharField(max_length=255, unique=True)
    event_type = models.CharField(max_length=255)
    payload = models.JSONField()
    received_at = models.DateTimeField(auto_now_add=True)
    processed_at = models.DateTimeField(null=True, blank=True)
    processing_error = models.TextField(null=True, blank=True)


class Mirror(models.Model):
    """The newest known state of one of Stripe's objects."""

    object_id = models.CharField(max_length=255, primary_key=True)
    object_type = models.CharField(max_length=64)
    customer_id = models.CharField(max_length=255, null=True)
    status = models.CharField(max_length=64, null=True)
    amount = models.BigIntegerField(null=True)
    as_of = models.BigIntegerField()
    updated_at = models.DateTimeField(auto_now=True)
