"""Bringing a run to devices over SSH, and what they find of it back."""
