"""The kit and what it is made of: hooks, locks, routing of events, the way in."""
