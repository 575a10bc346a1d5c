"""Holding exported models against their original: which, by what, and how it is told."""
