"""How large the parts of a resource may get: bounds of the schema, and of what is written into it. Plain data."""

ARGUMENT_BYTES = 128 * 1024
"""Bound of args + kwargs as JSON. CEL can't measure untyped values, so admission refuses what is larger."""
RESULT_BYTES = 16 * 1024
"""Bound of status.result as JSON; a larger one goes to status.resultRef."""
MESSAGE_LENGTH = 4096
TRACEBACK_LENGTH = 16384
DEFAULT_TTL_SECONDS = 86400
"""Life of a finished Task where neither it nor its TaskQueue says otherwise."""
MAX_ITEMS = 10_000_000
"""Of a batch; the broker keeps a byte for each."""
MAX_INLINE_ITEMS = 10_000
MAX_CONCURRENCY = 10_000
"""Of one worker process."""
MAX_DRAIN_SECONDS = 86_400
FAILED_INDEXES_LENGTH = 1024
