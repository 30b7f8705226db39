"""TODO one line: what this package is."""
