"""Which tables of a run folder a selection reads: what was named, what its preset states, or the only one.

Nothing here looks at the time of a file. Where several tables would do, the error names them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from finegold.clustering.table import ClusterTable, GraphTable, cluster_run, graph_run, read_clusters
from finegold.dedup import Contents, read_contents
from finegold.encoders import Space, load_text_encoder
from finegold.errors import ConfigError, RunError
from finegold.run import PartTable, RunFolder
from finegold.scorers import Context, Scorer, is_automatic, make_scorer, uses_encoder
from finegold.scorers.step import scores_table
from finegold.workflow.filters import indicators_of
from finegold.workflow.rows import Rows
from finegold.workflow.settings import SelectionSettings
from finegold.workflow.spaces import RowVectors, part_of
from finegold.workflow.targets import Targets, embed_targets

UNLISTED = "unlisted"
"""File in the folder of a score table that was made for one preset or comparison alone."""
DEFAULT_ENCODER = "openai/clip-vit-large-patch14"
Making = Literal["nothing", "stated", "missing"]
"""Which score and embedding tables are computed: none, so that what is not there is an error; those that the
preset states, whatever else there is; or those of which the run folder has none."""


@dataclass(frozen=True, slots=True)
class SelectionTables:
    """What a selection is made from.

    Attributes:
        scores: Finished table of each indicator that counts and that the run has.
        encoder: Name of the encoder that was used; None if none was.
        embeddings: Finished table of the rows' embeddings in the preset's space, or None.
        images: Finished table of the images' embeddings, or None; the same one in the space of images.
        clusters: Cluster of each row, or None.
        graph: Neighbour graph of the embeddings, if the picker reads one.
        hashes: Finished table of the images' hashes; None if nothing compares them.
        targets: Examples to move towards, or None.
        texts: Finished table of the texts' embeddings, or None.
        filters: Finished tables of indicators that only the condition reads.
    """

    scores: dict[str, PartTable]
    encoder: str | None = None
    embeddings: PartTable | None = None
    clusters: ClusterTable | None = None
    graph: GraphTable | None = None
    hashes: PartTable | None = None
    targets: Targets | None = None
    images: PartTable | None = None
    texts: PartTable | None = None
    filters: Mapping[str, PartTable] = field(default_factory=dict)

    @property
    def all_scores(self) -> dict[str, PartTable]:
        """Finished table of each indicator that counts or that the condition reads, by name."""
        found = {**self.filters, **self.scores}
        return {name: found[name] for name in sorted(found)}

    @property
    def encoder_identity(self) -> dict[str, Any] | None:
        """What the images' embeddings depend on, or None."""
        return None if self.images is None else self.images.parameters["model"]

    def contents(self, rows: Rows, ids: Sequence[str]) -> Contents | None:
        """What duplicates are found by, for some usable rows; None without hashes."""
        return None if self.hashes is None else read_contents(self.hashes, rows.table, ids)


def run_encoders(run: RunFolder) -> list[str]:
    """Names of the encoders that a run's images are embedded with, sorted."""
    return sorted({str(table.parameters["name"]) for table in run.tables("embeddings")})


def find_encoder(run: RunFolder, named: str | None, making: Making) -> str:
    """Name of a run's encoder: the one that is named, or the only one that the run is embedded with.

    Raises:
        ConfigError: If the run has several, or none and nothing is to be computed.
    """
    names = run_encoders(run)
    if named is not None:
        return named
    if len(names) > 1:
        raise ConfigError(
            f"{run.path} is embedded with {len(names)} encoders ({', '.join(names)}): name one with --encoder"
        )
    if not names and making == "nothing":
        raise ConfigError(
            f"{run.path} has no embedded images, which this preset needs: run `finegold cluster` first"
        )
    return names[0] if names else DEFAULT_ENCODER


