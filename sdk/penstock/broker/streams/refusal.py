"""Redis' refusals and lost connections as errors of ours, with what to do about them."""

from __future__ import annotations

from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    MasterDownError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)

from penstock.errors import ConfigurationError, Deposed, NotConnected, PenstockError, SubmissionError, TooLarge

__all__ = ["code", "demoted", "refusal"]

# redis-py cuts the code off the message of those that it has a class for.
_CODES: dict[type[Exception], str] = {
    AskError: "ASK",
    BusyLoadingError: "LOADING",
    ClusterDownError: "CLUSTERDOWN",
    MasterDownError: "MASTERDOWN",
    MovedError: "MOVED",
    NoPermissionError: "NOPERM",
    OutOfMemoryError: "OOM",
    ReadOnlyError: "READONLY",
    TryAgainError: "TRYAGAIN",
}
_MOVING = "is moving this queue to another server of the cluster; try again in a moment"
_PASSING = {
    "ASK": _MOVING,
    "BUSY": "is held up by a script that doesn't end: see FUNCTION STATS, end it by FUNCTION KILL or SCRIPT KILL",
    "CLUSTERDOWN": "belongs to a cluster that lacks a quorum or a slot: see `redis-cli --cluster check`",
    "LOADING": "is still loading its data; try again in a moment",
    "MASTERDOWN": "is a replica that has lost its master; try again once a fail-over is through",
    "MISCONF": "can't write to its disk and takes nothing until it can: see its log",
    "MOVED": _MOVING,
    "NOREPLICAS": "has fewer replicas than its min-replicas-to-write",
    "READONLY": "is a replica: a fail-over is under way, or PENSTOCK_URL doesn't lead to the master",
    "TRYAGAIN": _MOVING,
    "UNBLOCKED": "has become a replica; try again once the fail-over is through",
}
_FINAL = {
    "NOPERM": "forbids it to PENSTOCK_URL's user: give that user the keys, the channels and the command (ACL SETUSER)",
    "OOM": "is full: nothing new is taken until tasks have ended or its maxmemory is raised",
}
# What a function may not do is told without a code: Redis 7.0 in the first way, later ones in the second.
_FORBIDDEN_INSIDE = ("The user executing the script can't run", "ACL failure in script")
_STRANGER = "unauthenticated"  # to whoever hasn't logged in, of a command that is longer than a login
_NO_ROOM = "max number of clients reached"


def code(error: object) -> str:
    """The word that Redis begins a refusal with, or ""."""
    if not isinstance(error, Exception):
        return ""
    if any(words in str(error) for words in _FORBIDDEN_INSIDE):
        return "NOPERM"
    return _CODES.get(type(error)) or str(error).partition(" ")[0]


def demoted(error: object) -> bool:
    """Whether whoever says so isn't the master (any more)."""
    return code(error) in ("READONLY", "MASTERDOWN", "UNBLOCKED")


def refusal(where: object, error: Exception, *, open: bool = False) -> PenstockError:
    """Our error for what the server at `where` answered, or for the connection's end. `open`: it ended after the
    command was sent, and nobody knows whether it was executed."""
    said = code(error)
    if isinstance(error, AuthenticationError) or _STRANGER in str(error):
        return ConfigurationError(
            f"Redis at {where} refuses the login: {error}; check PENSTOCK_URL's user and password"
        )
    if said in _PASSING:
        return NotConnected(f"Redis at {where} {_PASSING[said]} ({said})")
    if said in _FINAL:
        return SubmissionError(f"Redis at {where} {_FINAL[said]} ({said}: {error})")
    if said == "DEPOSED":
        return Deposed("another operator leads by now", epoch=int(str(error).rpartition(" ")[2]))
    if "invalid bulk length" in str(error):
        return TooLarge(f"Redis at {where} takes no value so large: raise its proto-max-bulk-len ({error})")
    if isinstance(error, ResponseError):
        return SubmissionError(f"Redis at {where} refused: {error}")
    if _NO_ROOM in str(error):
        return NotConnected(f"Redis at {where} has no connection left: raise its maxclients or use fewer processes")
    why = str(error).rstrip(".") or "no answer in time"
    return NotConnected(f"can't reach Redis at {where}: {why}; check PENSTOCK_URL and that it is up", open=open)
