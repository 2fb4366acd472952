"""From a publisher's release to batches: cohorts, splits, images, prepared datasets."""
