"""What a machine is, what can run models on it, and how to fix problems."""
