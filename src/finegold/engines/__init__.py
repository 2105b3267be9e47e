"""Engines: who executes. Threads of one machine."""

from finegold.engines.threads import default_workers, map_ordered

__all__ = ["default_workers", "map_ordered"]
