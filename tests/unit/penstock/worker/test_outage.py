from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import ConfigurationError, NotConnected, PenstockError, SubmissionError
from penstock.worker.outage import FORGET_SECONDS, REMIND_SECONDS, Call, News, Outage, Standing, failed, worked

AWAY = NotConnected("can't reach Redis at db:6379")
calls = st.builds(Call, st.sampled_from(["claim", "settle", "renew"]), st.sampled_from(["emails", "reports"]))
# What happens: a call, whether it was answered, refused or not answered, and how many seconds later.
events = st.lists(st.tuples(calls, st.sampled_from(["worked", "refused", "away"]), st.floats(0, 20)), max_size=60)


@given(events)
def test_what_begins_ends_once_and_what_lasts_is_told_seldom(events: list[tuple[Call, str, float]]) -> None:
    standing, now, told = Standing(), 0.0, list[tuple[News, float]]()
    for call, how, later in events:
        now += later
        if how == "worked":
            standing, news = worked(standing, call, now)
        else:
            standing, news = failed(standing, call, now, passing=how == "away")
        if news is not None:
            told.append((news, now))
        assert bool(standing.failing) is bool(told and told[-1][0] is not News.OVER)
    for (before, at), (after, then) in itertools.pairwise(told):
        assert (before is News.OVER) is (after is News.BEGUN) or after is News.REFUSED
        if after is News.LASTS:
            assert then - at >= REMIND_SECONDS


def test_a_call_that_is_answered_clears_its_queue_and_no_other() -> None:
    standing, _ = failed(Standing(), Call("claim", "emails"), 0.0, passing=True)
    standing, _ = failed(standing, Call("claim", "reports"), 0.0, passing=True)
    standing, news = worked(standing, Call("settle", "emails"), 1.0)
    assert (list(standing.failing), news) == ([Call("claim", "reports")], None)
    assert worked(standing, Call("settle", "reports"), 2.0) == (Standing(), News.OVER)


def test_what_is_refused_to_one_call_is_not_granted_by_another() -> None:
    standing, news = failed(Standing(), Call("promote", "emails"), 0.0, passing=False)
    assert news is News.REFUSED
    standing, news = worked(standing, Call("claim", "emails"), 1.0)
    assert (len(standing.failing), news) == (1, None)
    assert worked(standing, Call("promote", "emails"), 2.0)[1] is News.OVER


def test_a_call_that_nobody_makes_any_more_is_forgotten() -> None:
    standing, _ = failed(Standing(), Call("progress", "emails"), 0.0, passing=False)
    assert worked(standing, Call("claim", "emails"), FORGET_SECONDS)[1] is News.OVER


class Lines:
    """What an outage logs, by its own clock."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.now = 0.0
        self.outage = Outage(clock=lambda: self.now)
        self._caplog = caplog

    def take(self) -> list[tuple[str, str]]:
        """Those since the last look, with their levels."""
        found = [(record.levelname, record.getMessage()) for record in self._caplog.records]
        self._caplog.clear()
        return found


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    return Lines(caplog)


def test_an_outage_is_a_line_at_its_begin_one_each_half_minute_and_one_at_its_end(lines: Lines) -> None:
    for kind in ("claim", "promote", "attend"):
        lines.outage.failed(kind, "emails", AWAY)
    assert lines.take() == [
        (
            "WARNING",
            "the broker is away (claim, queue emails): can't reach Redis at db:6379. What runs goes on, and is settled "
            "when it is back; nothing new is started",
        )
    ]
    for second in range(65):
        lines.now = second
        lines.outage.failed("claim", "emails", AWAY)
    assert lines.take() == [
        ("WARNING", f"the broker has been away for {after} s (attend, claim, promote): can't reach Redis at db:6379")
        for after in (30, 60)
    ]
    lines.now = 72.34
    lines.outage.worked("claim", "emails")
    lines.outage.worked("claim", "emails")
    assert lines.take() == [
        ("WARNING", "the broker is back after 72.3 s; the last failure was: can't reach Redis at db:6379")
    ]


@pytest.mark.parametrize("error", [ConfigurationError("it refuses the login"), SubmissionError("it forbids it")])
def test_a_refusal_is_told_as_one_also_in_an_outage(lines: Lines, error: PenstockError) -> None:
    told = ("ERROR", f"the broker refuses a call (claim, queue emails), trying again: {error}")
    lines.outage.failed("claim", "emails", error)
    lines.outage.failed("claim", "emails", error)
    assert lines.take() == [told]
    lines.outage.worked("claim", "emails")
    lines.take()
    lines.outage.failed("attend", "emails", AWAY)
    lines.take()
    lines.outage.failed("claim", "emails", error)
    assert lines.take() == [told]


def test_one_that_answers_too_late_is_away(lines: Lines) -> None:
    lines.outage.failed("attend", "emails", TimeoutError())
    [(level, text)] = lines.take()
    assert (level, "it doesn't answer" in text) == ("WARNING", True)


def test_failures_are_counted(lines: Lines) -> None:
    for _ in range(3):
        lines.outage.failed("claim", "emails", AWAY)
    assert lines.outage.tally.failures == {"claim": 3}
