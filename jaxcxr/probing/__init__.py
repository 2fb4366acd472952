"""Heads on frozen features: what a backbone knows before it is trained any further."""
