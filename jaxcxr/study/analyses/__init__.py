"""What a study makes of its finished runs: the paper's tables and figures, and more."""
