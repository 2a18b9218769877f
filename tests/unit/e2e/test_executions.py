from __future__ import annotations

import json

from tests.e2e.executions import Execution, Judgement, executions, judgement


def note(event: str, at: float, key: str = "k") -> str:
    return json.dumps({"event": event, "at": at, "key": key, "id": "q.1", "attempt": 1, "pod": "a"})


def test_two_notes_are_one_execution() -> None:
    assert executions([note("began", 1.0), note("ended", 2.0)]) == [Execution("q.1", 1, "a", 1.0, 2.0)]


def test_one_without_an_end_was_cut() -> None:
    found = executions([note("began", 1.0), note("began", 3.0, "l"), note("ended", 4.0, "l")])
    assert judgement(["q.1"], found, {}) == Judgement(1, missing=0, repeated=1, cut=1, busy_chosen=0)


def test_one_that_never_began_is_missing() -> None:
    assert judgement(["q.1"], [], {}) == Judgement(1, missing=1, repeated=0, cut=0, busy_chosen=0)


def test_a_pod_was_busy_if_something_ran_there_when_it_was_deleted() -> None:
    found = executions([note("began", 1.0), note("ended", 2.0)])
    for pod, at, busy in (("a", 1.5, 1), ("a", 2.5, 0), ("a", 0.5, 0), ("b", 1.5, 0)):
        assert judgement(["q.1"], found, {pod: at}).busy_chosen == busy


def test_others_tasks_are_not_judged() -> None:
    found = executions([note("began", 1.0)])
    assert judgement([], found, {"a": 1.0}).sound
