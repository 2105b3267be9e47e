"""The rows of every arm and seed, chosen from one run folder and written as subsets."""

from dataclasses import dataclass
from pathlib import Path

from finegold.engines import map_ordered
from finegold.errors import BudgetError, ConfigError
from finegold.run import fingerprint, write_json, write_text
from finegold.samples import ImageRef
from finegold.samples.exclusions import ImageError
from finegold.samples.formats.json_text import read_json
from finegold.samples.images import image_sha256
from finegold.selection.manifest import manifest_text
from finegold.selection.pickers import PICKERS
from finegold.selection.presets import find_preset
from finegold.study.folder import StudyFolder
from finegold.study.study import ArmSpec, PoolSpec
from finegold.workflow.choose import Choice, choose
from finegold.workflow.compute import Computed, check_encoder, compute
from finegold.workflow.output import MANIFEST, output_folder, subset_names
from finegold.workflow.rows import Compute, Rows, read_rows
from finegold.workflow.source import DataSource, start_run

PLACES = "subset.json"
"""Where in a subset's folder data and images are."""


@dataclass(frozen=True, slots=True)
class Subset:
    """Rows that an arm chose with one seed.

    Attributes:
        fingerprint: Of ids and contents: equal subsets are trained on once.
        ids: Sample ids, in the dataset's order.
        data: File or folder to open.
        images: Image folder to give with it.
    """

    fingerprint: str
    ids: tuple[str, ...]
    data: Path
    images: Path | None


@dataclass(frozen=True, slots=True)
class ArmRows:
    """What an arm trains on.

    Attributes:
        arm: The arm.
        subsets: One a seed; empty for a model as it is, and for an arm that could not be run.
        note: What the selection had to say, or why the arm could not be run.
        missing: Whether it could not be run.
    """

    arm: ArmSpec
    subsets: tuple[Subset, ...]
    note: str = ""
    missing: bool = False


class StudyRows:
    """The rows of a study, read and scored as far as its arms need."""

    def __init__(self, folder: StudyFolder, pool: PoolSpec, encoder: str, machine: Compute) -> None:
        """Open the run folder; raises DataError or RunError if that cannot be."""
        self._source = DataSource.of(pool.path, pool.images, pool.format, pool.instruction, pool.ids)
        path = Path(pool.run) if pool.run else folder.pool(fingerprint({"data": self._source.to_json()}))
        self.run, self.dataset = start_run(self._source, path)
        self._folder, self._encoder, self._machine = folder, encoder, machine
        self.ids = pool.ids
        self._rows: Rows | None = None

    def rows(self) -> Rows:
        """The rows, checked."""
        if self._rows is None:
            with self.run.writing():
                self._rows = read_rows(self.run, self.dataset, self._machine)
        return self._rows

    def computed(self, preset: str, weights: dict[str, float] | None = None) -> Computed:
        """What a preset needs."""
        recipe = find_preset(preset)
        check_encoder(recipe, weights, self._encoder, self._machine)
        rows = self.rows()
        with self.run.writing():
            return compute(
                self.run,
                self.dataset,
                rows,
                recipe,
                weights=weights,
                encoder=self._encoder,
                clusters=None,
                machine=self._machine,
            )

    def choose(self, arm: ArmSpec, seeds: int) -> ArmRows:
        """The arm's rows for each seed; an arm whose indicators are not there, or too large, gets a note."""
        if arm.preset is None:
            return ArmRows(arm, ())
        preset = find_preset(arm.preset)
        seeded = PICKERS[preset.pick].seeded
        try:
            computed = self.computed(arm.preset, arm.weights)
            choices = [self._choose(arm, computed, seed) for seed in range(seeds if seeded else 1)]
        except (ConfigError, BudgetError) as error:
            return ArmRows(arm, (), f"{error}", missing=True)
        subsets = [self._write(choice) for choice in choices]
        notes = " ".join(choices[0].manifest.notes)
        return ArmRows(arm, tuple(subsets if seeded else subsets * seeds), notes)

    def _choose(self, arm: ArmSpec, computed: Computed, seed: int) -> Choice:
        assert arm.preset is not None
        preset = find_preset(arm.preset)
        with self.run.writing():
            return choose(self.run, self.dataset, computed, preset, arm.size, weights=arm.weights, seed=seed)

    def _write(self, choice: Choice) -> Subset:
        positions = sorted(choice.positions())
        at = dict(zip(choice.candidates.rows.tolist(), range(len(choice.candidates.ids)), strict=True))
        ids = tuple(choice.candidates.ids[at[position]] for position in positions)
        content = [choice.candidates.hashes[at[position]] for position in positions]
        name = fingerprint({"ids": ids, "content": content, "dataset": self._source.to_json()})
        out = self._folder.subset(name)
        if not (out / MANIFEST).exists():
            with output_folder(out, subset_names(self.dataset)) as filling:
                written = self.dataset.write(filling, positions, link=True)
                places = {"data": written.data, "images": written.images}
                write_json(
                    filling / PLACES,
                    {key: path and str(path.relative_to(filling)) for key, path in places.items()},
                )
                write_text(filling / MANIFEST, manifest_text(choice.manifest))
        where = read_json(out / PLACES)
        return Subset(name, ids, out / where["data"], where["images"] and out / where["images"])

    def image_hashes(self) -> set[str]:
        """Hex sha256 of the image files of all rows that can be read, usable or not."""
        refs = (ref for row in self.dataset.rows() if row.sample for ref in row.sample.images if ref.path)
        return set(map_ordered(_file_hash, refs)) - {""}


def _file_hash(ref: ImageRef) -> str:
    try:
        return image_sha256(ref)
    except ImageError:
        return ""
