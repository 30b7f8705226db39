"""The scenario file: its model, its loader with line numbers, and its expansion to plans."""
