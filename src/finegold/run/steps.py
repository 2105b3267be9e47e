"""Filling a table: the parts that are missing are made in order, and a killed run goes on at the next one."""

import time
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, nullcontext
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from finegold.run.folder import RunFolder
from finegold.run.journal import append_blocks, read_blocks
from finegold.run.progress import progress
from finegold.run.shards import WHOLE, Shard
from finegold.run.tables import BLOCK_ROWS, COMMIT_SECONDS, PartTable

Columns: TypeAlias = pa.Table | Mapping[str, Any]
"""What `PartTable.write` takes."""
Blocks: TypeAlias = Generator[tuple[int, Columns | tuple[Columns, Columns]], None, None]
"""Blocks with their numbers, each yielded when it is ready; of two tables, the columns of both."""
MakeBlocks: TypeAlias = Callable[[list[int], Callable[[int], None]], Blocks]
"""Makes the blocks of these numbers; calls the function with the number of rows that are done."""


class _PartWriter:
    """Gathers the blocks of a table, in whatever order they come, and writes a part when it is whole."""

    def __init__(self, table: PartTable) -> None:
        self._table = table
        self._waiting: defaultdict[int, dict[int, pa.Table]] = defaultdict(dict)
        self._saved: defaultdict[int, set[int]] = defaultdict(set)

    def saved(self, part: int) -> dict[int, pa.Table]:
        """The blocks of a part that an earlier run saved."""
        found = read_blocks(self._table.journal_path(part))
        self._saved[part] = set(found)
        return found

    def add(self, block: int, columns: Columns) -> None:
        """Take a block; write its part if it is the last of it."""
        part = block // self._table.blocks
        self._waiting[part][block] = self._table.conform(columns)
        if len(self._waiting[part]) == self._table.blocks:
            self._write(part)

    def save(self) -> None:
        """Keep what waits from a kill."""
        for part, blocks in self._waiting.items():
            if fresh := {block: rows for block, rows in blocks.items() if block not in self._saved[part]}:
                self._table.folder.mkdir(parents=True, exist_ok=True)
                append_blocks(self._table.journal_path(part), fresh)
                self._saved[part] |= fresh.keys()

    def flush(self) -> None:
        """Write what waits: after the last block, since the last part may have fewer."""
        for part in sorted(self._waiting):
            self._write(part)

    def _write(self, part: int) -> None:
        blocks = self._waiting.pop(part)
        tables = [blocks[block] for block in sorted(blocks)]
        self._table.write(part, pa.concat_tables(tables) if len(tables) > 1 else tables[0])
        if self._saved.pop(part, None):
            self._table.commit()
            self._table.journal_path(part).unlink(missing_ok=True)


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
    by_block: bool = True,
    **about: Any,
) -> PartTable:
    """Make the parts that a table lacks and finish it; a finished table is returned as it is.

    Of several shards, each makes its own parts, and the one after which none is missing finishes the table.
    Where a part takes longer than `COMMIT_SECONDS`, its finished blocks are saved in between, and the others
    alone are made after a kill.

    Args:
        run: Keeps the log.
        table: The table to fill.
        make: Makes the missing blocks, in any order.
        usable: One flag a dataset row: the rows to go over. Block k covers rows [256 k, 256 (k + 1)).
        step: Name of the step in the log.
        label: What the progress says: "Hashing images".
        load: Loads what `make` needs; called once, if a block is missing, before the time is taken.
        shard: Which parts are made here.
        beside: A second table, filled and finished together with this one: `make` gives the columns of both.
        by_block: Whether `make` can make some blocks of a part without the others.
        about: Facts for the log.
    """
    if table.done:
        return table
    # The table beside first: a part of the table says that this one is done.
    tables = [table] if beside is None else [beside, table]
    for one in tables:
        one.shard = shard
    writers = [_PartWriter(one) for one in tables]
    rows = [int(usable[start : start + BLOCK_ROWS].sum()) for start in range(0, len(usable), BLOCK_ROWS)]
    parts = -(-len(rows) // table.blocks)
    own = shard.run_of(parts)
    missing = [part for part in own if not table.is_whole(part)]
    for part in missing:
        if table.has(part):  # a power cut took it
            run.log("damaged", table=table.folder.name, part=part)

    def blocks_of(part: int) -> range:
        return range(part * table.blocks, min(len(rows), (part + 1) * table.blocks))

    wanted = [block for part in missing for block in blocks_of(part)]
    saved = _restore(writers, missing) if by_block and table.blocks > 1 else set()
    wanted = [block for block in wanted if block not in saved]
    left = sum(rows[block] for block in wanted)
    total = sum(rows[block] for part in own for block in blocks_of(part))
    with run.step(step, **about, rows=left, table=table.folder.name):
        if wanted:
            load()
        begin = time.monotonic()
        with (
            progress(label, total, "rows", done=total - left) as advance,
            closing(make(wanted, advance) if wanted or not by_block else _nothing()) as made,
        ):
            for block, found in made:
                for writer, columns in zip(
                    writers, reversed(found) if isinstance(found, tuple) else [found], strict=True
                ):
                    writer.add(block, columns)
                if by_block and time.monotonic() - begin > COMMIT_SECONDS:
                    for writer in writers:
                        writer.save()
                    begin = time.monotonic()
        for writer in writers:
            writer.flush()
        table.commit()
        with nullcontext() if shard.whole else run.writing(wait=True):
            if shard.whole or not (table.done or any(not table.has(part) for part in range(parts))):
                count = max(parts, len(table.paths()))
                for one in tables:
                    one.finish(count)
    return table


def _nothing() -> Blocks:
    yield from ()


def _restore(writers: Sequence[_PartWriter], parts: list[int]) -> set[int]:
    """Give writers the blocks that an earlier run saved for all of them; the numbers of these blocks."""
    restored: set[int] = set()
    for part in parts:
        found = [writer.saved(part) for writer in writers]
        for block in sorted(set.intersection(*map(set, found))):
            for writer, blocks in zip(writers, found, strict=True):
                writer.add(block, blocks[block])
            restored.add(block)
    return restored


def fill_once(run: RunFolder, table: PartTable, make: Callable[[], Columns], *, step: str) -> PartTable:
    """Make a table of a single part and finish it; a finished table is returned as it is."""
    if not table.done:
        with run.step(step, folder=table.folder.name):
            table.write(0, make())
            table.finish(1)
    return table
