"""What to say: numbers become the parts of a report."""
