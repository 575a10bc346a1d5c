"""What runs on a device before anything of ours is there: Python's standard library, and one another."""
