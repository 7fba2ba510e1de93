"""Takes a webhook: verify, store once, hand over to Celery after the commit, answer."""

import json

import stripe
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from hooks.models import StripeEvent
from hooks.tasks import process_stripe_event


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """One delivery."""
    signature = request.headers.get("Stripe-Signature", "")
    try:
        event = stripe.Webhook.construct_event(request.body, signature, settings.STRIPE_WEBHOOK_SECRET)
    except (ValueError, stripe.SignatureVerificationError):
        return HttpResponse(status=400)
    try:
        with transaction.atomic():
            stored, created = StripeEvent.objects.get_or_create(
                stripe_event_id=event["id"],
                defaults={"event_type": event["type"], "payload": json.loads(request.body)},
            )
            if created or stored.processed_at is None:
                transaction.on_commit(lambda: process_stripe_event.delay(event["id"]))
    except IntegrityError:
        return HttpResponse(status=200)
    return HttpResponse(status=200)
