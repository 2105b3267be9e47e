"""Training of the offline encoder's heads and of the offline captioner (stage 1)."""
