"""From a publisher's release to batches: cohorts, splits, images, prepared datasets."""

import jaxcxr as jaxcxr  # first of all: from there on Ctrl-C ends in a sentence
