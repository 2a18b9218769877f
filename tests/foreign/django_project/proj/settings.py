"""As a small project has them: the database and the broker come from the environment."""

from __future__ import annotations

import os
from pathlib import Path

HERE = Path(__file__).parent
SECRET_KEY = "test"
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
ROOT_URLCONF = "proj.urls"
INSTALLED_APPS = ["django.contrib.contenttypes", "penstock.django", "shop"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

if socket := os.environ.get("SHOP_POSTGRES"):
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "postgres",
            "USER": "postgres",
            "HOST": socket,
            "CONN_MAX_AGE": int(os.environ.get("SHOP_CONN_MAX_AGE", "0")),
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ.get("SHOP_DATABASE", "shop.db"),
            "OPTIONS": {"timeout": 30},
        }
    }

PENSTOCK = {
    "APP": "proj.penstock:app",
    "URL": os.environ.get("SHOP_REDIS", "redis://127.0.0.1:1/0"),
    "NAMESPACE": "shop",
    "INLINE": os.environ.get("SHOP_INLINE") == "1",
}
