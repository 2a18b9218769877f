"""Each limit, where it acts: the refusal names the option and says what to do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from inspect import iscoroutine
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import BadArgument, ConfigurationError, Limits, Penstock, QueueConfig, RetryPolicy, limits, previous
from penstock.batch_calls import batch_manifest
from penstock.bounds import HORIZON_SECONDS, Choice, Flag, Limit, Name, Number, Seconds, Text
from penstock.definition import Place
from penstock.envelope import decode, encode, with_payload
from penstock.keys import PRIORITIES
from penstock.limits import PAYLOAD_BYTES, portions
from penstock.options import Scope
from penstock.submission import Signature
from penstock.task import Task

PAGE = Path(__file__).parents[3] / "docs/reference/limits.md"
NOW = 1_790_000_000.0
app = Penstock("shop", url="memory://")


@app.task
def send(text: str = "") -> None: ...


def call(**options: Any) -> Signature[None]:
    given = {"key": "k"} | options if {"until", "key_ttl", "keep_on_failure", "debounce"} & options.keys() else options
    return send.options(**given).s()


def nothing() -> None: ...


def declare(**fields: Any) -> Task[[], None]:
    return Penstock("shop", url="memory://").task(**fields)(nothing)


async def configure(**fields: Any) -> None:
    await Penstock("shop", url="memory://").queue().configure(QueueConfig(**fields))


async def limit(**fields: Any) -> None:
    await configure(limits=Limits(**fields))


async def configured_retry(**fields: Any) -> None:
    await configure(retry=RetryPolicy(**fields))


def batched(**fields: Any) -> object:
    return batch_manifest(send.s(), fields, None)  # type: ignore[arg-type]  # what a caller may get wrong


TABLES: dict[str, tuple[Mapping[str, Limit], Callable[..., Any]]] = {
    "call": (limits.OPTIONS, call),
    "task": (limits.TASK, declare),
    "batch": (limits.BATCH, batched),
    "RetryPolicy of a call": (limits.RETRY, lambda **fields: call(retry=RetryPolicy(**fields))),
    "RetryPolicy of a task": (limits.RETRY, lambda **fields: declare(retry=RetryPolicy(**fields))),
    "RetryPolicy of a queue": (limits.RETRY, configured_retry),
    "QueueConfig": (limits.QUEUE_CONFIG, configure),
    "Limits": (limits.QUEUE_LIMITS, limit),
}
EVERY = [(where, name) for where, (table, _) in TABLES.items() for name in table]


async def acted(act: Callable[..., Any], fields: dict[str, Any]) -> None:
    done = act(**fields)
    if iscoroutine(done):
        await done


@contextmanager
def naming(words: str) -> Iterator[list[str]]:
    """What is refused in here is refused with these words; whether it was."""
    refusals: list[str] = []
    try:
        yield refusals
    except ConfigurationError as error:
        refusals.append(str(error))
        assert words in refusals[0]


def beyond(limit: Limit) -> list[object]:
    """Values that it refuses: what is too small, too large, and of no use."""
    match limit:
        case Seconds():
            least = [0] if limit.above else []
            most = [] if limit.endless else [HORIZON_SECONDS * 1.01, math.inf, timedelta(days=4000), 10**400]
            return [*least, *most, -1, -0.001, math.nan, -math.inf, "30", [1], True, object(), Decimal("nan")]
        case Number():
            return [limit.least - 1, limit.most + 1, math.nan, math.inf, "3", True, *([1.5] if limit.whole else [])]
        case Text():
            return ["", "x" * (limit.most + 1), "a\nb", "\x00", "a\u2028b", "\ud800", 7, b"a"]
        case Name():
            return ["", "x" * (limit.most + 1), "a b", "ü", "a\n", "-" if limit is not limits.ID else "é", 7, "a/b"]
        case Choice():
            return ["", "urgent", 1, [], None.__class__]
        case Flag():
            return [1, 0, "yes", "false"]
    raise AssertionError(f"{limit!r} is of no known kind")


@pytest.mark.parametrize(("where", "name"), EVERY)
async def test_what_is_beyond_it_is_refused_with_the_name_and_a_remedy(where: str, name: str) -> None:
    table, act = TABLES[where]
    for value in beyond(table[name]):
        with pytest.raises(ConfigurationError, match=rf"(?s){name}=.*: use \S"):
            await acted(act, {name: value})


def within(limit: Limit) -> list[Any]:
    match limit:
        case Seconds():
            most = [math.inf, 10**9, 10**400] if limit.endless else [HORIZON_SECONDS]
            return [1, 0.5, timedelta(minutes=1), Decimal("1.5"), Fraction(1, 2), *most, *([] if limit.above else [0])]
        case Number():
            return [limit.least, limit.most]
        case Text():
            return ["x", "x" * limit.most, "é ü", "customer 7", "😀" * limit.most]
        case Name():
            return ["x", "x" * limit.most, "a-b"]
        case Choice():
            return list(limit.words)
        case Flag():
            return [True, False]
    raise AssertionError(f"{limit!r} is of no known kind")


@pytest.mark.parametrize(("where", "name"), EVERY)
async def test_what_is_within_it_is_taken(where: str, name: str) -> None:
    table, act = TABLES[where]
    for value in within(table[name]):
        fields = {name: value} | ({"maximum": math.inf} if name == "initial" else {})
        fields |= {"initial": 0} if name == "maximum" else {}
        if name == "child":  # it needs a parent that runs
            send.options(child=value)
        else:
            await acted(act, fields)


@pytest.mark.parametrize("name", ["timeout", "deadline", "result_ttl", "expires", "key_ttl"])
def test_what_may_last_for_ever_lasts_for_the_horizon(name: str) -> None:
    for value in (math.inf, 10**9, 10**400, timedelta.max):
        assert getattr(call(**{name: value}).options, name) == HORIZON_SECONDS


def test_a_timedelta_is_its_seconds() -> None:
    envelope = call(delay=timedelta(minutes=1), timeout=timedelta(milliseconds=500)).envelope(NOW, None)
    assert (envelope.not_before, envelope.timeout) == (NOW + 60, 0.5)
    assert declare(timeout=timedelta(minutes=2)).definition.options.timeout == 120
    policy = RetryPolicy(initial=timedelta(seconds=2))  # type: ignore[arg-type]  # as users write it
    found = call(retry=policy).envelope(NOW, None).retry
    assert found is not None
    assert found.initial == 2


numbers = (
    st.floats()
    | st.integers()
    | st.decimals()
    | st.booleans()
    | st.timedeltas()
    | st.fractions()
    | st.none()
    | st.text(max_size=3)
)
TIMES = ("delay", "debounce", "deadline", "timeout", "result_ttl", "expires", "key_ttl", "max_attempts")


@given(st.sampled_from(TIMES), numbers)
def test_any_number_of_a_call_is_refused_by_name_or_travels(name: str, value: object) -> None:
    with naming(f"options({name}=") as refusals:
        envelope = call(**{name: value}).envelope(NOW, None)
    if refusals:
        return
    assert decode(encode(envelope)) == envelope
    moments = (envelope.not_before, envelope.deadline, envelope.expires_at, envelope.timeout, envelope.result_ttl)
    assert all(0 <= one <= NOW + HORIZON_SECONDS for one in moments if one is not None)


@given(st.sampled_from(("timeout", "result_ttl", "expires", "heartbeat", "max_attempts")), numbers)
def test_any_number_of_a_task_is_refused_by_name_or_kept(name: str, value: object) -> None:
    with naming(f"@app.task({name}=") as refusals:
        options = declare(**{name: value}).definition.options
    if refusals:
        return
    kept = options.retry.max_attempts if name == "max_attempts" and options.retry else getattr(options, name, None)
    assert kept is None or 0 < kept <= HORIZON_SECONDS


@given(st.sampled_from(("max_attempts", "initial", "factor", "maximum")), numbers)
def test_any_number_of_a_policy_is_refused_by_name_or_gives_a_finite_pause(name: str, value: object) -> None:
    with naming(f"{name}=") as refusals:
        policy = call(retry=RetryPolicy(**{name: value})).envelope(NOW, None).retry  # type: ignore[arg-type]
    if refusals:
        return
    assert policy is not None
    assert all(0 <= policy.delay(attempt, lambda: 0.5) <= HORIZON_SECONDS for attempt in (1, 2, 1000))


@given(st.sampled_from([*limits.QUEUE_LIMITS, *limits.QUEUE_CONFIG]), numbers)
async def test_any_number_of_a_queue_is_refused_by_name_or_set(name: str, value: object) -> None:
    queue = Penstock("shop", url="memory://").queue()
    own = QueueConfig(limits=Limits(**{name: value})) if name in limits.QUEUE_LIMITS else QueueConfig(**{name: value})  # type: ignore[arg-type]
    with naming(f"{name}=") as refusals:
        await queue.configure(own)
    if refusals:
        return
    config = await queue.config()
    kept = getattr(config.limits if name in limits.QUEUE_LIMITS else config, name)
    assert kept is None or 0 <= kept <= 1e9


class Foreign(float):
    """As numpy's numbers are: floats of another type."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


