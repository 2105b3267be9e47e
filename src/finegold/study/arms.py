"""The rows of every arm and seed, chosen from one run folder and written as subsets."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from finegold.engines import map_ordered
from finegold.errors import BudgetError, ConfigError, DataError
from finegold.report.study.findings import PoolOverlap
from finegold.run import (
    FILES,
    TextColumn,
    file_sha256,
    fingerprint,
    listed_files_are_there,
    read_sealed,
    write_sealed,
    write_text,
)
from finegold.samples import ImageRef
from finegold.samples.exclusions import ImageError
from finegold.samples.images import image_sha256
from finegold.selection.manifest import MANIFEST, manifest_text
from finegold.selection.preset import Preset
from finegold.study.folder import StudyFolder
from finegold.study.jobs import Job
from finegold.study.study import ArmSpec, PoolSpec
from finegold.workflow import Compute, DataSource, Run, Selection, SelectionSettings
from finegold.workflow.output import output_folder, subset_names
from finegold.workflow.overlap import Benchmark
from finegold.workflow.tables import SelectionTables

PLACES = "subset.json"
"""Where in a subset's folder data and images are."""


@dataclass(frozen=True, slots=True)
class Subset:
    """Rows that an arm chose with one seed.

    Attributes:
        fingerprint: Fingerprint of ids and contents: equal subsets are trained on once.
        ids: Sample ids, in the dataset's order.
        data: File or folder to open.
        images: Image folder to give with it; None if the data needs none.
    """

    fingerprint: str
    ids: tuple[str, ...]
    data: Path
    images: Path | None


@dataclass(frozen=True, slots=True)
class ArmRuns:
    """An arm: what it trains on, and the job of each of its seeds.

    Attributes:
        arm: The arm.
        subsets: Rows of each seed; empty for a model as it is, and for an arm that cannot be run.
        note: Notes of the selection, or why the arm cannot be run.
        jobs: Job of each seed; equal for seeds that nothing tells apart.
    """

    arm: ArmSpec
    subsets: tuple[Subset, ...]
    note: str = ""
    jobs: tuple[Job, ...] = ()

    @property
    def missing(self) -> bool:
        """Whether the arm cannot be run."""
        return self.arm.preset is not None and not self.subsets


class StudyRows:
    """The rows of a study, and what its arms choose from them."""

    def __init__(self, folder: StudyFolder, pool: PoolSpec, encoder: str, compute: Compute) -> None:
        """Open the run folder; raises DataError or RunError if it cannot be opened."""
        self._source = DataSource.of(pool.path, pool.images, pool.format, pool.instruction, pool.ids)
        path = (
            Path(pool.run)
            if pool.run
            else folder.path / f"pool-{fingerprint({'data': self._source.to_json()})}.run"
        )
        self.run = Run.open(path, self._source, encoder=encoder, compute=compute)
        self._folder, self._encoder = folder, encoder
        self.ids = pool.ids

    def tables(self, preset: str | Preset) -> SelectionTables:
        """The tables that a preset needs, computed if they are not there."""
        return self.run.compute_tables(SelectionSettings.of(preset, "100%"))

    def overlap(self, benchmarks: Sequence[Benchmark]) -> PoolOverlap:
        """The usable rows that contain an item of a benchmark.

        Raises:
            DataError: If each of them does.
        """
        found = self.run.overlap(benchmarks, self._encoder)
        rows = self.run.rows()
        ids = TextColumn(rows.table.read(["sample_id"])["sample_id"].filter(pa.array(rows.usable)))
        try:
            shared = found.among(ids)
        except DataError as error:
            raise DataError(f"{error}, or keep such rows with --keep-overlap") from None
        order = pc.sort_indices(pa.array(shared.rows))
        return PoolOverlap(
            data=rows.dataset.source.title or rows.dataset.path.name,
            usable=len(ids),
            notes=found.notes,
            rows=tuple(zip(ids.take(shared.rows[order]), shared.reason.take(order).to_pylist(), strict=True)),
        )

    def choose(self, arm: ArmSpec, seeds: int, benchmarks: Sequence[Benchmark] = ()) -> ArmRuns:
        """The arm's rows for each seed; an arm whose indicators are missing, or too large, gets a note.

        Args:
            arm: The arm.
            seeds: Number of seeds.
            benchmarks: Benchmarks whose items no row may contain.
        """
        if arm.preset is None:
            return ArmRuns(arm, ())
        preset = arm.chosen_by()
        seeded = preset.seeded
        try:
            selections = [
                self.run.pick(
                    SelectionSettings.of(
                        preset,
                        arm.size,
                        arm.weights,
                        seed=seed,
                        without=tuple(benchmarks),
                        overlap_encoder=self._encoder,
                    )
                )
                for seed in range(seeds if seeded else 1)
            ]
        except (ConfigError, BudgetError) as error:
            return ArmRuns(arm, (), str(error))
        subsets = [self._write(selection) for selection in selections]
        told = self.run.overlap(benchmarks, self._encoder).notes if benchmarks else ()
        notes = " ".join(note for note in selections[0].manifest.notes if note not in told)
        return ArmRuns(arm, tuple(subsets if seeded else subsets * seeds), notes)

    def _write(self, selection: Selection) -> Subset:
        rows = selection.chosen().sort_by("row")
        ids, content = rows["sample_id"].to_pylist(), rows["content_hash"].to_pylist()
        name = fingerprint({"ids": ids, "content": content, "dataset": self._source.to_json()})
        out = self._folder.path / "subsets" / name
        if not _is_whole(out):
            dataset = self.run.dataset
            with output_folder(out, subset_names(dataset)) as filling:
                written = dataset.write(filling, rows["row"].to_pylist(), link=True)
                places = {"data": written.data, "images": written.images}
                named = {key: path and str(path.relative_to(filling)) for key, path in places.items()}
                hashed = {} if written.data.is_dir() else {written.data.name: file_sha256(written.data)}
                write_sealed(filling / PLACES, {**named, FILES: hashed})
                write_text(filling / MANIFEST, manifest_text(selection.manifest))
        where = read_sealed(out / PLACES)
        return Subset(name, tuple(ids), out / where["data"], where["images"] and out / where["images"])

    def image_hashes(self) -> set[str]:
        """Hex sha256 of the image files of all rows that can be read, usable or not."""
        refs = (ref for row in self.run.dataset.rows() if row.sample for ref in row.sample.images if ref.path)
        return set(map_ordered(_file_hash, refs)) - {""}


def _is_whole(out: Path) -> bool:
    """Whether a subset was written; raises RunError if its rows do not fit their hash."""
    if not (out / MANIFEST).exists() or not (out / PLACES).exists():
        return False
    return listed_files_are_there(out / PLACES, read_sealed(out / PLACES))


def _file_hash(ref: ImageRef) -> str:
    try:
        return image_sha256(ref)
    except ImageError:
        return ""
