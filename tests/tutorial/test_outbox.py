"""A task is sent if, and only if, the transaction commits: on a database in a file, with crashes in between."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, create_engine, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from tests.waiting import wait_for

from penstock import ConfigurationError, Penstock, UnknownTask
from penstock.sqlalchemy import Outbox
from penstock.testing import worker

metadata = MetaData()
users = Table("users", metadata, Column("id", Integer, primary_key=True))


class Shop:
    """An app whose sign-up writes a user and asks for a mail in one transaction."""

    def __init__(self, url: str) -> None:
        self.app = Penstock("shop", url=url, namespace="test")
        self.outbox = Outbox(self.app, MetaData())
        self.welcomed: list[int] = []

        @self.app.task
        async def welcome(user: int) -> int:
            self.welcomed.append(user)
            return user

        self.welcome = welcome


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


@pytest.fixture
def engine(database: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{database}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def shop(engine: Engine) -> Shop:
    shop = Shop("memory://")
    shop.outbox.metadata.create_all(engine)
    return shop


def waiting(shop: Shop, engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(shop.outbox.table)).scalar_one()


async def test_what_commits_is_sent(shop: Shop, engine: Engine) -> None:
    async with worker(shop.app), shop.outbox.relaying(engine):
        with Session(engine) as session:
            session.execute(insert(users).values(id=42))
            handle = shop.outbox.enqueue(session, shop.welcome.s(42))
            with pytest.raises(UnknownTask):
                await handle.status()  # nothing is sent before
            session.commit()
        async with asyncio.timeout(5):
            while not shop.welcomed:  # noqa: ASYNC110 — the task itself tells
                await asyncio.sleep(0.01)
        assert await handle.result(timeout=5) == 42
    assert waiting(shop, engine) == 0


async def test_what_is_rolled_back_is_not(shop: Shop, engine: Engine) -> None:
    with Session(engine) as session:
        shop.outbox.enqueue(session, shop.welcome.s(42))
        session.rollback()
    assert await shop.outbox.send_committed(engine) == 0
    assert (await shop.app.queue().depth()).backlog == 0


async def test_an_async_session_is_the_same(shop: Shop, engine: Engine, database: Path) -> None:
    asynchronous = create_async_engine(f"sqlite+aiosqlite:///{database}")
    async with AsyncSession(asynchronous) as session:
        shop.outbox.enqueue(session, shop.welcome.s(42))
        await session.commit()
    assert await shop.outbox.send_committed(asynchronous) == 1
    await asynchronous.dispose()
    assert (await shop.app.queue().depth()).ready == 1


async def test_what_was_sent_and_not_deleted_is_not_sent_twice(shop: Shop, engine: Engine) -> None:
    with Session(engine) as session:
        shop.outbox.enqueue(session, shop.welcome.s(42))
        session.commit()

    class Crash(Exception):
        pass

    def crash(*_: object) -> None:
        raise Crash

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shop.outbox, "_forget", crash)
        with pytest.raises(Crash):
            await shop.outbox.send_committed(engine)
    assert await shop.outbox.send_committed(engine) == 1
    async with worker(shop.app):
        await _drained(shop)
    assert shop.welcomed == [42]


CRASHES = """
import os, sys
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from tests.tutorial.test_outbox import Shop
shop, engine = Shop("memory://"), create_engine(sys.argv[1])
with Session(engine) as session:
    for user in range(3):
        shop.outbox.enqueue(session, shop.welcome.s(user))
    if sys.argv[2] == "after":
        session.commit()
    os._exit(9)
"""


@pytest.mark.parametrize(("when", "expected"), [("before", []), ("after", [0, 1, 2])])
async def test_a_process_that_dies_around_its_commit(
    shop: Shop, engine: Engine, database: Path, when: str, expected: list[int]
) -> None:
    """What its transaction wrote is there or isn't, and so are its tasks; whoever relays next sends them."""
    command = [sys.executable, "-c", CRASHES, f"sqlite:///{database}", when]
    died = await asyncio.to_thread(subprocess.run, command, env=os.environ | {"PYTHONPATH": "."}, check=False)
    assert died.returncode == 9
    async with worker(shop.app), shop.outbox.relaying(engine):

        async def sent() -> bool:
            return waiting(shop, engine) == 0

        await wait_for(sent, "the outbox to be empty")
        await _drained(shop)
    assert sorted(shop.welcomed) == expected


async def test_a_broker_that_is_away_is_waited_for(
    shop: Shop, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    away = Shop("redis://127.0.0.1:1/0")
    with Session(engine) as session:
        away.outbox.enqueue(session, away.welcome.s(42))
        session.commit()
    async with away.outbox.relaying(engine):

        async def told() -> bool:
            return "couldn't send, trying again: can't reach Redis" in caplog.text

        await wait_for(told, "the relay to say so")
    assert waiting(shop, engine) == 1


def test_a_resource_is_refused(shop: Shop, engine: Engine) -> None:
    with Session(engine) as session, pytest.raises(ConfigurationError, match="it takes no resource="):
        shop.outbox.enqueue(session, shop.welcome.options(resource=True).s(42))


async def _drained(shop: Shop) -> None:
    async def empty() -> bool:
        return (await shop.app.queue().depth()).backlog == 0

    await wait_for(empty, "the queue to be empty")


def test_a_call_of_another_app_is_refused(shop: Shop, engine: Engine) -> None:
    other = Penstock("mail", url="memory://")

    @other.task
    async def send(number: int) -> None: ...

    with Session(engine) as session:
        with pytest.raises(ConfigurationError, match="submit it through its own app"):
            shop.outbox.enqueue(session, send.s(1))
        with pytest.raises(ConfigurationError, match=r"is no call: use task\.s"):
            shop.outbox.enqueue(session, send)  # type: ignore[arg-type]  # a mistake
