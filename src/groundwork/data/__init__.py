"""From scenes and labels to samples, splits, statistics and batches."""
