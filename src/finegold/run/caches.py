"""Where finegold keeps what it can fetch or make again."""

import os
from functools import lru_cache
from pathlib import Path


def cache_folder() -> Path:
    """The user's cache folder: `$FINEGOLD_CACHE`, or `finegold` in `$XDG_CACHE_HOME` or `~/.cache`."""
    if folder := os.environ.get("FINEGOLD_CACHE"):
        return _path(folder)
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return _path(caches, "finegold")
    return _path(os.environ.get("HOME") or str(Path.home()), ".cache", "finegold")


@lru_cache(maxsize=16)
def _path(*parts: str) -> Path:
    """A path; to make one takes longer than all else, and the folder is asked for once an image."""
    return Path(*parts)
