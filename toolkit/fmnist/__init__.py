"""Train a small image classifier, export it for a device, and prove that it still answers the same."""
