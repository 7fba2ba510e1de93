"""Processes a stored event: the mirror of its object is brought up to date, and the event is marked."""

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from hooks.models import Mirror, StripeEvent


@shared_task
def process_stripe_event(event_id: str) -> None:
    """Applies one event, once."""
    with transaction.atomic():
        event = StripeEvent.objects.select_for_update().get(stripe_event_id=event_id)
        if event.processed_at is not None:
            return
        item = event.payload["data"]["object"]
        Mirror.objects.update_or_create(
            object_id=item["id"],
            defaults={
                "object_type": item["object"],
                "customer_id": item.get("customer"),
                "status": item.get("status"),
                "amount": item.get("amount_paid") or item.get("amount_total"),
                "as_of": event.payload["created"],
            },
        )
        event.processed_at = timezone.now()
        event.save(update_fields=["processed_at"])
