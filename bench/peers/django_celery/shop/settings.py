"""Settings of a fresh Django project, with PostgreSQL connections kept open and Celery over RabbitMQ.

From the environment: PEER_DATABASE_URL, PEER_BROKER_URL, PEER_WEBHOOK_SECRET, and PEER_POOL (connections of a pool per
process; without it each thread keeps one connection).
"""

import os
from urllib.parse import unquote, urlsplit

_database = urlsplit(os.environ["PEER_DATABASE_URL"])
_pool = os.environ.get("PEER_POOL")

SECRET_KEY = "for the bench alone"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", "hooks"]
# What `startproject` writes, but for messages and the admin.
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": _database.hostname,
        "PORT": _database.port,
        "USER": _database.username,
        "PASSWORD": unquote(_database.password or ""),
        "NAME": _database.path.lstrip("/"),
        "CONN_MAX_AGE": 0 if _pool else 600,
        "OPTIONS": {"pool": {"min_size": 2, "max_size": int(_pool)}} if _pool else {},
    }
}
STRIPE_WEBHOOK_SECRET = os.environ["PEER_WEBHOOK_SECRET"]
CELERY_BROKER_URL = os.environ["PEER_BROKER_URL"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "peer"
