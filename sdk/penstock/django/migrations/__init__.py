"""Of the outbox's table."""
