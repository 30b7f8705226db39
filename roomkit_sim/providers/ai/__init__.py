"""Models behind a text interface."""
