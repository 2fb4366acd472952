"""Phantom radiographs, and phantom releases in the publishers' own layouts."""
