from __future__ import annotations

from penstock.batch_terms import LIFE_SECONDS, batch_terms
from penstock.broker.batch import BatchTerms, Hold
from penstock.resources.batch import TaskBatchSpec


def spec(**fields: object) -> TaskBatchSpec:
    return TaskBatchSpec.stored({"task": "shop.send_welcome", **fields})


def test_what_is_left_out_is_left_open() -> None:
    assert batch_terms(spec(), "u") == BatchTerms(id="shop.b.u", life=LIFE_SECONDS)


def test_what_is_said_is_told() -> None:
    said = spec(queue="emails", run=2, parallelism=3, failurePolicy={"maxFailures": 4}, priority="low", suspend=True)
    assert batch_terms(said, "u") == BatchTerms(
        id="emails.b.u",
        run=2,
        parallelism=3,
        max_failures=4,
        hold=Hold.SUSPENDED,
        priority="low",
        life=LIFE_SECONDS,
    )


def test_who_knows_more_has_the_last_word() -> None:
    assert batch_terms(spec(suspend=True), "u", Hold.STOPPED).hold is Hold.STOPPED
    assert batch_terms(spec(suspend=True), "u", Hold.NONE).hold is Hold.NONE


def test_all_is_kept_at_least_as_long_as_the_batch() -> None:
    assert batch_terms(spec(ttlSecondsAfterFinished=10**7), "u").life == 10**7
