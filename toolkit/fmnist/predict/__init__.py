"""Classifying pictures: where they come from, and what is written of them."""
