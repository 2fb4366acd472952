"""The six publishers' layouts, quirks included, one file a dataset."""
