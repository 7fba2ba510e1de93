"""The peer's project: Django takes the webhooks, Celery processes them."""

from shop.celery import app as celery_app

__all__ = ["celery_app"]
