"""TaskBatches."""
