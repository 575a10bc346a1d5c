"""Runs: a folder with a model, its settings, its artifacts and its results."""
