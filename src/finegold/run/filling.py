"""A folder that is written whole or not at all: filled under another name, then renamed."""

import glob
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from finegold.run.atomic import hidden_beside, unique_name
from finegold.run.lock import lock_beside


@contextmanager
def filled_folder(out: Path, check: Callable[[], object]) -> Iterator[Path]:
    """Give a folder to fill; it takes the place of `out` when the block ends well.

    What a killed process left of a folder that it filled is removed.

    Args:
        out: The folder; what is in it is replaced.
        check: Is called with the lock held and before anything is written; raises if `out` may not be
            replaced.

    Raises:
        RunError: If another process writes it.
    """
    out = out.resolve()
    filling, old = hidden_beside(out, f"{unique_name()}.filling"), hidden_beside(out, "old")
    with lock_beside(out, "give --out another folder", again=True):
        if old.exists() and not out.exists():
            old.rename(out)  # a process was killed between the two renamings below
        check()
        for leftover in out.parent.glob(f"{glob.escape(hidden_beside(out, '').name)}*.filling"):
            shutil.rmtree(leftover, ignore_errors=True)
        filling.mkdir(parents=True)
        try:
            yield filling
            shutil.rmtree(old, ignore_errors=True)
            if out.exists():
                out.rename(old)
            filling.rename(out)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(filling, ignore_errors=True)
