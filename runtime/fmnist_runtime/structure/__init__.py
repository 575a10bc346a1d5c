"""What an engine takes for granted in a model file, checked without the engine."""
