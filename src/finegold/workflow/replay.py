"""Make a subset again from its manifest, or say what differs."""

import shutil
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finegold.engines import map_ordered
from finegold.run.cards import card
from finegold.samples import Dataset, Row, WrittenSubset
from finegold.samples.check import check
from finegold.samples.memory import is_path
from finegold.selection.manifest import MANIFEST, TABLE, DatasetInfo, read_manifest
from finegold.workflow.output import check_free, output_folder, relocated, subset_names
from finegold.workflow.source import DataSource


@dataclass(frozen=True, slots=True)
class Replayed:
    """The outcome of a replay.

    Attributes:
        differences: A sentence for each chosen row that is missing, unusable or changed; empty if none is.
        subset: The written subset; None if something differs or no folder was given.
    """

    differences: tuple[str, ...]
    subset: WrittenSubset | None

    def _repr_html_(self) -> str:
        found = {"differences": len(self.differences), "subset": self.subset and self.subset.data}
        return card("Replay", found, ("difference",), ((one,) for one in self.differences[:20]))


def replay(
    selection: str | Path,
    data: Any,
    out: str | Path | None = None,
    *,
    images: str | Path | None = None,
    link: bool = False,
    workers: int | None = None,
) -> Replayed:
    """Find the rows of a selection in a dataset by id, hold their content against its hashes, and write them.

    The dataset may have been shuffled or extended since. Only the chosen rows are read in full.

    Args:
        selection: Path of a `selection.json`; it and its table are written again too.
        data: The dataset: a `DataSource`, or what `open_dataset` takes, which is read as `source_as_selected`
            says.
        out: Folder for the subset and `selection.json`; nothing is written if None or if anything differs.
        images: Folder of the images, if `data` is no `DataSource`.
        link: Hard-link image files instead of copying them.
        workers: Threads that read images.

    Raises:
        DataError: If the dataset or the selection cannot be understood.
    """
    selection, out = Path(selection), None if out is None else Path(out)
    manifest = read_manifest(selection)
    if not isinstance(data, DataSource):
        data = source_as_selected(manifest.dataset, data, images=images)
    dataset = data.open()
    names = subset_names(dataset)
    if out is not None:
        check_free(out.resolve(), names)
    wanted = {row.id: row for row in manifest.rows}
    found: dict[str, int] = {}
    unlike: dict[str, str] = {}
    for checked in map_ordered(check, _rows_of(dataset, wanted), workers=workers):
        row = checked.row
        if row.id in found:
            continue
        if checked.exclusion is not None:
            unlike[row.id] = f"row {row.id} cannot be used: {checked.exclusion.reason} ({row.place})"
        elif checked.content_hash != wanted[row.id].content_hash:
            unlike[row.id] = f"row {row.id} has other content than when it was chosen ({row.place})"
        else:
            found[row.id] = row.index
    differences = tuple(
        unlike.get(key, f"row {key} is not in the dataset; it was at {row.place}")
        for key, row in wanted.items()
        if key not in found
    )
    if differences or out is None:
        return Replayed(differences, None)
    with output_folder(out, names) as folder:
        subset = dataset.write(folder, sorted(found.values()), link=link)
        for file in (selection, selection.with_name(TABLE)):
            if file.exists():
                shutil.copyfile(file, folder / (MANIFEST if file == selection else TABLE))
    return Replayed((), relocated(subset, folder, out.resolve()))


def source_as_selected(made: DatasetInfo, data: Any, **given: Any) -> DataSource:
    """A source that reads data as it was read for a selection.

    Args:
        made: The dataset of the selection, whose instruction, ids and columns hold.
        data: The dataset, as `DataSource.of` takes it.
        given: Options of `DataSource.of`, which win; `FOLDER#NAME` has columns of its own.
    """
    named = is_path(data) and "#" in str(data)
    kept = {"instruction": made.instruction, "columns": None if named else made.columns}
    for name, value in kept.items():
        if given.get(name) is None:
            given[name] = value
    if given.get("ids", "record") == "record":
        given["ids"] = made.ids
    return DataSource.of(data, **given)


def _rows_of(dataset: Dataset, ids: Container[str]) -> Iterator[Row]:
    return (row for row in dataset.rows() if row.id in ids)
