"""A TFLite file, read without trusting anything in it."""
