"""The commands of `python -m input_pipeline`, one file each."""
