"""A selection: which rows of a run were chosen, and why."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finegold.errors import RunError
from finegold.extras import to_frame
from finegold.report.selection.collect import write_report
from finegold.run import PartTable, RunFolder, atomic_path, local_file, write_parquet, write_text
from finegold.run.cards import card
from finegold.samples import Dataset, WrittenSubset
from finegold.samples.notebook import picture
from finegold.scorers.canary import read_canaries
from finegold.selection.manifest import (
    MANIFEST,
    MOST_ROWS,
    TABLE,
    ClusterInfo,
    Configuration,
    Counts,
    DatasetInfo,
    DedupInfo,
    GroupInfo,
    IdListInfo,
    Manifest,
    ScorerInfo,
    chosen_rows,
    manifest_text,
    read_manifest,
    read_table,
)
from finegold.selection.mixture import counts_of, poor_note, yes_note
from finegold.selection.selection import SelectedRows
from finegold.selection.table import EXCLUDED, SCHEMA
from finegold.version import __version__
from finegold.workflow.output import REPORT, output_folder, relocated, subset_names
from finegold.workflow.overlap import FoundOverlap
from finegold.workflow.quality import GivenQuality
from finegold.workflow.rows import Rows
from finegold.workflow.settings import SelectionSettings
from finegold.workflow.tables import SelectionTables

LIBRARIES = ("numpy", "scipy", "scikit-learn", "pillow", "pyarrow", "torch", "transformers", "faiss-cpu")
"""Packages whose versions the manifest names, where they are installed."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of a run were chosen, and why.

    Attributes:
        run: The run folder that it was made in.
        dataset: The rows.
        manifest: What the selection depends on, and the chosen rows: the content of `selection.json`.
        table: Every row of the pool, columns as in `selection.table.SCHEMA`, then the indicators.
    """

    run: RunFolder
    dataset: Dataset
    manifest: Manifest
    table: pa.Table

    @property
    def ids(self) -> tuple[str, ...]:
        """The chosen ids by rank."""
        return tuple(self.chosen()["sample_id"].to_pylist())

    @property
    def path(self) -> Path:
        """Where the run folder keeps it."""
        return self.run.path / "selections" / self.manifest.folder

    def to_pandas(self) -> Any:
        """The table as a pandas frame."""
        return to_frame(self.table)

    def __repr__(self) -> str:
        """Preset, number of chosen rows, and where the run folder keeps it."""
        counts = self.manifest.counts
        name = self.manifest.configuration.preset["name"]
        return f"Selection({name!r}, {counts.selected} of {counts.rows_in} rows, {str(self.path)!r})"

    def _repr_html_(self) -> str:
        counts, chosen = self.manifest.counts, self.chosen().slice(0, 6).to_pylist()
        samples = {row.index: row.sample for row in self.dataset.rows_at([one["row"] for one in chosen])}
        names = [name for name in self.table.column_names if name not in SCHEMA.names]
        cells = [
            (
                one["rank"],
                one["sample_id"],
                picture(sample.images),
                sample.answer,
                *(one[name] for name in names),
            )
            for one in chosen
            if (sample := samples.get(one["row"])) is not None
        ]
        facts = {
            "chosen": f"{counts.selected:,} of {counts.rows_in:,} rows",
            "excluded": f"{sum(counts.excluded.values()):,}",
            **{f"note {number}": note for number, note in enumerate(self.manifest.notes, 1)},
        }
        title = f"Selection by {self.manifest.configuration.preset['name']}"
        return card(title, facts, ("rank", "id", "image", "answer", *names), cells)

    def keep(self) -> None:
        """Keep the table and the manifest in the run folder, under a name that only equal selections have."""
        _write(self.path, self)

    def write(self, out: str | Path, *, link: bool = False) -> WrittenSubset:
        """Write the chosen records, `selection.json`, the table and the report to a folder.

        Args:
            out: New, empty, or holding nothing but an earlier selection, which is replaced.
            link: Hard-link image files instead of copying them.

        Raises:
            ConfigError: If `out` holds other things.
        """
        out = local_file(out).resolve()
        positions = self.chosen()["row"].to_pylist()
        with (
            self.run.writing(),
            self.run.step("write", out=str(out)),
            output_folder(out, subset_names(self.dataset)) as folder,
        ):
            subset = self.dataset.write(folder, positions, link=link)
            _write(folder, self)
            self._draw(folder / REPORT)
        return relocated(subset, folder, out)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool = True,
        license: str | None = None,
        dry_run: str | Path | None = None,
    ) -> str:
        """Send the chosen rows to the hub as a dataset, with a card that says how they were chosen.

        The report is left out, because it names folders of this machine.

        Args:
            repo_id: `OWNER/NAME`; made if it is not there.
            private: Whether a new dataset is private.
            license: The licence that the card states; None for "unknown".
            dry_run: New folder to write instead of sending anything.

        Returns:
            The address of the dataset, or the folder of the dry run.

        Raises:
            ConfigError: If `repo_id` is no hub id, or the folder is not empty.
            DataError: If the hub cannot be reached or refuses.
        """
        from finegold.workflow.hub import push_selection

        folder = None if dry_run is None else Path(dry_run)
        return push_selection(self, repo_id, private=private, license=license, dry_run=folder)

    def report(self, path: str | Path, judged: Path | None = None) -> Path:
        """Draw the report to an HTML file; with `judged`, the verdicts of a judge's audit are shown too."""
        path = local_file(path)
        with self.run.writing():
            self._draw(path, judged)
        return path

    def _draw(self, path: Path, judged: Path | None = None) -> None:
        with self.run.step("report", path=str(path)):
            embeddings = self._embeddings()
            write_report(self.run, self.dataset, self.manifest, self.table, embeddings, path, judged)

    def chosen(self) -> pa.Table:
        """The table's chosen rows, by rank."""
        return self.table.filter(pc.is_valid(self.table["rank"])).sort_by("rank")

    def _embeddings(self) -> PartTable | None:
        """The embeddings that the selection was made with, if the run folder still has them."""
        identity = self.manifest.configuration.encoder
        if identity is None:
            return None
        if found := self.run.tables("embeddings", model=identity, data=self.manifest.dataset.sequence):
            return found[0]
        raise RunError(
            f"{self.run.path} lacks the embeddings that the selection was made from: give the run folder "
            "that it was made in"
        )


