"""What deleting a pod costs in Kubernetes' eyes: among a ReplicaSet's pods that are alike ready, the cheapest goes."""

from __future__ import annotations

from typing import Final

__all__ = ["CHOSEN_COST", "DELETION_COST", "USUAL_COST"]

DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
USUAL_COST, CHOSEN_COST = 1, -1
