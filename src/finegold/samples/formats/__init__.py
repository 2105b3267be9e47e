"""One file a format: how a dataset is recognised, read and written."""
