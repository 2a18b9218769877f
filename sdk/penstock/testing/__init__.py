"""For tests: a worker in this process, a sandbox that needs neither Redis nor cluster and has its
own clock, or tasks that run inline, in the caller's thread and transaction."""

from penstock.testing.clock import VirtualClock
from penstock.testing.inline import inline
from penstock.testing.sandbox import Sandbox, sandbox
from penstock.testing.working import worker

__all__ = ["Sandbox", "VirtualClock", "inline", "sandbox", "worker"]
