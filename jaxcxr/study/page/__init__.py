"""The page of a study: one HTML file that asks the network for nothing."""
