"""The simulated world: virtual time, a network in memory, seeded entropy, and a guard against the real network."""
