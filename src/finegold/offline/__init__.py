"""The encoder `offline`: EfficientNet-Lite0 and all-MiniLM-L6-v2, both frozen, behind two small heads."""

from finegold.offline.encoder import OfflineEncoder

__all__ = ["OfflineEncoder"]
