"""The one error that this package raises on purpose."""


class ClusterError(Exception):
    """Something is missing or failed; the message says what, and the remedy."""
