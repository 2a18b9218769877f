from __future__ import annotations

from penstock import Retry
from penstock.worker.failure import described, lineage, name_of


def test_a_class_is_known_by_its_module_and_name() -> None:
    assert name_of(ValueError) == "builtins.ValueError"


def test_an_exception_counts_as_all_that_it_derives_from() -> None:
    assert lineage(ConnectionResetError) == (
        "builtins.ConnectionResetError",
        "builtins.ConnectionError",
        "builtins.OSError",
        "builtins.Exception",
        "builtins.BaseException",
    )


def test_a_scripts_own_exceptions_have_one_name_here_and_in_a_child() -> None:
    here = type("Declined", (Exception,), {"__module__": "__main__"})
    there = type("Declined", (Exception,), {"__module__": "__mp_main__"})  # what "spawn" makes of it
    assert name_of(here) == name_of(there)


def test_a_description_can_be_retried_and_has_the_traceback() -> None:
    try:
        raise KeyError("x")
    except KeyError as error:
        failure = described(error)
    assert (failure.type, failure.message, failure.retryable) == ("KeyError", "'x'", True)
    assert "test_a_description_can_be_retried" in failure.traceback


def test_a_retry_tells_why_it_was_asked_for() -> None:
    try:
        try:
            raise KeyError("x")
        except KeyError as error:
            raise Retry(1) from error
    except Retry as retry:
        failure = described(retry)
    assert failure.message == "the task asked for a retry: KeyError: 'x'"
