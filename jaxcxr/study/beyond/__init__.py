"""What a study tells beyond the paper: other datasets, fewer patients, fewer parameters."""
