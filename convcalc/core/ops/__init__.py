"""Every operator that is one layer; a new one is a class in one of these files (see `core.operator`)."""
