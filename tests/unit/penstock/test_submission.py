from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import ConfigurationError, Penstock, RetryPolicy, codec
from penstock.definition import Definition, Options
from penstock.envelope import Unique, decode, encode
from penstock.keys import PRIORITIES, Priority, queue_of
from penstock.submission import CallOptions, Signature

NOW = 1_790_000_000.0
MOMENT = datetime(2027, 1, 1, 9, tzinfo=UTC)
APP = Penstock("shop", url="memory://")


def greet(name: str, *, loud: bool = False) -> None: ...


def call(options: CallOptions | None = None, **declared: Any) -> Signature[None]:
    definition = Definition("shop.greet", greet, Options("shop", **declared))
    return Signature(definition, ("Ada",), {"loud": True}, options or CallOptions(), APP)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"timeout": 0}, "timeout=0"),
        ({"deadline": -1}, "deadline=-1"),
        ({"result_ttl": 0}, "result_ttl=0"),
        ({"delay": -0.5}, r"delay=-0\.5"),
        ({"delay": 1, "at": MOMENT}, "exclude each other"),
        ({"at": MOMENT.replace(tzinfo=None)}, "time zone"),
        ({"priority": "urgent"}, "critical, high, normal, low"),
        ({"max_attempts": 0}, "max_attempts=0"),
        ({"expires": 0}, r"options\(expires=0\): use more than 0 seconds"),
        ({"key_ttl": -1}, r"options\(key_ttl=-1\): use more than 0 seconds"),
        ({"until": "later"}, r"options\(until='later'\): use one of started, finished, expired"),
        ({"key": ""}, r"options\(key=''\): use 1 to 256 printable characters"),
        ({"key": "x" * 257}, r"options\(key='x+'\): use 1 to 256 printable characters"),
        ({"key": "a\nb"}, r"options\(key='a\\nb'\): use 1 to 256 printable characters"),
        ({"concurrency_key": ""}, r"options\(concurrency_key=''\): use 1 to 256 printable characters"),
        ({"retry": RetryPolicy(0)}, r"options\(retry=…\): RetryPolicy\(max_attempts=0\): use 1 \(no retry\) or more"),
        ({"retry": RetryPolicy(initial=9, maximum=3)}, r"options\(retry=.*use initial ≥ 0, factor ≥ 1 and maximum"),
    ],
)
def test_options_that_cannot_be_are_refused_with_a_remedy(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        CallOptions(**fields)


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=256))
def test_any_printable_text_is_a_key(key: str) -> None:
    assert call(CallOptions(key=key, concurrency_key=key)).envelope(NOW, None).key == key


@pytest.mark.parametrize("queue", ["a/b", "Not A Queue"])
def test_a_queue_that_no_key_can_hold_is_refused(queue: str) -> None:
    with pytest.raises(ConfigurationError):
        CallOptions(queue=queue)


