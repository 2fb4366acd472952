"""Inference: what a finished run says of images."""
