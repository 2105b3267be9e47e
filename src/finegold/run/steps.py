"""Filling a table: the parts that are missing are made in order, and a killed run goes on at the next one."""

from collections import defaultdict
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, nullcontext
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from finegold.run.folder import RunFolder
from finegold.run.progress import progress
from finegold.run.shards import WHOLE, Shard
from finegold.run.tables import BLOCK_ROWS, PartTable

Columns: TypeAlias = pa.Table | Mapping[str, Any]
"""What `PartTable.write` takes."""
Blocks: TypeAlias = Generator[tuple[int, Columns], None, None]
"""Blocks with their numbers, each yielded when it is ready."""
MakeBlocks: TypeAlias = Callable[[list[int], Callable[[int], None]], Blocks]
"""Makes the blocks of these numbers; calls the function with the number of rows that are done."""


class PartWriter:
    """Gathers the blocks of a table, in whatever order they come, and writes a part when it is whole."""

    def __init__(self, table: PartTable) -> None:
        """Nothing is gathered yet."""
        self._table = table
        self._waiting: defaultdict[int, dict[int, pa.Table]] = defaultdict(dict)

    def add(self, block: int, columns: Columns) -> None:
        """Take a block; write its part if it is the last of it."""
        part = block // self._table.blocks
        self._waiting[part][block] = self._table.conform(columns)
        if len(self._waiting[part]) == self._table.blocks:
            self._write(part)

    def flush(self) -> None:
        """Write what waits: after the last block, since the last part may have fewer."""
        for part in sorted(self._waiting):
            self._write(part)

    def _write(self, part: int) -> None:
        blocks = self._waiting.pop(part)
        tables = [blocks[block] for block in sorted(blocks)]
        self._table.write(part, pa.concat_tables(tables) if len(tables) > 1 else tables[0])


def fill(
    run: RunFolder,
    table: PartTable,
    make: MakeBlocks,
    *,
    usable: npt.NDArray[np.bool_],
    step: str,
    label: str,
    load: Callable[[], object] = lambda: None,
    shard: Shard = WHOLE,
    beside: PartTable | None = None,
    **about: Any,
) -> PartTable:
    """Make the parts that a table lacks and finish it; a finished table is returned as it is.

    Of several shards, each makes its own parts, and the one after which none is missing finishes the table.

    Args:
        run: Keeps the log.
        table: The table to fill.
        make: Makes the missing blocks, in any order.
        usable: One flag a dataset row: the rows to go over. Block k covers rows [256 k, 256 (k + 1)).
        step: Name of the step in the log.
        label: What the progress says: "Hashing images".
        load: Loads what `make` needs; called once, if a part is missing, before the time is taken.
        shard: Which parts are made here.
        beside: A table whose parts `make` writes before those of this one, finished with it.
        about: Facts for the log.
    """
    if table.done:
        return table
    for one in (table, beside):
        if one is not None:
            one.shard = shard
    size = BLOCK_ROWS * table.blocks
    rows = [int(usable[start : start + size].sum()) for start in range(0, len(usable), size)]
    own = shard.run_of(len(rows))
    missing = [part for part in own if not table.is_whole(part)]
    for part in missing:
        if table.has(part):  # a power cut took it
            run.log("damaged", table=table.folder.name, part=part)
    left, total = sum(rows[part] for part in missing), sum(rows[part] for part in own)
    blocks = -(-len(usable) // BLOCK_ROWS)
    wanted = [
        block
        for part in missing
        for block in range(part * table.blocks, min(blocks, (part + 1) * table.blocks))
    ]
    with run.step(step, **about, rows=left, table=table.folder.name):
        if missing:
            load()
        with (
            progress(label, total, "rows", done=total - left) as advance,
            closing(make(wanted, advance)) as made,
        ):
            writer = PartWriter(table)
            for block, columns in made:
                writer.add(block, columns)
            writer.flush()
        table.commit()
        with nullcontext() if shard.whole else run.writing(wait=True):
            if shard.whole or not (table.done or any(not table.has(part) for part in range(len(rows)))):
                parts = max(len(rows), len(table.paths()))
                if beside is not None:
                    beside.finish(parts)
                table.finish(parts)
    return table


def fill_once(run: RunFolder, table: PartTable, make: Callable[[], Columns], *, step: str) -> PartTable:
    """Make a table of a single part and finish it; a finished table is returned as it is."""
    if not table.done:
        with run.step(step, folder=table.folder.name):
            table.write(0, make())
            table.finish(1)
    return table