@pytest.mark.parametrize(
    "fields", [{"timeout": -1.0}, {"max_attempts": 0}, {"priority": "urgent"}, {"queue": "a/b"}, {"result_ttl": 0}]
)
def test_declarations_that_cannot_be_are_refused_too(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Penstock("shop").task(**fields)(greet)


def test_a_plain_call_leaves_everything_to_the_defaults() -> None:
    envelope = call().envelope(NOW, None)
    assert (envelope.task, envelope.queue, envelope.priority) == ("shop.greet", "shop", "normal")
    assert (envelope.created_at, envelope.not_before, envelope.deadline) == (NOW, None, None)
    assert (envelope.timeout, envelope.retry, envelope.result_ttl, envelope.resource) == (None, None, None, None)
    assert codec.decode_call(envelope.payload) == (["Ada"], {"loud": True})


def test_the_calls_options_go_before_the_declared_ones() -> None:
    options = CallOptions(queue="emails", priority="high")
    envelope = call(options, priority="low").envelope(NOW, None)
    assert (envelope.queue, envelope.priority, queue_of(envelope.id)) == ("emails", "high", "emails")


def test_lengths_of_time_count_from_now() -> None:
    envelope = call(CallOptions(delay=5, deadline=60, timeout=3, result_ttl=9)).envelope(NOW, None)
    assert (envelope.not_before, envelope.deadline) == (NOW + 5, NOW + 60)
    assert (envelope.timeout, envelope.result_ttl) == (3, 9)


def test_a_moment_is_kept() -> None:
    assert call(CallOptions(at=MOMENT)).envelope(NOW, None).not_before == MOMENT.timestamp()


def test_no_delay_is_none() -> None:
    assert call(CallOptions(delay=0)).envelope(NOW, None).not_before is None


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (CallOptions(expires=5), NOW + 5),
        (CallOptions(expires=5, delay=60), NOW + 65),
        (CallOptions(expires=5, at=MOMENT), MOMENT.timestamp() + 5),
        (CallOptions(), None),
    ],
)
def test_what_expires_does_so_after_its_earliest_start(options: CallOptions, expected: float | None) -> None:
    assert call(options).envelope(NOW, None).expires_at == expected


def test_a_declared_expiry_holds_unless_the_call_says_otherwise() -> None:
    assert call(expires=7).envelope(NOW, None).expires_at == NOW + 7
    assert call(CallOptions(expires=5), expires=7).envelope(NOW, None).expires_at == NOW + 5


def test_an_idempotency_key_travels_with_its_scope() -> None:
    assert call().envelope(NOW, None).unique is None
    assert call(CallOptions(key="a")).envelope(NOW, None).unique == Unique("shop.greet:a")
    options = CallOptions(key="a", until="started", key_ttl=9, keep_on_failure=True)
    assert call(options).envelope(NOW, None).unique == Unique("shop.greet:a", "started", 9, True)


def test_an_idempotency_key_stays_for_a_week_unless_the_call_says_otherwise() -> None:
    unique = call(CallOptions(key="a")).envelope(NOW, None).unique
    assert unique is not None
    assert Unique("a").ttl == unique.ttl == 7 * 24 * 3600


def test_ids_are_unique() -> None:
    signature = call()
    assert len({signature.envelope(NOW, None).id for _ in range(100)}) == 100


def test_max_attempts_changes_the_declared_policy_and_keeps_the_rest() -> None:
    declared = RetryPolicy(3, initial=7.0, factor=3.0, maximum=70.0, jitter=False)
    assert call(CallOptions(max_attempts=9), retry=declared).retry() == RetryPolicy(9, 7.0, 3.0, 70.0, False)
    assert call(CallOptions(max_attempts=9, retry=RetryPolicy(1, 5.0)), retry=declared).retry() == RetryPolicy(9, 5.0)
    assert call(retry=declared).retry() is None  # the worker knows the declaration


def test_arguments_are_checked_when_the_call_is_made() -> None:
    with pytest.raises(TypeError, match=r"shop\.greet.*missing a required argument: 'name'"):
        Signature(Definition("shop.greet", greet, Options("shop")), (), {}, CallOptions(), APP)


def test_other_options_make_another_call() -> None:
    signature = call()
    assert signature.with_options(CallOptions(queue="b")).queue == "b"
    assert signature.queue == "shop"


@given(
    st.sampled_from(PRIORITIES),
    st.none() | st.floats(0, 1e6),
    st.none() | st.floats(0.001, 1e6),
    st.none() | st.floats(0.001, 1e6),
)
def test_an_envelope_arrives_as_it_was_made(
    priority: Priority, delay: float | None, timeout: float | None, deadline: float | None
) -> None:
    options = CallOptions(priority=priority, delay=delay, timeout=timeout, deadline=deadline)
    envelope = call(options).envelope(NOW, None)
    assert decode(encode(envelope)) == envelope
    assert (envelope.not_before or NOW) >= NOW
    assert envelope.deadline is None or envelope.deadline > NOW
