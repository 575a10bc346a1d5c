"""What a machine is, what runs models on it, and what to do where something is amiss."""
