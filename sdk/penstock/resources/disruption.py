"""What nodes that come and go may do to a pool's workers: how many at once, and whether to busy ones."""

from typing import Annotated

from pydantic import Field, WithJsonSchema

from penstock.resources.model import INT_OR_STRING, Model, Rule

# The schema leaves the bounds to the rule: `type`, `minimum` and `pattern` each speak of one of both kinds alone.
Share = Annotated[
    Annotated[int, Field(strict=True, ge=0, le=10_000)] | Annotated[str, Field(pattern=r"^(100|[0-9]{1,2})%$")],
    WithJsonSchema({INT_OR_STRING: True}),
    Rule(
        "type(self) == int ? self >= 0 && self <= 10000 : self.matches(r'^(100|[0-9]{1,2})%$')",
        "is no number of pods: use a whole number such as 1, or a share such as 25%",
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
    """So many stay ready, or "N%" of the pool. As many as there are: no node can be drained."""
    max_unavailable: Share | None = None
    """No more than so many are away, or "N%" of the pool."""


class Disruption(Model):
    """What a drain, an autoscaler of nodes or an eviction may do to the workers."""

    protect_busy: bool = False
    """true: Cluster Autoscaler and Karpenter leave the nodes of busy workers alone, which carry marks for that."""
    budget: Budget | None = None
    """A PodDisruptionBudget for the pool. Default: none."""
