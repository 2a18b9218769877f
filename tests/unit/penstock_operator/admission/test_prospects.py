from __future__ import annotations

import pytest

from penstock_operator.admission.prospects import TURN, Outlook, prospect

MANY = tuple(f"queue-{number:02}" for number in range(12))
NOBODY = "no WorkerPool of this namespace serves it"


@pytest.mark.parametrize(
    ("outlook", "reason", "message"),
    [
        (Outlook(served=True), "Queued", ""),
        (Outlook(served=True, trouble="WorkerPool web: no image"), "WorkersCannotStart", "WorkerPool web: no image"),
        (
            Outlook(paused=True, served=True, trouble="none of its business"),
            "QueuePaused",
            "TaskQueue hutn is paused: set its spec.paused to false",
        ),
        (Outlook(known=["hunt", "mail"]), "QueueNotServed", f"{NOBODY}: did you mean hunt?"),
        (Outlook(known=["mail", "web"]), "QueueNotServed", f"{NOBODY} (there are: mail, web)"),
        (Outlook(known=["hutn"]), "QueueNotServed", NOBODY),
        (Outlook(known=MANY), "QueueNotServed", f"{NOBODY} (there are: {', '.join(MANY[:10])} and 2 more)"),
    ],
)
def test_what_those_who_wait_are_told(outlook: Outlook, reason: str, message: str) -> None:
    found = prospect("hutn", outlook)
    assert (found.reason, found.message) == (reason, message)


def test_most_just_have_to_wait_for_their_turn() -> None:
    assert prospect("mail", Outlook(served=True)) is TURN
