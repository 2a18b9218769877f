"""Django: a task is sent if, and only if, the transaction commits; on a database in a file, with crashes in between."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest

from penstock import ConfigurationError, Penstock, UnknownTask
from penstock.connections import Connections

DIES = "from tests.tutorial import django_shop; django_shop.sign_up(42, then='die')"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("django") / "shop.db"


@pytest.fixture
def shop(database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """With an empty outbox and an empty broker."""
    monkeypatch.setenv("SHOP_DATABASE", str(database))
    from tests.tutorial import django_shop

    from penstock.django.models import Waiting

    django_shop.app.connections = Connections("memory://", "test")
    yield django_shop
    Waiting.objects.all().delete()


def ready(app: Penstock) -> int:
    return app.run(app.queue().depth()).ready


def waiting() -> int:
    from penstock.django.models import Waiting

    return int(Waiting.objects.count())


def test_what_commits_is_sent(shop: ModuleType) -> None:
    handle = shop.sign_up(42)
    assert (ready(shop.app), waiting()) == (1, 0)
    assert handle.status_sync().phase == "Queued"


def test_what_is_rolled_back_is_not(shop: ModuleType) -> None:
    with pytest.raises(ValueError, match="no such user"):
        shop.sign_up(42, then="fail")
    assert (ready(shop.app), waiting()) == (0, 0)


def test_nothing_is_sent_before(shop: ModuleType) -> None:
    from django.db import transaction

    with transaction.atomic():
        handle = shop.outbox.enqueue(shop.welcome.s(1))
        with pytest.raises(UnknownTask):
            handle.status_sync()
    assert handle.status_sync().phase == "Queued"


def test_what_a_dead_process_left_behind_is_relayed(shop: ModuleType, database: Path) -> None:
    from django.core.management import call_command

    environment = os.environ | {"SHOP_DATABASE": str(database), "PYTHONPATH": ":".join(["sdk", ".", *sys.path])}
    died = subprocess.run([sys.executable, "-c", DIES], env=environment, check=False, timeout=60)
    assert died.returncode == 9
    assert (ready(shop.app), waiting()) == (0, 1)
    call_command("penstock_relay", "tests.tutorial.django_shop:app", once=True, stdout=StringIO())
    assert (ready(shop.app), waiting()) == (1, 0)


def test_a_broker_that_is_away_is_no_error_of_the_transaction(
    shop: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = shop.app.connections
    monkeypatch.setattr(shop.app, "connections", Connections("redis://127.0.0.1:1/0", "test"))
    shop.sign_up(42)
    assert waiting() == 1
    monkeypatch.setattr(shop.app, "connections", there)
    shop.sign_up(43)  # sends what waits, too
    assert (ready(shop.app), waiting()) == (2, 0)


def test_only_what_goes_to_queues(shop: ModuleType) -> None:
    with pytest.raises(ConfigurationError, match="an outbox sends to queues"):
        shop.outbox.enqueue(shop.welcome.options(resource=True).s(1))


def test_the_migrations_are_complete(shop: ModuleType) -> None:
    from django.core.management import call_command

    call_command("makemigrations", "penstock", check=True, dry_run=True, verbosity=0)
