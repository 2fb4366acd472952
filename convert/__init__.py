"""Checkpoints in and out: every layout of the field, converted strictly and with proof."""

import jaxcxr as jaxcxr  # first of all: from there on Ctrl-C ends in a sentence
