"""finegold picks the image-instruction rows that are worth fine-tuning on."""

__version__ = "0.2.0"
