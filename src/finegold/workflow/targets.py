"""Target examples: read, checked and embedded like a dataset, in a run folder of their own inside the run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from finegold.arrays import Vectors
from finegold.clustering.table import read_embeddings
from finegold.encoders import Space
from finegold.errors import DataError
from finegold.run import PartTable, RunFolder, fingerprint, slug
from finegold.samples import Dataset
from finegold.samples.image_folder import ImageFiles, image_files
from finegold.workflow.rows import Rows, read_rows
from finegold.workflow.settings import SelectionFiles
from finegold.workflow.source import DataSource
from finegold.workflow.spaces import embed_rows


@dataclass(frozen=True, slots=True)
class Targets:
    """Embedded target examples.

    Attributes:
        vectors: Embeddings of the rows that have one, shape (t, d), in the order of their dataset.
        origin: What the manifest keeps: `name`, `rows` (those used), `without_image`, `unusable`,
            and `folder` and `embeddings`, where they lie in the run folder.
        models: Identities of the encoders.
    """

    vectors: Vectors
    origin: dict[str, Any]
    models: dict[str, Any]

    def note(self) -> str:
        """What a reader of the selection must know of them, in a sentence."""
        out = [
            f"{self.origin[key]:,} {words}"
            for key, words in (("without_image", "without an image"), ("unusable", "that cannot be used"))
            if self.origin[key]
        ]
        tail = f"; not used: {', '.join(out)}" if out else ""
        return f"Moved towards {self.origin['rows']:,} target examples of '{self.origin['name']}'{tail}."


def embed_targets(
    run: Rows, files: SelectionFiles, encoder: str | None, text_encoder: str, space: Space
) -> Targets:
    """Embed the targets in the space of the rows with the same encoders, or find them embedded.

    Raises:
        DataError: If they cannot be understood, or none has what is compared.
    """
    assert files.targets is not None
    source = DataSource.of(files.targets, files.target_images)
    folder, dataset = _open(run.folder, source)
    try:
        rows = read_rows(folder, dataset, run.compute)
    except DataError as error:
        raise DataError(f"the targets {files.targets}: {error}; --target-images names their folder") from None
    embedded = embed_rows(rows, space, encoder, text_encoder)
    table, vectors = embedded.table, _with_vector(embedded.table)
    usable = int(rows.usable.sum())
    what = "an image" if space == "image" else "a text"
    if not len(vectors):
        raise DataError(
            f"no target in {files.targets} has {what} to compare ({usable:,} have none, "
            f"{len(rows.usable) - usable:,} cannot be used): --target-images names the folder of their images"
        )
    origin = {
        "name": files.targets.name,
        "rows": len(vectors),
        "without_image": usable - len(vectors),
        "unusable": len(rows.usable) - usable,
        "folder": folder.path.name,
        "embeddings": table.folder.name,
    }
    return Targets(vectors, origin, embedded.models)


def _open(run: RunFolder, source: DataSource) -> tuple[RunFolder, Dataset]:
    path = Path(source.path)
    folder = run.path / "targets" / f"{slug(path.name)}-{fingerprint(source.to_json())}"
    try:
        dataset = source.open()
    except DataError:
        if not image_files(path):
            raise
        dataset = ImageFiles(path)
    return RunFolder.create(folder, source.to_json()), dataset


def _with_vector(table: PartTable) -> Vectors:
    _, vectors = read_embeddings(table)
    finite: Vectors = vectors[np.isfinite(vectors).all(axis=1)]
    return finite
