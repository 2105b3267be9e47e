"""The version of finegold."""

__version__ = "0.2.0"
