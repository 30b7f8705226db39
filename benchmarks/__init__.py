"""How fast it is, as ratios measured in one run: absolute times on shared machines mean little."""
