"""A run: a run folder with its dataset, encoder and compute settings, the verbs on it, and `pick`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from finegold.clustering import Method
from finegold.clustering.table import ClusterTable, cluster_run
from finegold.encoders import MINILM, Space, load_text_encoder
from finegold.engines import Compute
from finegold.errors import ConfigError, RunError, with_article
from finegold.run import ROWS, PartTable, RunFolder, local_file, working_copy
from finegold.run.cards import card
from finegold.samples import Dataset
from finegold.samples.images import decode
from finegold.scorers import (
    SCORERS,
    Context,
    Scorer,
    make_scorer,
    parameter_names,
    scorer_class,
    scorer_name,
)
from finegold.scorers.canary import CanaryResult, canary_rows, run_canaries
from finegold.scorers.llm import LlmScorer
from finegold.selection.compare import PresetComparison
from finegold.selection.options import parse_size
from finegold.selection.preset import Preset
from finegold.workflow.choosing import choose, mixed_as_data
from finegold.workflow.columns import BroughtColumn, bring_column
from finegold.workflow.compare import Labels, compare_presets
from finegold.workflow.export import Format, Table, export_table
from finegold.workflow.filters import check_fields, check_indicator_names
from finegold.workflow.output import check_free, output_lock, subset_names
from finegold.workflow.overlap import Benchmark, FoundOverlap, OverlapFinder
from finegold.workflow.rows import Rows, beside_shards, check_encoder, read_rows
from finegold.workflow.selection import Selection, read_selection
from finegold.workflow.settings import SelectionSettings, Weights, as_preset
from finegold.workflow.source import DataSource, remote_run
from finegold.workflow.spaces import embed_rows
from finegold.workflow.tables import UNLISTED, Making, SelectionTables, TableFinder, find_encoder


class Run:
    """A run folder, opened with its dataset.

    Attributes:
        folder: The run folder.
        dataset: Its dataset.
        compute: Device, batch size and workers; nothing here changes which rows are chosen.
    """

    def __init__(
        self,
        folder: RunFolder,
        dataset: Dataset,
        encoder: str | None = None,
        compute: Compute | None = None,
        *,
        strict: bool = False,
    ) -> None:
        """Use `Run.open`."""
        if not isinstance(encoder, str | None):
            raise ConfigError(f"the encoder is {with_article(type(encoder).__name__)}, expected its name")
        self.folder = folder
        self.dataset = dataset
        self.compute = compute or Compute()
        self._encoder = encoder
        self._strict = strict
        self._rows: Rows | None = None
        self._overlaps = OverlapFinder()

    @classmethod
    def open(
        cls,
        path: str | Path,
        data: Any = None,
        *,
        images: str | Path | None = None,
        encoder: str | None = None,
        compute: Compute | None = None,
        strict: bool = False,
    ) -> "Run":
        """Open a run folder.

        Args:
            path: The folder, or its address in a store such as `s3://bucket/pool.run`.
            data: The dataset, if the folder may not be there yet; it is made then. A `DataSource`, or what
                `open_dataset` takes. Rows in memory are kept in the folder.
            images: Folder of the images, if `data` is no `DataSource`.
            encoder: Image-text model, as `load_encoder` takes it; None for the only one that the run has.
            compute: Device, batch size and workers.
            strict: Stop at the first bad row instead of excluding and counting it.

        Raises:
            RunError: If the folder belongs to other data, or is no run folder.
            DataError: If the dataset cannot be understood.
        """
        if data is None:
            folder = RunFolder.open(path)
            return cls(folder, DataSource(**folder.manifest["data"]).open(), encoder, compute, strict=strict)
        kept = working_copy(path)
        source = data if isinstance(data, DataSource) else DataSource.of(data, images, rows=kept / ROWS)
        dataset = source.open()
        folder = RunFolder.create(kept, source.to_json())
        return cls(folder, dataset, encoder, compute, strict=strict)

    def rows(self) -> Rows:
        """The checked rows; read once."""
        if self._rows is None:
            self._rows = read_rows(self.folder, self.dataset, self.compute, strict=self._strict)
        return self._rows

    def __repr__(self) -> str:
        """The folder, and the dataset that it belongs to."""
        return f"Run({str(self.folder.path)!r}, {self.dataset!r})"

    def _repr_html_(self) -> str:
        tables = [
            (kind, table.folder.name)
            for kind in ("embeddings", "texts", "scores", "clusters")
            for table in self.folder.tables(kind)
        ]
        facts = {"data": self.dataset.path, "rows": f"{len(self.dataset):,}"}
        return card(f"Run {self.folder.path.name}", facts, ("kind", "table"), tables)

    def score(self, scorer: Scorer | str, context: Context | None = None, **parameters: Any) -> PartTable:
        """Score the usable rows, going on where an earlier run stopped.

        Args:
            scorer: The name of a scorer, or a scorer object.
            parameters: The scorer's parameters, if it is given by name.
            context: Endpoint of calls to a model, and whether the rows are scored again on which the scorer
                failed; what the scorer has to say is in its notes.

        Raises:
            ConfigError: If there is no such scorer or parameter, or parameters are given beside an object.
        """
        if isinstance(scorer, str):
            if "encoder" in parameter_names(scorer_class(scorer)):
                parameters.setdefault("encoder", find_encoder(self.folder, self._encoder, "missing"))
            scorer = make_scorer(scorer, **parameters)
        elif parameters:
            raise ConfigError(
                f"a scorer object and '{next(iter(parameters))}' are given: put it into the object"
            )
        elif scorer.name not in SCORERS:
            scorer_name(scorer)
        with beside_shards(self.folder, self.dataset, self.compute, self.rows) as rows:
            table = rows.score(scorer, context)
            (table.folder / UNLISTED).unlink(missing_ok=True)
            return table

    def plan(self, scorer: LlmScorer, context: Context) -> list[tuple[str, str]]:
        """What a scorer would send for the usable rows and its price, as names and values; sends nothing."""
        with self.folder.writing():
            samples = self.rows().samples()
        if "image" not in scorer.requires:
            return scorer.plan(context, samples).lines()
        kept = list(samples)
        images = (decode(sample.images[0]) if sample.images else None for sample in kept)
        return scorer.plan(context, kept, images).lines()

    def canary(self, scorer: LlmScorer, context: Context, share: float) -> CanaryResult:
        """Plant wrong answers and demands in a share of the rows, and see what the scorer makes of them."""
        with self.folder.writing():
            samples = list(self.rows().samples())
        if len(samples) < 2:
            raise ConfigError("--canary needs two rows or more: leave it out")
        kept = [samples[row] for row in canary_rows(samples, share)]
        return run_canaries(scorer, context, kept)

    def bring_column(
        self, file: str | Path, column: str | None = None, name: str | None = None
    ) -> BroughtColumn:
        """Bring scores, embeddings or attributes that were computed elsewhere; see `bring_column`."""
        with self.folder.writing():
            return bring_column(self.rows(), file, column, name)

    def export(
        self,
        out: str | Path,
        table: Table = "scores",
        format: Format | None = None,
        selection: Path | None = None,
    ) -> pa.Table:
        """Write every row with its indicators to one file; see `export_table`."""
        with self.folder.writing():
            return export_table(self.rows(), local_file(out), table, format, selection)

    def embed(self, space: Space = "image", text_encoder: str = MINILM) -> PartTable:
        """Embed the usable rows' images, or their texts in the space `text` or `instruction`."""
        with beside_shards(self.folder, self.dataset, self.compute, self.rows) as rows:
            if space != "image":
                return rows.embed_texts(text_encoder, space)
            return rows.embed(find_encoder(self.folder, self._encoder, "missing"))

    def hash_images(self) -> PartTable:
        """Hash the usable rows' images, which `dedup` and `without` compare."""
        with beside_shards(self.folder, self.dataset, self.compute, self.rows) as rows:
            return rows.hash_images()

    def cluster(
        self,
        *,
        method: Method = "spectral",
        clusters: int = 10,
        neighbours: int = 10,
        seed: int = 0,
        space: Space = "image",
        text_encoder: str = MINILM,
    ) -> ClusterTable:
        """Cluster the rows; `select` uses these clusters where they are named.

        Args:
            method: `spectral`, `kmeans` or `spherical-kmeans`.
            clusters: Number of clusters among the rows with an image.
            neighbours: Neighbours of a row in the graph, the row itself counted; `spectral` only.
            seed: Seed of the clustering.
            space: What rows are compared by: see `encoders.spaces`.
            text_encoder: What embeds texts, as `load_text_encoder` takes it.
        """
        with self.folder.writing():
            images = space in ("image", "both")
            encoder = find_encoder(self.folder, self._encoder, "missing") if images else None
            return cluster_run(
                self.folder,
                embed_rows(self.rows(), space, encoder, text_encoder).table,
                method=method,
                clusters=clusters,
                neighbours=neighbours,
                seed=seed,
            )

    def pick(
        self, size: SelectionSettings | int | str, *, check_out: str | Path | None = None, **options: Any
    ) -> Selection:
        """Compute what the preset states, and choose rows.

        The result depends on the data and the settings alone, not on what else the run folder holds.

        Args:
            size: What is asked for: settings, or a number of rows or a share such as `6%`.
            check_out: Where `Selection.write` will write it, if that is known: checked before hours of work.
            options: Beside a size: `preset`, `weights`, `seed` and further attributes of `SelectionSettings`.
        """
        settings = SelectionSettings.asked(size, options)
        check_indicator_names(self.folder, settings)
        if settings.needs_embeddings and settings.preset.space != "image":
            load_text_encoder(settings.text_encoder, device=self.compute.device)
        if settings.uses_encoder:
            # Before the hours of reading: a misspelt or missing model is found at once.
            name = find_encoder(self.folder, self._encoder, "stated")
            check_encoder(self.folder, name, self.compute.device)
        return self._select(settings, "stated", check_out)

    def select(
        self, size: SelectionSettings | int | str, *, check_out: str | Path | None = None, **options: Any
    ) -> Selection:
        """Choose rows by the scores and embeddings that the run folder holds; nothing is scored or embedded.

        Clusters, image hashes and embeddings of targets are made where they are missing. The arguments are
        those of `pick`.

        Raises:
            ConfigError: If a table is missing, or several would do and none is named.
        """
        settings = SelectionSettings.asked(size, options)
        check_indicator_names(self.folder, settings)
        return self._select(settings, "nothing", check_out)

    def _select(self, settings: SelectionSettings, making: Making, out: str | Path | None) -> Selection:
        if out is not None:
            check_free(local_file(out).resolve(), subset_names(self.dataset))
        with self.folder.writing():
            # Before the hours of scoring, not after.
            parse_size(settings.size, int(self.rows().usable.sum()))
            check_fields(settings, self.rows())
            settings = replace(settings, preset=mixed_as_data(settings.preset, self.rows()))
            selection = self._chosen(settings, self._tables().find(settings, making))
            selection.keep()
            return selection

    def _chosen(self, settings: SelectionSettings, tables: SelectionTables) -> Selection:
        return choose(self.rows(), settings, tables, self._overlaps)

    def compare(
        self,
        presets: Sequence[Preset | str],
        size: int | str,
        *,
        seeds: int = 5,
        labels: Labels | None = None,
        settings: SelectionSettings | None = None,
    ) -> PresetComparison:
        """Choose with every preset, and measure what each chose; see `compare_presets`."""
        with self.folder.writing():
            return compare_presets(
                self._tables(),
                self._chosen,
                [mixed_as_data(found, self.rows()) for found in map(as_preset, presets)],
                str(size),
                seeds=seeds,
                labels=labels,
                settings=settings,
            )

    def selection(self, path: str | Path) -> Selection:
        """The selection of a `selection.json` that was made in this run folder.

        Raises:
            DataError: If the file or its table is missing or damaged.
            RunError: If it was made from other rows than the run has now.
        """
        found = read_selection(self.folder, self.dataset, Path(path))
        with self.folder.writing():
            if found.manifest.dataset.sequence != self.rows().sequence:
                raise RunError(
                    f"{path} was made from other rows than {self.folder.path} has now, or from rows in "
                    "another order: give the run folder that it was made in, or select again"
                )
        return found

    def overlap(self, benchmarks: Sequence[str | Benchmark], encoder: str) -> FoundOverlap:
        """The rows that contain an item of a benchmark; images are compared by this encoder, too."""
        with self.folder.writing():
            found = self._overlaps.find(self.rows(), benchmarks, self.rows().embed(encoder), encoder)
            return found or FoundOverlap.none()

    def compute_tables(self, settings: SelectionSettings) -> SelectionTables:
        """The tables that `pick` would choose from, computed where they are not there."""
        with self.folder.writing():
            return self._tables().find(settings, "stated")

    def _tables(self) -> TableFinder:
        return TableFinder(self.rows(), self._encoder)


