from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import Penstock
from penstock.envelope import Undecodable, encode
from penstock.prepared import Prepared, corrected, decode, prepared

NOW = 1_790_000_000.0
AT = datetime(2027, 1, 1, tzinfo=UTC)
app = Penstock("shop", url="memory://")


@app.task
def send() -> None: ...


def kept(**options: Any) -> Prepared:
    _, data = prepared(send.options(**options).s(), NOW, None)
    return decode(data)


def test_it_is_the_call_as_it_would_be_sent() -> None:
    id, data = prepared(send.options(delay=5, priority="high").s(), NOW, "00-a-b-01")
    message = decode(data)
    assert (message.id, message.task, message.not_before, message.priority) == (id, "shop.send", NOW + 5, "high")
    assert message.traceparent == "00-a-b-01"


def test_what_was_kept_by_an_earlier_version_is_read() -> None:
    assert decode(encode(send.options(delay=5).s().envelope(NOW, None))).not_before == NOW + 5
    with pytest.raises(Undecodable):
        decode(b"nonsense")


@given(st.floats(-1e6, 1e6))
def test_its_times_go_with_the_clock(ahead: float) -> None:
    message = corrected(kept(delay=5, expires=60, deadline=90), ahead)
    assert message.not_before == pytest.approx(NOW + 5 + ahead, abs=0.002)
    assert message.expires_at == pytest.approx(NOW + 65 + ahead, abs=0.002)
    assert message.deadline == pytest.approx(NOW + 90 + ahead, abs=0.002)


def test_a_moment_that_somebody_named_stays() -> None:
    message = corrected(kept(at=AT, expires=60, deadline=90), 600)
    assert (message.not_before, message.expires_at) == (AT.timestamp(), AT.timestamp() + 60)
    assert message.deadline == NOW + 690


def test_without_times_there_are_none() -> None:
    message = corrected(kept(), 600)
    assert (message.not_before, message.expires_at, message.deadline) == (None, None, None)
