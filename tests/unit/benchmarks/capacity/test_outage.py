from __future__ import annotations

import pytest
from benchmarks.capacity.outage import Outage


def test_it_is_what_the_task_that_waited_longest_waited() -> None:
    # Killed at 10; the first Task was still served by the dying one.
    outage = Outage.of(10.0, created=[10.1, 11.0, 12.0], ended=[10.2, 15.0, 15.1])
    assert (outage.longest, outage.until) == (4.0, 5.0)


def test_no_probe_tells_nothing() -> None:
    with pytest.raises(ValueError, match="empty"):
        Outage.of(0.0, [], [])
