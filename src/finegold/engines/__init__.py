"""Engines: who computes the blocks of a step, devices, threads, and compute settings."""

from finegold.engines.choice import choose_engine
from finegold.engines.devices import Compute
from finegold.engines.memory import HalvingBatches
from finegold.engines.threads import default_workers, map_ordered
from finegold.engines.work import Engine, Make, Results, ThisProcess, Work, by_number

__all__ = [
    "Compute",
    "Engine",
    "HalvingBatches",
    "Make",
    "Results",
    "ThisProcess",
    "Work",
    "by_number",
    "choose_engine",
    "default_workers",
    "map_ordered",
]
