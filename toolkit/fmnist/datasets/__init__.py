"""Data sets: find those on this machine, and fetch others."""

DEFAULT_DATASET = "fashion-mnist"
"""The data set that is used by default."""
