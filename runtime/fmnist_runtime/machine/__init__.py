"""The machine: what it is, and its present state."""
