"""A worker process' word to the queue that it is at home in, its first: that it lives, what it runs, whether it rests
because it is to go."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from penstock.broker import Broker
from penstock.broker.cordon import Cordon
from penstock.broker.messages import Claimer
from penstock.errors import PenstockError
from penstock.worker.intake import Intake
from penstock.worker.runner import Runner

__all__ = ["Presence"]

log = logging.getLogger("penstock.worker")
INTERVAL_SECONDS = 1.0
ANSWER_SECONDS = 5.0
LOOK_SECONDS = 0.02  # between two looks whether it has come to rest
# A worker begins as if it were cordoned, for who knows whether it is. It works on if nobody can tell: its other queues
# may be elsewhere.
FIRST_SECONDS = 30.0


@dataclass(eq=False)
class Presence:
    """One process'. Nothing else pauses its intakes.

    What it was told last holds until the end of that cordon by the own clock, which comes no earlier than the broker's:
    so what it says of resting is true whether or not it hears more of it.
    """

    broker: Broker
    home: str
    claimer: Claimer
    intakes: Sequence[Intake]
    runner: Runner
    _cordon: Cordon | None = None
    _said: Cordon | None = None  # under which it rests, as it has told last or tried to
    _over_at: float = math.inf  # by the loop's clock
    _told: asyncio.Event = field(default_factory=asyncio.Event)

    def told(self) -> None:
        """Cordons of the queue were laid or lifted."""
        self._told.set()

    def arrive(self) -> None:
        """Claim nothing before it is known whether that is wanted."""
        self._over_at = asyncio.get_running_loop().time() + FIRST_SECONDS
        for intake in self.intakes:
            intake.pause()

    async def attend(self) -> None:
        """Say and hear it over and over."""
        while True:
            self._told.clear()
            await self._say()
            await self._news()

    async def _say(self) -> None:
        self._said = self._cordon if self._settled else None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                cordon = await self.broker.attend(
                    self.home, self.claimer, len(self.runner.attempts), resting=self._said
                )
        except (PenstockError, TimeoutError) as error:
            self.runner.outage.failed("attend", self.home, error)
            if asyncio.get_running_loop().time() >= self._over_at:
                self._hear(None)
        else:
            self.runner.outage.worked("attend", self.home)
            self._hear(cordon)

    def _hear(self, cordon: Cordon | None) -> None:
        if (cordon is None) is not (self._cordon is None):
            log.info("this worker %s", "claims nothing for now: it is to go" if cordon else "claims again")
        self._cordon = cordon
        self._over_at = math.inf if cordon is None else asyncio.get_running_loop().time() + cordon.seconds
        for intake in self.intakes:
            intake.pause() if cordon else intake.resume()

    @property
    def _settled(self) -> bool:
        """It is to go, and nothing is under way that could bring a task or be one."""
        held = self.runner.attempts or self.runner.leases.held
        return self._cordon is not None and not held and all(intake.standing for intake in self.intakes)

    @property
    def _unsaid(self) -> bool:
        """It has come to rest under this cordon and hasn't told so."""
        cordon, said = self._cordon, self._said
        return self._settled and cordon is not None and (said is None or said.until != cordon.until)

    async def _news(self) -> None:
        """Return when there is something to be said or asked: soon, at once on a signal or when it has come to rest."""
        clock = asyncio.get_running_loop().time
        until = max(clock() + LOOK_SECONDS, min(clock() + INTERVAL_SECONDS, self._over_at))
        while (left := until - clock()) > 0 and not self._told.is_set() and not self._unsaid:
            settling = self._cordon is not None and self._said is None
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS if settling else left):
                    await self._told.wait()
