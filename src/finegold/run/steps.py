"""Filling a table: the parts that are missing are made in order, and a killed run goes on at the next one."""

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from finegold.run.folder import RunFolder
from finegold.run.progress import progress
from finegold.run.tables import PART_ROWS, PartTable

Columns: TypeAlias = pa.Table | Mapping[str, Any]
"""What `PartTable.write` takes."""
Parts: TypeAlias = Generator[tuple[int, Columns], None, None]
"""Parts with their numbers, each yielded when it is ready."""
MakeParts: TypeAlias = Callable[[list[int], Callable[[int], None]], Parts]
"""Makes the parts of these numbers, in order; calls the function with the number of rows that it has done."""


def fill(
    run: RunFolder,
    table: PartTable,
    make: MakeParts,
    *,
    usable: npt.NDArray[np.bool_],
    step: str,
    label: str,
    load: Callable[[], object] = lambda: None,
    **about: Any,
) -> PartTable:
    """Make the parts that a table lacks and finish it; a finished table is returned as it is.

    Args:
        run: Keeps the log.
        table: The table to fill.
        make: Makes the missing parts.
        usable: One flag a dataset row: the rows to go over. Part k covers rows [256 k, 256 (k + 1)).
        step: Name of the step in the log.
        label: What the progress says: "Hashing images".
        load: Loads what `make` needs; called once, if a part is missing, before the time is taken.
        about: Facts for the log.
    """
    if table.done:
        return table
    rows = [int(usable[start : start + PART_ROWS].sum()) for start in range(0, len(usable), PART_ROWS)]
    missing = [part for part in range(len(rows)) if not table.has(part)]
    left = sum(rows[part] for part in missing)
    with run.step(step, **about, rows=left, table=table.folder.name):
        if missing:
            load()
        with (
            progress(label, sum(rows), "rows", done=sum(rows) - left) as advance,
            closing(make(missing, advance)) as made,
        ):
            for part, columns in made:
                table.write(part, columns)
        table.finish(max(len(rows), len(table.paths())))
    return table


def fill_once(run: RunFolder, table: PartTable, make: Callable[[], Columns], *, step: str) -> PartTable:
    """Make a table of a single part and finish it; a finished table is returned as it is."""
    if not table.done:
        with run.step(step, folder=table.folder.name):
            table.write(0, make())
            table.finish(1)
    return table
