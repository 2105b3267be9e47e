"""Names of output shards."""

import os
from collections.abc import Sequence
from pathlib import Path

from finegold.errors import DataError


def output_names(files: Sequence[Path], out: Path) -> list[Path]:
    """Where each input file's kept part goes: its own name in `out`, after its folders' if names repeat.

    Raises:
        DataError: If one of them is its own input file.
    """
    if len({file.name for file in files}) == len(files):
        names = [file.name for file in files]
    else:
        common = os.path.commonpath([file.absolute().parent for file in files])
        names = ["-".join(file.absolute().relative_to(common).parts) for file in files]
    targets = [out / name for name in names]
    for file, target in zip(files, targets, strict=True):
        if target.exists() and target.samefile(file):
            raise DataError(f"{target} is the dataset itself: choose another folder to write the subset to")
    return targets
