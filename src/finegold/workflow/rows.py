"""The rows of a run, and the steps that go over all of them: check, score, embed."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from finegold.encoders import load_encoder
from finegold.encoders.step import embed
from finegold.engines import Compute
from finegold.errors import DataError
from finegold.run import PartTable, RunFolder, fingerprint
from finegold.samples import Dataset
from finegold.samples.step import dataset_fingerprint, ingest
from finegold.scorers import Context, Scorer
from finegold.scorers.step import score, scores_table


@dataclass(frozen=True, slots=True)
class Rows:
    """The samples of a run and what identifies them.

    Attributes:
        table: Finished samples table.
        usable: Shape (rows,), by position in the dataset.
        fingerprint: Of the usable rows, in whatever order they are.
        sequence: Of the same rows in this order; tables depend on it, since their parts go by position.
    """

    table: PartTable
    usable: npt.NDArray[np.bool_]
    fingerprint: str
    sequence: str


def read_rows(
    run: RunFolder, dataset: Dataset, machine: Compute | None = None, *, strict: bool = False
) -> Rows:
    """Check the dataset's rows, or find that nothing changed.

    Raises:
        DataError: If `strict` and a row is bad, or no row can be used.
    """
    table = ingest(run, dataset, strict=strict, workers=machine.workers if machine else None)
    columns = table.read(["sample_id", "status", "content_hash"])
    usable = np.array([status == "ok" for status in columns["status"].to_pylist()], dtype=np.bool_)
    if not usable.any():
        raise DataError(_nothing_usable(table))
    sequence = fingerprint({name: columns[name].to_pylist() for name in columns.column_names})
    return Rows(table, usable, dataset_fingerprint(columns), sequence)


def _nothing_usable(table: PartTable) -> str:
    codes = Counter(table.read(["code"])["code"].to_pylist())
    if not codes:
        return "the dataset has no rows: name another file or folder"
    code, number = codes.most_common(1)[0]
    hint = "check --images" if "image" in code or code == "outside-root" else "`finegold inspect` lists them"
    return f"none of the {sum(codes.values()):,} rows can be used, {number:,} of them for {code}: {hint}"


def score_rows(
    run: RunFolder,
    dataset: Dataset,
    rows: Rows,
    scorer: Scorer,
    machine: Compute,
    *,
    context: Context | None = None,
) -> PartTable:
    """Score the usable rows, going on where an earlier run stopped.

    If the context says `retry`, the parts that hold a failed row are made again.
    """
    context = replace(context or Context(), device=machine.device, workers=machine.workers)
    if context.retry:
        table = scores_table(run, scorer, rows.sequence, context)
        table.drop([part for part in _part_numbers(table) if _has_failed(table, part)])
    return score(
        run,
        dataset,
        scorer,
        usable=rows.usable,
        data=rows.sequence,
        context=context,
        batch_size=machine.batch_size,
    )


def embed_rows(
    run: RunFolder, dataset: Dataset, rows: Rows, encoder: str, machine: Compute
) -> tuple[PartTable, dict[str, Any]]:
    """Embed the images of the usable rows; also what the encoder says its numbers depend on."""
    model = load_encoder(encoder, device=machine.device)
    table = embed(
        run,
        dataset,
        model,
        usable=rows.usable,
        data=rows.sequence,
        batch_size=machine.batch_size,
        workers=machine.workers,
    )
    return table, model.identity()


def _part_numbers(table: PartTable) -> list[int]:
    return [int(path.stem.removeprefix("part-")) for path in table.paths()]


def _has_failed(table: PartTable, part: int) -> bool:
    return "failed" in pq.read_table(table.part_path(part), columns=["status"])["status"].to_pylist()
