"""Protection of a pool's workers when nodes are drained or removed."""

from typing import Annotated

from pydantic import Field, WithJsonSchema

from penstock.resources.model import INT_OR_STRING, Model, Rule

# The schema leaves the bounds to the rule: `type`, `minimum` and `pattern` each speak of one of both kinds alone.
Share = Annotated[
    Annotated[int, Field(strict=True, ge=0, le=10_000)] | Annotated[str, Field(pattern=r"^(100|[0-9]{1,2})%$")],
    WithJsonSchema({INT_OR_STRING: True}),
    Rule(
        "type(self) == int ? self >= 0 && self <= 10000 : self.matches(r'^(100|[0-9]{1,2})%$')",
        "isn't a number of pods: use a whole number such as 1, or a share such as 25%",
    ),
]
"""A number of pods, or "N%" of them."""


class Budget(Model):
    """How many workers may be evicted at once, as in a PodDisruptionBudget."""

    rules = (
        Rule(
            "has(self.minAvailable) != has(self.maxUnavailable)",
            "disruption.budget takes exactly one of minAvailable and maxUnavailable: keep one",
        ),
    )

    min_available: Share | None = None
    """Number of workers that stay ready, or "N%" of the pool. With all workers, no node can be drained."""
    max_unavailable: Share | None = None
    """Largest number of workers that may be missing, or "N%" of the pool."""


class Disruption(Model):
    """Limits for drains, evictions and autoscalers of nodes."""

    protect_busy: bool = False
    """true: annotates busy workers, so that Cluster Autoscaler and Karpenter don't remove their nodes."""
    budget: Budget | None = None
    """A PodDisruptionBudget for the pool. Default: none."""
