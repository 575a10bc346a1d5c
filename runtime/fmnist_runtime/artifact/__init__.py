"""What a model file says of itself: its seal, its labels and its input contract."""
