"""Keeping up with the API server: what there is, what changes, and what can't be understood of it."""
