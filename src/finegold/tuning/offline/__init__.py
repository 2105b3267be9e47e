"""How the offline encoder's heads and the offline captioner are trained (stage 1)."""
