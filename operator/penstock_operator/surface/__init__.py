"""What others may read of the pools: over HTTP, and as metrics."""
