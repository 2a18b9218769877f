"""Penstock beside the Python task queues that people would otherwise use, on one machine and one kind of Redis.

Every system gets a virtual environment of its own, the same functions (`functions`), the same clock (`probe`) and the
same measurements: `drain` (enqueueing, working, memory, tracing, scale) and `latency`. What differs between the systems
is in `systems` and in `apps`, nowhere else. Nothing here leaves the loopback device.
"""
