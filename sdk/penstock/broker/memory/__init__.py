"""The broker in this process's memory."""

from penstock.broker.memory.broker import MemoryBroker

__all__ = ["MemoryBroker"]
