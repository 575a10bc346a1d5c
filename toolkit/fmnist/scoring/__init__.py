"""Scores of a model on a data set, and those of its original."""