def _write(folder: Path, selection: Selection) -> None:
    with atomic_path(folder / TABLE) as temporary:
        digest = write_parquet(selection.table, temporary)
    manifest = selection.manifest.model_copy(update={"files": {TABLE: digest}})
    write_text(folder / MANIFEST, manifest_text(manifest))


def read_selection(run: RunFolder, dataset: Dataset, path: Path) -> Selection:
    """A selection that was written before.

    Args:
        run: The run folder that it was made in.
        dataset: The run's dataset.
        path: Its `selection.json`; the table lies beside it or in the run folder.

    Raises:
        DataError: If the file or the table is missing or damaged.
    """
    manifest = read_manifest(path)
    kept = run.path / "selections" / manifest.folder / MANIFEST
    table = read_table(path if path.with_name(TABLE).exists() or not kept.exists() else kept)
    return Selection(run, dataset, manifest, table)


def build_manifest(
    rows: Rows,
    settings: SelectionSettings,
    tables: SelectionTables,
    selected: SelectedRows,
    table: pa.Table,
    quality: GivenQuality | None,
    overlap: FoundOverlap | None = None,
) -> Manifest:
    """Describe a selection.

    Args:
        rows: The run's checked rows.
        settings: What was asked for.
        tables: What was read.
        selected: What was chosen.
        table: The selection's table.
        quality: The quality that was computed from a file, if one was.
        overlap: Rows that were excluded for what they share with benchmarks, if any were named.
    """
    clusters, targets, dedup = tables.clusters, tables.targets, settings.dedup
    named = () if settings.condition is None else settings.condition.names
    notes = [*selected.notes, *(quality.notes if quality is not None else ())]
    for name, scored in sorted(tables.scores.items()):
        if canaries := read_canaries(scored.folder):
            notes.append(canaries.note(name))
    if overlap is not None:
        notes += overlap.notes
    if targets is not None:
        notes.append(targets.note())
    if clusters is not None and clusters.summary.note:
        notes.append(clusters.summary.note)
    notes += filter(None, (yes_note(table, rows.table.parts(["answer"])), poor_note(table)))
    excluded = (
        table.filter(pc.equal(table["status"], EXCLUDED)).group_by("code").aggregate([([], "count_all")])
    )
    counts = dict(zip(excluded["code"].to_pylist(), excluded["count_all"].to_pylist(), strict=True))
    size = int(np.count_nonzero(selected.rank))
    rows_in = counts_of(table["group"])
    return Manifest(
        finegold=__version__,
        libraries=library_versions(),
        dataset=DatasetInfo(
            fingerprint=rows.fingerprint,
            sequence=rows.sequence,
            format=rows.dataset.format,
            name=rows.dataset.source.title or rows.dataset.path.name,
            instruction=rows.dataset.source.instruction,
            ids=rows.dataset.source.ids,
            columns=None if rows.dataset.source.columns is None else rows.dataset.source.columns.text,
        ),
        configuration=Configuration(
            preset=settings.preset.content(),
            encoder=tables.encoder_identity,
            encoder_name=tables.encoder,
            text_encoder=None if tables.texts is None else tables.texts.parameters["model"],
            text_encoder_name=None if tables.texts is None else settings.text_encoder,
            scorers=[
                ScorerInfo(
                    name=name,
                    version=scored.parameters["version"],
                    fingerprint=scored.fingerprint,
                    parameters=scored.parameters["parameters"],
                    table=scored.folder.name,
                )
                for name, scored in tables.all_scores.items()
            ],
            weights=dict(selected.weights),
            clustering=None
            if clusters is None
            else {
                **clusters.parameters,
                "fingerprint": clusters.table.fingerprint,
                "table": clusters.table.folder.name,
            },
            dedup=None if dedup is None else DedupInfo.of(dedup),
            without=[] if overlap is None else list(overlap.benchmarks),
            targets=None if targets is None else targets.origin,
            selector=None if quality is None else quality.origin,
            attributes=rows.brought_attributes((*settings.preset.group_by, *named)),
            where=None if settings.condition is None else settings.condition.text,
            include=IdListInfo.of(settings.include),
            exclude=IdListInfo.of(settings.exclude),
        ),
        seed=settings.seed,
        size=size,
        counts=Counts(
            rows_in=len(table),
            selected=size,
            not_selected=selected.not_selected,
            excluded=dict(sorted(counts.items())),
        ),
        clusters=[
            ClusterInfo(cluster=c.cluster, size=c.size, quota=c.quota, selected=c.selected)
            for c in selected.clusters
        ],
        groups=[
            GroupInfo(
                group=one.group,
                rows_in=rows_in[one.group],
                size=one.size,
                quota=one.quota,
                selected=one.selected,
            )
            for one in selected.groups
        ],
        notes=notes,
        rows=chosen_rows(table, list(tables.all_scores)) if size <= MOST_ROWS else [],
    )


def library_versions() -> dict[str, str]:
    """Versions of the installed packages that numbers depend on."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
