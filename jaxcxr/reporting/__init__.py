"""What is published of a finished run: its model card, and reporting checklists filled from it."""
