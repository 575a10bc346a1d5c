"""Data sets, label files and images."""
