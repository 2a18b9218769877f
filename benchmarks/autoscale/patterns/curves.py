"""Published curves of load, as shares of their peak in percent.

Of the web site of the football World Cup 1998: per-minute counts of its access logs (M. Arlitt and T. Jin, "A Workload
Characterization Study of the 1998 World Cup Web Site", IEEE Network 14(3), 2000; the logs are in the Internet Traffic
Archive, WorldCup98), averaged here over the steps given. Times are UTC as in the logs.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["DAY", "MATCHES", "SPIKE", "stretched"]

# 27 May 1998, before the tournament: a plain working day, hour by hour.
DAY = (48, 48, 47, 45, 41, 40, 46, 58, 66, 68, 71, 82, 87, 95, 95, 100, 93, 88, 82, 87, 77, 72, 59, 54)
# 30 June 1998, two matches of the last sixteen, 14:00 to 23:00 in steps of 15 minutes.
MATCHES = (
    *(15, 18, 31, 47, 55, 63, 66, 71, 70, 80, 63, 50, 47, 43, 40, 39, 36, 37),
    *(36, 38, 48, 60, 60, 70, 69, 73, 80, 89, 84, 92, 100, 84, 36, 21, 18, 16),
)
# 12 May 1998, 6:36 to 6:46, minute by minute: fifty times the load within two minutes, gone within six.
SPIKE = (2, 2, 26, 44, 100, 81, 96, 48, 11, 2)


def stretched(shares: Sequence[float], step: float, peak: float, start: float = 0.0) -> list[tuple[float, float]]:
    """Knots of a rate: each share of the peak in the middle of its step of so many seconds."""
    middles = [(start + (number + 0.5) * step, peak * share / 100) for number, share in enumerate(shares)]
    end = start + len(shares) * step
    return [(start, middles[0][1]), *middles, (end, middles[-1][1])]
