"""Tables that a declaration describes: its sections, and the columns, labels, images they name."""
