"""A finished run put to use: what its numbers mean, files predicted, the model exported."""
