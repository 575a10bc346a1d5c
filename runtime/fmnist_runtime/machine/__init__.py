"""The machine that this runs on: what it is, and the state it is in."""