def test_numbers_of_other_libraries_are_numbers() -> None:
    assert call(timeout=Foreign(3)).options.timeout == 3
    with pytest.raises(ConfigurationError, match=r"options\(timeout=<Foreign>\): use more than 0 seconds"):
        call(timeout=Foreign(-3))


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"retry": 3}, r"options\(retry=3\): use a RetryPolicy, such as RetryPolicy\(max_attempts=3\)"),
        ({"key": 7}, r"options\(key=7\): use a str, such as str\(7\), not int"),
        ({"timeout": "30"}, r"options\(timeout='30'\): use a number of seconds or a timedelta, not str"),
        ({"at": "now"}, r"options\(at='now'\): use a datetime with a time zone, not str"),
        ({"at": datetime(2027, 1, 1)}, r"options\(at=.*\): give it a time zone"),
        ({"until": "started", "key": None}, r"options\(until='started'\): it is about key=, and there is none"),
        ({"key_ttl": 5, "key": None}, r"options\(key_ttl=5\): it is about key=, and there is none"),
        ({"keep_on_failure": True, "key": None}, r"options\(keep_on_failure=True\): it is about key="),
        ({"debounce": 5, "key": None}, r"options\(debounce=…\): say with key="),
        ({"resource": 7}, r"options\(resource=7\): use True, or the name of the Task"),
        ({"resource": "Not a name"}, r"options\(resource='Not a name'\): use up to 253 lower-case letters"),
        ({"id": "a", "resource": True}, r"options\(id='a', resource=…\): .*: use resource='a' alone"),
        (
            {"id": "11111111-2222-3333-4444-555555555555-1"},
            r"options\(id=.*: ids of that form belong to Task resources",
        ),
    ],
)
def test_options_that_make_no_sense_are_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        call(**fields)


