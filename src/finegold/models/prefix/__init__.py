"""Projected-prefix models: a frozen language model that sees an image as a prefix of projected features."""
