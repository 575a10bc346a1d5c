"""Comparing exported models with their original: by models, by files of scores, by layers."""
