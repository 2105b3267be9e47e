"""Attributes: what rows are grouped by - source, kind, language, yes or no, or a field of the record."""

from collections.abc import Callable
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finegold.errors import ConfigError, did_you_mean
from finegold.run import BLOCK_ROWS, Blocks, PartTable, RunFolder, fill
from finegold.samples.dataset import Dataset
from finegold.samples.exclusions import RowError
from finegold.samples.languages import language_of
from finegold.samples.sources import field_text
from finegold.samples.yes_no import yes_or_no

OWN = ("source", "kind")
"""Attributes that are columns of the samples table."""
LANGUAGE, YES_NO = "language", "yes_no"
"""Attributes that are told from the answer: see `languages.language_of`; and `yes`, `no` or `other`."""
SCHEMA = pa.schema([("row", pa.int64()), ("value", pa.string())])


def brought_attribute(run: RunFolder, samples: PartTable, name: str) -> PartTable | None:
    """The attribute of this name that came from a column of a file, or None.

    Raises:
        ConfigError: If several did.
    """
    tables = run.tables("attributes", samples=samples.fingerprint, field=name)
    found = [table for table in tables if "column" in table.parameters]
    if len(found) > 1:
        raise ConfigError(
            f"{run.path} has {len(found)} columns '{name}' of different files: delete all but one of "
            + ", ".join(str(table.folder) for table in found)
        )
    return found[0] if found else None


def read_attribute(run: RunFolder, dataset: Dataset, samples: PartTable, name: str) -> pa.ChunkedArray:
    """An attribute of every row, in dataset order; null where a row has none.

    Args:
        run: Keeps the values of a field, which are read once.
        dataset: The dataset.
        samples: Its finished samples table.
        name: `source`, `kind`, a column that was brought, `language`, `yes_no`, or a field of the record
            as `sources.field_text` finds it.

    Raises:
        ConfigError: If no row has the field.
    """
    if name in OWN:
        return samples.read([name])[name]
    brought = brought_attribute(run, samples, name)
    if brought is not None:
        return brought.read(["value"])["value"]
    if name in _TOLD:
        told = (_of_answers(part["answer"], _TOLD[name]) for part in samples.parts(["answer"]))
        return pa.chunked_array(told, pa.string())
    table = run.table("attributes", name, {"samples": samples.fingerprint, "field": name}, SCHEMA)

    def make(missing: list[int], advance: Callable[[int], None]) -> Blocks:
        first = missing[0]
        records = enumerate(dataset.records(first * BLOCK_ROWS), first * BLOCK_ROWS)
        for block in range(first, missing[-1] + 1):
            rows = list(islice(records, BLOCK_ROWS))
            values = [
                None if isinstance(record, RowError) else field_text(dataset.fields(record), name)
                for _, (_, record) in rows
            ]
            advance(len(rows))
            yield block, pa.table({"row": [row for row, _ in rows], "value": values}, schema=SCHEMA)

    every = np.ones(len(samples.read(["row"])), np.bool_)
    filled = fill(run, table, make, usable=every, step="attribute", label=f"Reading {name}")
    values = filled.read(["value"])["value"]
    if not pc.any(pc.not_equal(values, "")).as_py():
        raise ConfigError(
            f"no row has a field '{name}' to group by{did_you_mean(name, ('source', 'kind'))}: give source, "
            "kind or a field of the records, such as meta.dataset"
        )
    return values


def _of_answers(column: pa.ChunkedArray, tell: Callable[[list[str]], str]) -> pa.Array:
    """What is told from the answers of each row; null where a row has none."""
    return pa.array([None if turns is None else tell(turns) for turns in column.to_pylist()], pa.string())


def _language(answers: list[str]) -> str:
    return language_of("\n".join(answers))


def _yes_no(answers: list[str]) -> str:
    return (yes_or_no(answers[0]) if len(answers) == 1 else None) or "other"


_TOLD: dict[str, Callable[[list[str]], str]] = {LANGUAGE: _language, YES_NO: _yes_no}
