"""Training of the offline models from captions: of finegold's own, and of those that a study makes anew."""
