"""What is found from predictions: statistics, comparisons, tables, plots."""
