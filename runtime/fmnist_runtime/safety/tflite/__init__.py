"""Reading a TFLite file without trusting it."""
