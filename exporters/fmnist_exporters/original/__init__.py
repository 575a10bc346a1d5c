"""The original: a Keras classifier, and what of it is converted."""
