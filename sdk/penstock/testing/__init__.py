"""For tests: a worker in this process, or a sandbox that needs neither Redis nor cluster and has its own clock."""

from penstock.testing.clock import VirtualClock
from penstock.testing.sandbox import Sandbox, sandbox
from penstock.testing.working import worker

__all__ = ["Sandbox", "VirtualClock", "sandbox", "worker"]
