"""A format is one function over the parts of a report."""