class TableFinder:
    """Finds or makes the tables of one run.

    Args:
        rows: The run's checked rows.
        encoder: The encoder that the user named; None for the only one that the run has.
    """

    def __init__(self, rows: Rows, encoder: str | None) -> None:
        self.rows, self.run, self.encoder = rows, rows.folder, encoder
        # As they are when the command begins: what it computes itself may not change what it reads.
        self._finished_scores = rows.folder.tables("scores", data=rows.sequence)

    def find(self, settings: SelectionSettings, making: Making) -> SelectionTables:
        """All tables that a selection needs.

        Raises:
            ConfigError: If a table is missing, or several would do and none is named.
        """
        preset, rows = settings.preset, self.rows
        encoder = find_encoder(self.run, self.encoder, making) if settings.uses_encoder else None
        # First: a file of targets that cannot be used is found before hours of scoring.
        targets = None
        if settings.files.targets is not None and "targets" in preset.needs:
            targets = embed_targets(rows, settings.files, encoder, settings.text_encoder, preset.space)
        named = self._named(settings)
        wanted = settings.indicators
        if preset.indicators and named:
            wanted = tuple(name for name in wanted if name in named)
        filters = self._filters(settings, named, encoder, making)
        found = {
            name: filters.get(name) or named.get(name) or self.scores(name, settings, encoder, making)
            for name in wanted
        }
        scores = {name: table for name, table in found.items() if table is not None}
        if making == "nothing" and preset.reads and not scores:
            raise ConfigError(f"{self.run.path} holds no scores of these rows: run `finegold score` first")
        by_image = settings.dedup is not None and settings.dedup.reads_images
        hashes = rows.hash_images() if by_image else None
        if not settings.needs_embeddings:
            return SelectionTables(scores, encoder, hashes=hashes, targets=targets, filters=filters)
        images = texts = None
        if preset.space in ("image", "both"):
            assert encoder is not None
            images = self.embeddings(encoder, making)
        if preset.space != "image":
            texts = self.texts(settings.text_encoder, preset.space, making)
        vectors = RowVectors.of(self.run, images, texts)
        embeddings = vectors.table
        if targets is not None and targets.models != vectors.models:
            raise RunError(
                f"the encoder '{encoder}' is another than when {self.run.path} was embedded: embed again "
                "with `finegold cluster`"
            )
        return SelectionTables(
            scores,
            encoder,
            embeddings,
            self.clusters(settings, embeddings),
            graph_run(self.run, embeddings) if "graph" in preset.needs else None,
            hashes,
            targets,
            images,
            texts,
            filters,
        )

    def _filters(
        self, settings: SelectionSettings, named: Mapping[str, PartTable], encoder: str | None, making: Making
    ) -> dict[str, PartTable]:
        """The score tables that the condition reads, by indicator.

        Raises:
            ConfigError: If one is missing and is not to be computed.
        """
        found: dict[str, PartTable] = {}
        for name in sorted(set(indicators_of(settings.condition, self.run).values())):
            table = named.get(name) or self.scores(name, settings, encoder, making)
            if table is None:
                raise ConfigError(
                    f"--where names '{name}', and {self.run.path} has no scores of it: run "
                    f"`finegold score {self.run.path} --scorer {name}` first"
                )
            found[name] = table
        return found

    def _named(self, settings: SelectionSettings) -> dict[str, PartTable]:
        """The score tables that the user named, by indicator.

        Raises:
            ConfigError: If there is no table of a name, or an indicator has two of them.
        """
        tables = {table.folder.name: table for table in self._finished_scores}
        found: dict[str, PartTable] = {}
        for name in settings.scores:
            if name not in tables:
                raise ConfigError(
                    f"{self.run.path} has no score table '{name}': give --scores some of "
                    f"{', '.join(tables) or 'none'}"
                )
            indicator = str(tables[name].parameters["scorer"])
            if indicator in found:
                raise ConfigError(f"--scores names two tables of '{indicator}': name one of them")
            found[indicator] = tables[name]
        return found

    def embeddings(self, encoder: str, making: Making) -> PartTable:
        """The embeddings of the usable rows' images by an encoder.

        Raises:
            ConfigError: If they are not there, or there are several of that name.
        """
        if making != "nothing":
            return self.rows.embed(encoder)
        found = self.run.tables("embeddings", data=self.rows.sequence, name=encoder)
        if not found:
            others = ", ".join(run_encoders(self.run))
            raise ConfigError(
                f"{self.run.path} has no images embedded with '{encoder}'"
                + (f", only with {others}: omit --encoder, or " if others else ": ")
                + f"run `finegold cluster {self.run.path} --encoder {encoder}` first"
            )
        if len(found) > 1:
            raise ConfigError(
                f"{self.run.path} has embeddings of {len(found)} models named '{encoder}' "
                f"({_names(found)}): start a new run folder"
            )
        return found[0]

    def texts(self, encoder: str, space: Space, making: Making) -> PartTable:
        """The embeddings of the usable rows' texts by a text encoder.

        Raises:
            ConfigError: If they are not there and nothing is to be computed.
        """
        part = part_of(space)
        if making != "nothing":
            return self.rows.embed_texts(encoder, part)
        identity = load_text_encoder(encoder, device=self.rows.compute.device).identity()
        found = self.run.tables("texts", data=self.rows.sequence, space=part, model=identity)
        if not found:
            raise ConfigError(
                f"{self.run.path} has no texts embedded with '{encoder}' in the space '{part}': run "
                f"`finegold cluster --space {part}` first"
            )
        return found[0]

    def clusters(self, settings: SelectionSettings, embeddings: PartTable) -> ClusterTable | None:
        """The preset's own clusters of the embeddings, or those that were named.

        Raises:
            ConfigError: If there is no cluster table of that name for these embeddings.
        """
        if settings.clustering is not None:
            tables = self.run.tables("clusters", data=self.rows.sequence)
            tables = [one for one in tables if one.parameters["embeddings"] == embeddings.fingerprint]
            for table in tables:
                if table.folder.name == settings.clustering:
                    return read_clusters(table)
            raise ConfigError(
                f"{self.run.path} has no clusters '{settings.clustering}' of these embeddings: give one of "
                f"{_names(tables) or 'none'}, or run `finegold cluster`"
            )
        spec = settings.preset.clustering
        if spec is None:
            return None
        number = spec.count(int(self.rows.usable.sum())) if settings.clusters is None else settings.clusters
        return cluster_run(
            self.run, embeddings, method=spec.method, clusters=number, neighbours=spec.neighbours, seed=0
        )

    def scores(
        self, name: str, settings: SelectionSettings, encoder: str | None, making: Making
    ) -> PartTable | None:
        """The scores of one indicator; None if the run has none and the scorer is not automatic.

        Raises:
            ConfigError: If several tables would do.
        """
        stated = settings.preset.scorers.get(name)
        own_encoder = (stated or {}).get("encoder", encoder)
        found = [
            table
            for table in self._finished_scores
            if table.parameters["scorer"] == name
            and (encoder is None or table.parameters["parameters"].get("encoder", own_encoder) == own_encoder)
        ]
        listed = [table for table in found if not (table.folder / UNLISTED).exists()]
        if is_automatic(name):
            wanted = stated is not None or not listed if making == "missing" else making == "stated"
            if wanted or stated is not None:
                scorer = self._scorer(name, stated or {}, encoder)
                context = Context(self.rows.compute.device)
                table = scores_table(self.run, scorer, self.rows.sequence, context)
                if wanted:
                    return self._compute(scorer, table, listed=making == "stated" and stated is None)
                listed = [one for one in found if one.folder == table.folder]
            if not listed:
                raise self._no_scores(name, settings, encoder)
        found = listed
        if len(found) > 1:
            raise ConfigError(
                f"{self.run.path} has {len(found)} score tables of '{name}': name one with --scores "
                + " or ".join(f"{table.folder.name} ({_parameters(table)})" for table in found)
            )
        return found[0] if found else None

    def _no_scores(self, name: str, settings: SelectionSettings, encoder: str | None) -> ConfigError:
        """What to do about scores that are missing, or were made with another encoder."""
        reader = f"preset '{settings.preset.name}'" if name in settings.indicators else "--where"
        tables = (one.parameters for one in self._finished_scores if one.parameters["scorer"] == name)
        others = sorted({str(one["parameters"].get("encoder")) for one in tables} - {"None", str(encoder)})
        again = f"run `finegold score {self.run.path} --scorer {name}"
        if others:
            return ConfigError(
                f"{self.run.path} has scores of '{name}', which {reader} reads, with the encoder "
                f"'{others[0]}' and not with '{encoder}': omit --encoder, or {again} --encoder {encoder}`"
            )
        return ConfigError(
            f"{self.run.path} has no scores of '{name}', which {reader} reads: {again}`, or name the tables "
            "with --scores"
        )

    def _compute(self, scorer: Scorer, table: PartTable, *, listed: bool) -> PartTable:
        """Compute scores, or find them.

        A table that is made for one preset or for a comparison is not listed: other selections read it only
        where it is named.
        """
        if not listed and not table.done:
            table.folder.mkdir(parents=True, exist_ok=True)
            (table.folder / UNLISTED).touch()
        found = self.rows.score(scorer)
        if listed:
            (table.folder / UNLISTED).unlink(missing_ok=True)
        return found

    def _scorer(self, name: str, stated: Mapping[str, Any], encoder: str | None) -> Scorer:
        return make_scorer(name, **({"encoder": encoder} if uses_encoder(name) else {}) | dict(stated))


def _names(tables: Sequence[PartTable]) -> str:
    return ", ".join(table.folder.name for table in tables)


def _parameters(table: PartTable) -> str:
    """A score table's parameters in a few words."""
    parameters = table.parameters["parameters"]
    return ", ".join(f"{key}={value}" for key, value in parameters.items()) or "no parameters"
