"""A Django project in one file: its database is the SQLite file that SHOP_DATABASE names."""

from __future__ import annotations

import os

import django
from django.conf import settings
from django.core.management import call_command
from django.db import transaction

from penstock import Handle, Penstock

if not settings.configured:
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["SHOP_DATABASE"]}},
        INSTALLED_APPS=["penstock.django"],
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", verbosity=0)

from penstock import django as outbox

app = Penstock("shop", url=os.environ.get("PENSTOCK_URL", "memory://"), namespace="test")
welcomed: list[int] = []


@app.task
def welcome(user: int) -> int:
    welcomed.append(user)
    return user


def sign_up(user: int, *, then: str = "") -> Handle[int]:
    """Ask for a mail in a transaction. `then`: "fail" before it commits, or "die" as soon as it has."""
    with transaction.atomic():
        if then == "die":
            transaction.on_commit(lambda: os._exit(9))  # comes before the outbox's own
        handle = outbox.enqueue(welcome.s(user))
        if then == "fail":
            raise ValueError("no such user")
    return handle
