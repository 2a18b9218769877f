"""windows: times with a floor of their own, opened by cron; workers start before, so that they are up in time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from penstock.resources.autoscaling import Window
from penstock_operator.autoscale.case import Case, Proposal

__all__ = ["floored", "misspelt"]

MINUTE = 60
LONGEST_FOLD = timedelta(hours=3)  # by which clocks are turned back


def floored(proposal: Proposal, case: Case) -> Proposal:
    """Not below the highest floor of the windows that are open, or will be by the time that a worker would be up."""
    auto = case.auto
    lead = case.fleet.start_seconds if auto.prewarm_seconds is None else auto.prewarm_seconds
    floor, window = _highest(auto.windows, math.floor(case.now / MINUTE), math.floor((case.now + lead) / MINUTE))
    if window is None or floor <= proposal.replicas:
        return proposal
    return proposal.but(floor, "Window", f"the window {window.schedule!r} ({window.time_zone}) asks for {floor}")


def _highest(windows: Sequence[Window], now: int, soon: int) -> tuple[int, Window | None]:
    """`now` and `soon` are minutes since the epoch. What opens in between may be shorter than the lead."""
    opened = [one for one in windows if (at := _opening(one, soon)) is not None and now - at < one.duration_minutes]
    highest = max(opened, key=lambda one: one.min_replicas, default=None)
    return (highest.min_replicas, highest) if highest else (0, None)


# Cron knows no less than a minute; so a window costs a look at the calendar a minute.
@lru_cache(maxsize=16_384)
def _opening(window: Window, minute: int) -> int | None:
    """The minute since the epoch in which it opened last, up to this one."""
    try:
        zone = ZoneInfo(window.time_zone)
        local = datetime.fromtimestamp((minute + 1) * MINUTE, zone)
        if local.fold:  # CronSim doesn't tell like hours apart, and all of the first has passed by now
            local += LONGEST_FOLD
        past = CronSim(window.schedule, local, reverse=True)
        return next(at for one in past if (at := math.floor(one.timestamp() / MINUTE)) <= minute)
    except (CronSimError, KeyError, ValueError, OSError, StopIteration):
        return None  # see `misspelt`


def misspelt(windows: Sequence[Window]) -> list[str]:
    """What is wrong with them that the schema can't know; such a window never opens."""
    return [found for number, one in enumerate(windows) if (found := _wrong(number, one))]


def _wrong(number: int, window: Window) -> str:
    place = f"autoscaling.windows[{number}]"
    try:
        ZoneInfo(window.time_zone)
    except (KeyError, ValueError, OSError):
        return f"{place}.timeZone {window.time_zone!r} isn't in the IANA database: use a name such as Europe/Berlin"
    try:
        next(CronSim(window.schedule, datetime.now(UTC)))
    except (CronSimError, StopIteration) as error:
        return f"{place}.schedule {window.schedule!r} never comes ({error}): give minute hour day month weekday"
    return ""
