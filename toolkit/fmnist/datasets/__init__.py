"""Data sets: which are here, and fetching those that are not."""
