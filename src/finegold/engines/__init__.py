"""Engines: threads of one machine, devices, and compute settings."""

from finegold.engines.devices import Compute
from finegold.engines.threads import default_workers, map_ordered

__all__ = ["Compute", "default_workers", "map_ordered"]
