"""What a study runs: its definition, the grid of experiments, and their jobs."""
