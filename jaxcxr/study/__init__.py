"""Studies: a grid of experiments from one file; from its runs the paper's tables and figures."""
