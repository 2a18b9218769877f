from __future__ import annotations

import pytest
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)

from penstock.broker.streams.refusal import code, demoted, refusal
from penstock.errors import ConfigurationError, NotConnected, PenstockError, SubmissionError, TooLarge


@pytest.mark.parametrize(
    ("error", "ours", "remedy"),
    [
        (AuthenticationError("invalid username-password pair"), ConfigurationError, "check PENSTOCK_URL's user"),
        (ResponseError("Protocol error: unauthenticated multibulk length"), ConfigurationError, "user and password"),
        (ResponseError("Protocol error: invalid bulk length"), TooLarge, "raise its proto-max-bulk-len"),
        (BusyLoadingError("Redis is loading the dataset in memory"), NotConnected, r"is still loading.*\(LOADING\)"),
        (ReadOnlyError("You can't write against a read only replica."), NotConnected, "is a replica"),
        (ResponseError("READONLY You can't write"), NotConnected, "is a replica"),  # of an older redis-py
        (ResponseError("UNBLOCKED force unblock"), NotConnected, "has become a replica"),
        (ResponseError("BUSY Redis is busy running a script."), NotConnected, "end it by FUNCTION KILL"),
        (ResponseError("MISCONF Redis is configured to save"), NotConnected, "can't write to its disk"),
        (ResponseError("NOREPLICAS Not enough good replicas"), NotConnected, "min-replicas-to-write"),
        (ClusterDownError("The cluster is down"), NotConnected, "redis-cli --cluster check"),
        (MovedError("1 a:1"), NotConnected, "is moving this queue"),
        (OutOfMemoryError("command not allowed"), SubmissionError, r"is full: nothing new .*\(OOM: command not"),
        (NoPermissionError("no permissions to run 'get'"), SubmissionError, r"ACL SETUSER.*NOPERM: no permissions"),
        (ResponseError("The user executing the script can't run this command"), SubmissionError, "ACL SETUSER"),
        (ResponseError("WRONGTYPE Operation against"), SubmissionError, "refused: WRONGTYPE Operation against"),
        (ConnectionError("max number of clients reached"), NotConnected, "raise its maxclients"),
        (ConnectionError("Error 111 connecting"), NotConnected, "Error 111 connecting; check PENSTOCK_URL"),
        (TimeoutError("no answer within 15 s"), NotConnected, "no answer within 15 s"),
        (OSError(113, "No route to host"), NotConnected, "No route to host"),
    ],
)
def test_what_is_said_of_it(error: Exception, ours: type[PenstockError], remedy: str) -> None:
    told = refusal("redis:6379", error)
    assert type(told) is ours
    assert str(told).startswith(("Redis at redis:6379 ", "can't reach Redis at redis:6379"))
    with pytest.raises(ours, match=remedy):
        raise told


def test_who_is_no_master_any_more() -> None:
    assert demoted(ReadOnlyError("You can't"))
    assert demoted(ResponseError("UNBLOCKED force unblock"))
    assert not demoted(OutOfMemoryError("command not allowed"))
    assert not demoted(b"READONLY")


def test_the_code_of_what_is_no_error() -> None:
    assert code([b"MOVED"]) == ""
