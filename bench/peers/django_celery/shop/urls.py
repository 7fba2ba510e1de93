"""One address for Stripe, one to see whether the server is up."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from hooks.views import stripe_webhook


def live(_request: HttpRequest) -> HttpResponse:
    """Answers."""
    return HttpResponse(status=200)


urlpatterns = [path("webhooks/stripe", stripe_webhook), path("live", live)]
