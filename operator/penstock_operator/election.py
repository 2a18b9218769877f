"""Whether a Lease may be taken, after client-go's leader election (tools/leaderelection): pure.

Nobody's clock is compared with another's: a Lease has run out when it hasn't changed for its duration by the watcher's
own clock. So pods whose clocks disagree elect all the same."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.kube import Manifest
from penstock.report import moment

__all__ = ["Observation", "free", "held_by_another", "observed", "released", "taken"]


@dataclass(frozen=True, slots=True)
class Observation:
    """A Lease as it was first seen like this, at a moment of the watcher's monotonic clock."""

    spec: Manifest
    since: float


def observed(before: Observation | None, lease: Manifest, now: float) -> Observation:
    """The latest look; unchanged, it is as old as before."""
    spec = lease.get("spec") or {}
    if before is not None and before.spec == spec:
        return before
    return Observation(spec, now)


def free(seen: Observation, identity: str, now: float) -> bool:
    """Whether `identity` may take it: nobody holds it, or nobody has renewed it for its duration."""
    holder = seen.spec.get("holderIdentity")
    if not holder or _pod(holder) == _pod(identity):
        return True
    return now - seen.since > float(seen.spec.get("leaseDurationSeconds") or 0)


def held_by_another(seen: Observation, identity: str) -> bool:
    """Whether somebody else has it, or had it last."""
    return bool(holder := seen.spec.get("holderIdentity")) and holder != identity


def _pod(identity: str) -> str:
    """Of POD_INCARNATION: a pod's container is started again only when the one before is dead."""
    return identity.rpartition("_")[0] or identity


def taken(lease: Manifest, identity: str, *, duration: int, least_epoch: int, at: float) -> Manifest:
    """The Lease as its holder writes it. Its transitions are the leader's epoch: one more with each change of hands,
    and never below `least_epoch`."""
    spec = lease.get("spec") or {}
    same = spec.get("holderIdentity") == identity
    epoch = max(int(spec.get("leaseTransitions") or 0) + (not same), least_epoch)
    acquired = spec.get("acquireTime") if same else None
    now = moment(at)
    return lease | {
        "spec": {
            "holderIdentity": identity,
            "leaseDurationSeconds": duration,
            "acquireTime": acquired or now,
            "renewTime": now,
            "leaseTransitions": epoch,
        }
    }


def released(lease: Manifest) -> Manifest:
    """The Lease given back: the next may take it at once."""
    return lease | {"spec": lease["spec"] | {"holderIdentity": ""}}
