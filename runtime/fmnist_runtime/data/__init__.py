"""Data sets, label files and pictures."""
