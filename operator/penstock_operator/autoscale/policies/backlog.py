"""target.backlogPerReplica: so many tasks for each replica, work in flight included."""

from __future__ import annotations

import math

from penstock_operator.autoscale.case import Case, Proposal

__all__ = ["by_backlog"]

DEFAULT = 10


def by_backlog(case: Case) -> Proposal:
    """⌈backlog / backlogPerReplica⌉, where the backlog is ready + due + in flight."""
    each = case.auto.target.backlog_per_replica or DEFAULT
    backlog = case.work.backlog
    return Proposal(math.ceil(backlog / each), "Backlog", f"{backlog:.4g} tasks, {each} for each replica")
