"""Transactional enqueue: a task is sent if, and only if, its transaction commits.

`outbox.enqueue(session, task.s(42))` writes the call into a table of the session's database. A relay sends committed
calls and then deletes them. If a relay dies in between, the call is sent again. `enqueue` makes the id, and the broker
accepts each id once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Column, Connection, Engine, Integer, LargeBinary, MetaData, Table, delete, event, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, registry

from penstock import telemetry
from penstock.app import Penstock
from penstock.envelope import Envelope
from penstock.errors import ConfigurationError, PenstockError
from penstock.handle import Handle
from penstock.prepared import decode, prepared
from penstock.stopping import stopped
from penstock.submission import Signature

if TYPE_CHECKING:  # at run time it needs greenlet, which users of sync engines haven't
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

__all__ = ["Outbox"]

log = logging.getLogger("penstock")
R = TypeVar("R")
BATCH = 100
LOOK_SECONDS = 1.0  # for what other processes have committed


class Outbox:
    """A table with calls of one app that wait for their commit.

    The table belongs to `metadata`, so that migrations include it.
    """

    def __init__(self, app: Penstock, metadata: MetaData | None = None, *, table: str = "penstock_outbox") -> None:
        self.app = app
        self.metadata = metadata if metadata is not None else MetaData()
        self.table = Table(
            table,
            self.metadata,
            Column("id", Integer, primary_key=True, autoincrement=True),
            Column("envelope", LargeBinary, nullable=False),
        )
        self._row: type[Any] = type("Waiting", (), {})
        registry(metadata=self.metadata).map_imperatively(self._row, self.table)
        self._relays: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    # --- in the transaction ---------------------------------------------------------------------------------------

    def enqueue(self, session: Session | AsyncSession, call: Signature[R]) -> Handle[R]:
        """Submit a call with the session's transaction. The handle works once the transaction has committed."""
        self.app.check_own([call])
        if call.options.resource or call.definition.options.broadcast:
            raise ConfigurationError("an outbox sends to queues: it takes no resource= and no broadcast tasks")
        id, message = prepared(call, self.app.connections.now(), telemetry.current())
        row = self._row()
        row.envelope = message
        session.add(row)
        sync = session if isinstance(session, Session) else session.sync_session
        event.listen(sync, "after_commit", self._committed, once=True)
        return Handle(id, self.app.connections.tasks, call.definition.returns)

    def _committed(self, session: Session) -> None:
        """Wake the relays of this process. May be called from any thread."""
        for event_, loop in list(self._relays.items()):
            loop.call_soon_threadsafe(event_.set)

    # --- the relay ------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def relaying(self, engine: Engine | AsyncEngine) -> AsyncGenerator[None, None]:
        """Send committed calls while the block lasts.

        Calls that this process commits are sent immediately, those of other processes within a second. Several relays
        can run at the same time.
        """
        committed = asyncio.Event()
        self._relays[committed] = asyncio.get_running_loop()
        relay = asyncio.create_task(self._relay(engine, committed), name="penstock-outbox")
        try:
            yield
        finally:
            del self._relays[committed]
            await stopped(relay)

    async def _relay(self, engine: Engine | AsyncEngine, committed: asyncio.Event) -> None:
        while True:
            committed.clear()
            try:
                while await self.send_committed(engine) == BATCH:
                    pass
            except (PenstockError, SQLAlchemyError, OSError) as error:
                log.warning("outbox %s: couldn't send, trying again: %s", self.table.name, error)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await committed.wait()
            except TimeoutError:
                pass

    async def send_committed(self, engine: Engine | AsyncEngine) -> int:
        """Send the oldest committed calls and delete them. Returns how many, at most 100.

        On PostgreSQL and MySQL, it skips calls that another relay is sending.
        """
        if isinstance(engine, Engine):
            return await asyncio.to_thread(self._send_from_thread, engine, asyncio.get_running_loop())
        async with engine.begin() as connection:
            found = await connection.run_sync(self._taken)
            await self._send([envelope for _, envelope in found])
            await connection.run_sync(self._forget, [id for id, _ in found])
        return len(found)

    def _send_from_thread(self, engine: Engine, loop: asyncio.AbstractEventLoop) -> int:
        with engine.begin() as connection:
            found = self._taken(connection)
            asyncio.run_coroutine_threadsafe(self._send([envelope for _, envelope in found]), loop).result()
            self._forget(connection, [id for id, _ in found])
        return len(found)

    def _taken(self, connection: Connection) -> list[tuple[int, Envelope]]:
        columns = self.table.c
        waiting = select(columns.id, columns.envelope).order_by(columns.id).limit(BATCH)
        rows = connection.execute(waiting.with_for_update(skip_locked=True))
        return [(id, decode(envelope)) for id, envelope in rows]

    def _forget(self, connection: Connection, ids: Sequence[int]) -> None:
        if ids:
            connection.execute(delete(self.table).where(self.table.c.id.in_(ids)))

    async def _send(self, envelopes: Sequence[Envelope]) -> None:
        if envelopes:
            await self.app.send_prepared(envelopes)
