"""The language: `parse` makes a graph of a text, `unparse` a text of a graph."""
