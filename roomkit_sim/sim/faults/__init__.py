"""Faults on purpose: the matrix of all of them, and what became of a call that one has struck."""
