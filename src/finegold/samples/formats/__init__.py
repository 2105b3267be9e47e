"""One file a format: how a dataset of the format is recognised, read and written."""
