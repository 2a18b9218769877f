"""spec.dependsOn: a Task waits for others, is cancelled with them, or runs all the same."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.resources.task import OnFailure
from penstock.status import Phase
from penstock_operator.admission.decisions import Await, Cancel, Decision, Parent, Refuse, Surroundings
from penstock_operator.admission.view import TaskView

__all__ = ["cyclic", "dependent"]

NAMED = 5  # of those that are waited for; a message isn't a list


def cyclic(task: TaskView, around: Surroundings) -> Decision | None:
    """Tasks that wait for each other would wait for ever."""
    if not around.cycle or around.released:
        return None
    way = " → ".join(around.cycle)
    return Refuse("DependencyCycle", f"spec.dependsOn leads back to the Task itself ({way}): remove one of these links")


def dependent(task: TaskView, around: Surroundings) -> Decision | None:
    """1. cancelled with one that failed, 2. held for one that isn't there, 3. held for those that haven't ended."""
    if not around.parents or around.released:
        return None
    if (failed := next(filter(_fatal, around.parents), None)) is not None:
        message = f"it depends on Task {failed.name}, which ended as {failed.phase} (onFailure: Cancel)"
        return Cancel("DependencyFailed", message)
    if missing := [parent for parent in around.parents if parent.phase is None]:
        message = f"depends on {_names(missing)}, which doesn't exist in this namespace: create it, or remove it from "
        return Await("DependencyMissing", message + "spec.dependsOn")
    if pending := [parent for parent in around.parents if not parent.ended]:
        return Await("DependencyPending", f"waits for the end of {_names(pending)}")
    return None


def _fatal(parent: Parent) -> bool:
    return parent.ended and parent.phase is not Phase.SUCCEEDED and parent.on_failure is OnFailure.CANCEL


def _names(parents: Sequence[Parent]) -> str:
    named = ", ".join(parent.name for parent in parents[:NAMED])
    more = len(parents) - NAMED
    return f"{named} and {more} more" if more > 0 else named