def test_a_moment_too_far_away_is_refused_and_a_past_one_is_now() -> None:
    with pytest.raises(ConfigurationError, match=r"options\(at=.*use a moment within 315,360,000 seconds"):
        call(at=datetime(2999, 1, 1, tzinfo=UTC)).envelope(NOW, None)
    assert (call(at=datetime(1, 1, 1, tzinfo=UTC)).envelope(NOW, None).not_before or 0) <= NOW


def test_one_class_or_a_list_of_them_is_retried_on() -> None:
    options = declare(retry_on=ValueError, give_up_on=[KeyError, OSError]).definition.options
    assert (options.retry_on, options.give_up_on) == ((ValueError,), (KeyError, OSError))


@pytest.mark.parametrize("name", ["", "Shop", "a.b", "a b", "x" * 64, "shöp", 7, None, "shop-"])
def test_an_app_has_a_name_that_a_queue_may_have(name: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Penstock\(.*\): the name of an app .*: use up to 63 lower-case"):
        Penstock(name)


@pytest.mark.parametrize("namespace", ["", "a/b", "{a}", "a b", "a\n", "x" * 254, 7])
def test_a_namespace_has_a_name_that_keys_may_have(namespace: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"namespace .*: use up to 253 letters"):
        _ = Penstock("shop", url="memory://", namespace=namespace).namespace


def test_a_function_whose_name_no_task_may_have_asks_for_another() -> None:
    def pay() -> None: ...

    pay.__name__ = "überweisen"
    with pytest.raises(ConfigurationError, match=r"task shop\.überweisen: use .*, or pass name= to @app\.task"):
        Penstock("shop").task(pay)
    with pytest.raises(ConfigurationError, match=r"@app\.task\(name='penstock\.each'\): that task is Penstock's own"):
        declare(name="penstock.each")


@pytest.mark.parametrize(
    "id", [7, None, "nonsense", "", "shop.", ".1", "a/b.1", "Shop.1", "shop.a\nb", "shop." + "x" * 257]
)
def test_a_handle_is_of_an_id(id: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"task id .* isn't QUEUE\.UNIQUE"):
        app.handle(id)


@pytest.mark.parametrize("name", [7, "", "Not a name"])
def test_a_resource_has_a_name(name: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"app\.resource\(name="):
        app.resource(name)
    with pytest.raises(ConfigurationError, match=r"app\.batch_handle\(name="):
        app.batch_handle(name)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"delay": -1}, r"reschedule\(delay=-1\): use 0 or more seconds"),
        ({"delay": math.nan}, r"reschedule\(delay=nan\): use 0 or more seconds"),
        ({"delay": 1e12}, r"reschedule\(delay=1000000000000\.0\): use 0 or more seconds, at most"),
        ({"at": datetime(2027, 1, 1)}, r"reschedule\(at=.*: give it a time zone"),
        ({"at": datetime(2999, 1, 1, tzinfo=UTC)}, r"reschedule\(at=.*: use a moment within"),
        ({"at": 5}, r"reschedule\(at=5\): use a datetime"),
    ],
)
async def test_a_task_is_rescheduled_to_a_time_to_come(change: dict[str, Any], complaint: str) -> None:
    handle = await call(delay=60).enqueue()
    with pytest.raises(ConfigurationError, match=complaint):
        await handle.reschedule(**change)
    assert await handle.reschedule(delay=timedelta(seconds=30))
    await app.close()


