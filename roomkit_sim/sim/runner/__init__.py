"""Plays plans: builds the world, the server, the lines and the callers, and closes the records."""
