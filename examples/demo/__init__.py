"""The visible part of `make demo`."""
