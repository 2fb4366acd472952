"""Checkpoints in and out: every layout of the field, converted strictly and with proof."""
