"""Which agent is in charge, in which phase, and how it hands over."""
