"""How far an artifact has drifted from its original, layer by layer."""
