"""Model files: their metadata, seal and input contract, read and checked without an engine."""
