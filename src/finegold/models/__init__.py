"""Models: what answers questions about images, and tells how likely an answer is."""
