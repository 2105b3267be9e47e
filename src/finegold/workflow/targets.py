"""Target examples: read, checked and embedded like a dataset, in a run folder of their own inside the run."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from finegold.arrays import Vectors
from finegold.clustering.table import read_embeddings
from finegold.errors import DataError, RunError
from finegold.run import PartTable, RunFolder, fingerprint
from finegold.run.folder import slug
from finegold.run.tables import read_parameters
from finegold.samples import Dataset
from finegold.samples.formats.image_folder import ImageFiles, image_files
from finegold.workflow.files import SelectionFiles
from finegold.workflow.rows import Compute, embed_rows, read_rows
from finegold.workflow.source import DataSource


@dataclass(frozen=True, slots=True)
class Targets:
    """Embedded target examples.

    Attributes:
        vectors: Shape (t, d), in the order of their dataset; the rows that have an image.
        origin: For the manifest: `name`, `rows` (those used), `without_image`, `unusable`, and `folder` and
            `embeddings`, where they lie in the run folder.
        encoder: Identity of the encoder.
    """

    vectors: Vectors
    origin: dict[str, Any]
    encoder: dict[str, Any]


def embed_targets(run: RunFolder, given: SelectionFiles, encoder: str, machine: Compute) -> Targets:
    """Embed the targets with the run's encoder, or find them embedded.

    Raises:
        DataError: If they cannot be understood, or none has an image.
    """
    assert given.targets is not None
    source = DataSource.of(given.targets, given.target_images)
    folder, dataset = _open(run, source)
    try:
        rows = read_rows(folder, dataset, machine)
    except DataError as error:
        raise DataError(f"the targets {given.targets}: {error}; --target-images names their folder") from None
    table, identity = embed_rows(folder, dataset, rows, encoder, machine)
    vectors = _with_image(table)
    usable = int(rows.usable.sum())
    if not len(vectors):
        raise DataError(
            f"no target in {given.targets} has an image to compare ({usable:,} have none, "
            f"{len(rows.usable) - usable:,} cannot be used): --target-images names the folder of their images"
        )
    origin = {
        "name": given.targets.name,
        "rows": len(vectors),
        "without_image": usable - len(vectors),
        "unusable": len(rows.usable) - usable,
        "folder": folder.path.name,
        "embeddings": table.folder.name,
    }
    return Targets(vectors, origin, identity)


def recorded_targets(run: RunFolder, origin: dict[str, Any]) -> Targets:
    """The very targets that a selection moved towards.

    Raises:
        RunError: If they are not in the run folder.
    """
    folder = run.path / "targets" / slug(origin["folder"]) / "embeddings" / slug(origin["embeddings"])
    if not PartTable(folder, pa.schema([]), {}).done:
        raise RunError(f"{run.path} lacks the targets '{origin['name']}': select again with --targets")
    table = PartTable(folder, pa.schema([]), read_parameters(folder))
    return Targets(_with_image(table), origin, table.parameters["model"])


def _open(run: RunFolder, source: DataSource) -> tuple[RunFolder, Dataset]:
    path = Path(source.path)
    folder = run.path / "targets" / f"{slug(path.name)}-{fingerprint(asdict(source))}"
    try:
        dataset = source.open()
    except DataError:
        if not image_files(path):
            raise
        dataset = ImageFiles(path)
    return RunFolder.create(folder, source.to_json()), dataset


def _with_image(table: PartTable) -> Vectors:
    _, vectors = read_embeddings(table)
    finite: Vectors = vectors[np.isfinite(vectors).all(axis=1)]
    return finite
