"""From image files to batches: sources, pairs, checks, splits, prepared arrays, augmentation."""
