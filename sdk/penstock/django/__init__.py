"""Transactional enqueue for Django: a task is sent if, and only if, the transaction commits that asked for it.

Add "penstock.django" to INSTALLED_APPS and run `migrate`. `enqueue(task.s(42))` writes the call into a table in the
current transaction, and sends it when that has committed. What a process that died in between has left behind,
`manage.py penstock_relay shop.tasks:app` sends: run one somewhere. Ids are made by `enqueue`, and the broker takes each
once.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from functools import partial
from typing import TypeVar

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction

from penstock import telemetry
from penstock.app import Penstock
from penstock.errors import ConfigurationError, PenstockError
from penstock.handle import Handle
from penstock.prepared import decode, prepared
from penstock.submission import Signature

__all__ = ["enqueue", "send_committed"]

R = TypeVar("R")
log = logging.getLogger("penstock")
BATCH = 100


def enqueue(call: Signature[R], using: str = DEFAULT_DB_ALIAS) -> Handle[R]:
    """Ask for a task in the current transaction of a database; its handle, of use once that has committed. Outside of
    one, it is sent at once."""
    from penstock.django.models import Waiting

    app = call.app
    if not isinstance(app, Penstock) or call.options.resource or call.definition.options.broadcast:
        raise ConfigurationError("an outbox sends to queues: it takes no resource= and no broadcast tasks")
    id, message = prepared(call, app.connections.now(), telemetry.current())
    Waiting.objects.using(using).create(app=app.name, envelope=message)
    transaction.on_commit(partial(_committed, app, using), using=using)
    return Handle(id, app.connections.tasks, call.definition.returns)


def _committed(app: Penstock, using: str) -> None:
    """The transaction stands, so whoever made it mustn't hear that the broker is away: the relay tries again."""
    try:
        send_committed(app, using)
    except (PenstockError, DatabaseError) as error:
        log.warning("outbox: couldn't send, left to the relay: %s", error)


def send_committed(app: Penstock, using: str = DEFAULT_DB_ALIAS) -> int:
    """Send the oldest of what is committed, and delete it then; how many that were, at most 100. What another has in
    hand is left to it where the database can tell (PostgreSQL, MySQL)."""
    from penstock.django.models import Waiting

    features = connections[using].features
    # Without locks on rows (SQLite), a transaction would hold up the whole database while the broker answers.
    with transaction.atomic(using=using) if features.has_select_for_update else nullcontext():
        rows = Waiting.objects.using(using).filter(app=app.name).order_by("id")
        if features.has_select_for_update:
            rows = rows.select_for_update(skip_locked=features.has_select_for_update_skip_locked)
        found = list(rows[:BATCH])
        if found:
            messages = [decode(bytes(row.envelope)) for row in found]
            app.run(app.send_prepared(messages))
            Waiting.objects.using(using).filter(id__in=[row.id for row in found]).delete()
    return len(found)
