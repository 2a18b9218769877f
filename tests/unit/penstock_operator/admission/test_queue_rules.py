from __future__ import annotations

import pytest

from penstock_operator.admission.decisions import Hold, QueueRules, Refuse, Surroundings
from penstock_operator.admission.queue_rules import disallowed, queueless
from tests.unit.penstock_operator.admission.views import CREATED, view


def around(rules: QueueRules) -> Surroundings:
    return Surroundings(CREATED, rules)


@pytest.mark.parametrize(
    ("patterns", "allowed"),
    [((), True), (("mail.*",), True), (("shop.*", "mail.send"), True), (("mail.?end",), True), (("Mail.*",), False)],
)
def test_patterns_say_what_is_allowed(patterns: tuple[str, ...], allowed: bool) -> None:
    assert (disallowed(view(), around(QueueRules(allowed=patterns))) is None) == allowed


def test_a_refusal_names_task_queue_and_patterns() -> None:
    decision = disallowed(view({"queue": "emails"}), around(QueueRules(allowed=("shop.*",))))
    assert isinstance(decision, Refuse)
    assert all(word in decision.message for word in ("mail.send", "emails", "shop.*", "spec.allowedTasks"))


def test_a_queue_that_has_to_exist_is_waited_for() -> None:
    assert queueless(view(), around(QueueRules())) is None
    decision = queueless(view(), around(QueueRules(exists=False)))
    assert isinstance(decision, Hold)
    assert "TaskQueue mail" in decision.message
    assert "none" in decision.message
