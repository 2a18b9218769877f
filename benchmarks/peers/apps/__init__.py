"""One module a system, named after it: its tasks and worker, and `connect()` for the producer (see `adapter`).

These run in the systems' own environments, so the type checker of this checkout can't follow them.
"""
