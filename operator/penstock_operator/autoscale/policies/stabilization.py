"""scaleUp/scaleDown.stabilizationWindowSeconds, as in HorizontalPodAutoscaler v2: of all recommendations of the window
the lowest counts upwards, the highest downwards.

Without one, upwards it is at once. Downwards a worker is kept for as long as starting its successor would take, twice
over: whoever rents on at most as long as buying costs pays at most double, whatever comes (ski rental; Karlin et al.,
"Competitive Snoopy Caching", 1988). That is also what keeps pods alive that are still starting.
"""

from __future__ import annotations

from penstock.resources.autoscaling import Autoscaling
from penstock_operator.autoscale.case import Case, Proposal

__all__ = ["down_seconds", "stabilized"]

STARTS = 2.0
# A backlog goes up and down with every task; rates are means already.
LEAST_SECONDS_BY_BACKLOG, LEAST_SECONDS_BY_LATENCY = 30.0, 8.0
MOST_SECONDS = 300.0


def stabilized(proposal: Proposal, case: Case) -> Proposal:
    """Within what was recommended lately."""
    current, replicas = case.history.replicas, proposal.replicas
    if replicas > current:
        return _upwards(proposal, case, current)
    return _downwards(proposal, case, current) if replicas < current else proposal


def _upwards(proposal: Proposal, case: Case, current: int) -> Proposal:
    rules = case.auto.scale_up
    seconds = (rules.stabilization_window_seconds if rules else 0) or 0
    lowest = max(current, case.history.extremes(seconds, case.now)[0]) if seconds else proposal.replicas
    if lowest >= proposal.replicas:
        return proposal
    return proposal.but(lowest, "Stabilizing", f"scaleUp goes by the lowest of the last {seconds:g} s, {lowest}")


def _downwards(proposal: Proposal, case: Case, current: int) -> Proposal:
    if not proposal.replicas and case.idle_seconds >= case.auto.idle_seconds and _given(case.auto) is None:
        return proposal  # idle for as long as was asked for
    seconds = down_seconds(case.auto, case.fleet.start_seconds)
    if not seconds:
        return proposal  # at once: not even the last look counts
    highest = min(current, case.history.extremes(seconds, case.now)[1])
    if highest <= proposal.replicas:
        return proposal
    return proposal.but(highest, "Stabilizing", f"scaleDown goes by the highest of the last {seconds:.3g} s, {highest}")


def down_seconds(auto: Autoscaling, start_seconds: float) -> float:
    """How far back scaling in looks."""
    given = _given(auto)
    if given is not None:
        return given
    by_backlog = auto.target.latency_seconds is None
    least = LEAST_SECONDS_BY_BACKLOG if by_backlog else LEAST_SECONDS_BY_LATENCY
    return min(MOST_SECONDS, max(least, STARTS * start_seconds))


def _given(auto: Autoscaling) -> int | None:
    return auto.scale_down.stabilization_window_seconds if auto.scale_down else None
