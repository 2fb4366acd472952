"""Programs compiled for chips that are not here: what they would need of memory and time."""
