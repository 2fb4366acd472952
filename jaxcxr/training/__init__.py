"""Training: from a config to the weights that a run keeps."""