def pick(
    data: Any,
    size: int | str,
    out: str | Path | None = None,
    *,
    images: str | Path | None = None,
    preset: str | Preset = "sound",
    weights: Weights | None = None,
    seed: int = 0,
    encoder: str | None = None,
    run: str | Path | None = None,
    compute: Compute | None = None,
    strict: bool = False,
    link: bool = False,
    **settings: Any,
) -> Selection:
    """Read, score, cluster, select, write and report.

    Args:
        data: The dataset: a `DataSource`, or what `open_dataset` takes.
        size: Rows to pick: a number, or a share of the usable rows such as `6%`.
        out: Folder for the subset, `selection.json`, the table and `report.html`; only an earlier selection
            is replaced. None writes no subset.
        images: Folder of the images, if `data` is no `DataSource`.
        preset: A preset, its name, or a `.toml` file.
        weights: Indicator weights in place of the preset's: a mapping of names or scorer objects to numbers,
            or text such as `clip=1,length=0.5`.
        seed: Seed of every random choice.
        encoder: Image-text model, as `load_encoder` takes it; None for the one that the run folder has, or
            CLIP ViT-L/14.
        run: Run folder, which makes the next pick fast. If not given, `<out>.run`; without `out`,
            `<data>.run`, or for rows in memory and remote data a folder in the user's cache.
        compute: Device, batch size and workers.
        strict: Stop at the first bad row instead of excluding and counting it.
        link: Hard-link image files instead of copying them.
        settings: Further attributes of `SelectionSettings`, such as `clusters`, `dedup` and `files`.

    Raises:
        FinegoldError: If something is wrong with the data, the options or the models; one sentence.
    """
    asked = SelectionSettings.of(preset, size, weights, seed=seed, **settings)
    target = None if out is None else local_file(out).resolve()
    if run is None and target is not None:
        run = target.with_name(target.name + ".run")
    run = None if run is None else working_copy(run)
    kept = None if run is None else Path(run) / ROWS
    source = data if isinstance(data, DataSource) else DataSource.of(data, images, rows=kept)
    if run is None:
        run = f"{source.local}.run" if source.local else remote_run(source)
    opened = Run.open(run, source, encoder=encoder, compute=compute, strict=strict)
    if target is None:
        return opened.pick(asked)
    with output_lock(target):
        selection = opened.pick(asked, check_out=target)
        selection.write(target, link=link)
    return selection
