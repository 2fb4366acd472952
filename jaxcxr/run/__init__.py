"""A run, as training and inference share it: its directory, data, model, devices and pixels."""
