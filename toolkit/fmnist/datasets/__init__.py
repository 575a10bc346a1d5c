"""Data sets: which are here, and fetching those that are not."""

DEFAULT_DATASET = "fashion-mnist"
"""The data set that is used where none is named."""
