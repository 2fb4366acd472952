"""Readers of the six publishers' releases, one file a dataset."""