def test_arguments_too_large_to_travel_are_refused() -> None:
    assert send.s("x" * (PAYLOAD_BYTES - 100)).envelope(NOW, None).payload
    with pytest.raises(BadArgument, match=r"shop\.send: its arguments take 16\.0 MiB .* keep the data elsewhere"):
        send.s("x" * PAYLOAD_BYTES).envelope(NOW, None)


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 100))
def test_round_trips_are_small_and_leave_nothing_out(sizes: list[int], most: int) -> None:
    message = send.s().envelope(NOW, None)
    messages = [with_payload(message, b"x" * size) for size in sizes]
    parts = [messages[part] for part in portions(messages, most)]
    assert [message for part in parts for message in part] == messages
    assert all(part for part in parts)
    assert all(len(part) == 1 or sum(len(message.payload) for message in part) <= most for part in parts)


def test_words_are_those_of_the_types() -> None:
    words = {name: limit.words for name, limit in (limits.OPTIONS | limits.TASK).items() if isinstance(limit, Choice)}  # type: ignore[operator]
    assert words == {"priority": PRIORITIES, "until": get_args(Scope), "run_in": get_args(Place)}


def test_the_page_has_every_limit_as_it_is() -> None:
    page = PAGE.read_text()
    for table in {id(table): table for table, _ in TABLES.values()}.values():
        for name, limit in table.items():
            assert f"| `{name}` | {limit.told} |" in page, f"{PAGE.name}: | `{name}` | {limit.told} |"
    for kind in (limits.QUEUE, limits.TASK_NAME, limits.RESOURCE_NAME, limits.NAMESPACE, limits.ID):
        assert f" | {kind.told} |" in page
    for size in (limits.PAYLOAD_BYTES, limits.RESULT_BYTES, limits.ROUND_TRIP_BYTES):
        assert f"{size // 2**20} MiB" in page


@pytest.mark.parametrize("options", [{"id": "a"}, {"key": "a"}, {"resource": True}])
async def test_steps_of_a_flow_have_ids_of_their_own(options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(ConfigurationError, match=rf"shop\.send: options\({name}=…\) is for calls of their own"):
        await (send.s("a") | send.options(**options).s(previous)).enqueue()
