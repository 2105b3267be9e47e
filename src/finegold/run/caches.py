"""Where finegold keeps what it can fetch or make again."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """The user's cache folder: `$FINEGOLD_CACHE`, or `finegold` in `$XDG_CACHE_HOME` or `~/.cache`."""
    if folder := os.environ.get("FINEGOLD_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "finegold"
