"""`fmnist bench`: models timed in fresh processes, how far to trust the figures, and what models cost."""
