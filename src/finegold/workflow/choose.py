"""Choose rows from what was computed, and describe the choice."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from finegold import __version__
from finegold.clustering.graph_table import graph_run
from finegold.run import RunFolder
from finegold.samples import Dataset
from finegold.selection.manifest import DatasetInfo, Manifest, ScorerInfo, build_manifest
from finegold.selection.options import parse_size
from finegold.selection.pickers import PICKERS
from finegold.selection.preset import Preset
from finegold.selection.select import select
from finegold.selection.selection import Selection, SelectionInputs
from finegold.selection.table import Candidates, gather
from finegold.workflow.compute import Computed

LIBRARIES = ("numpy", "scipy", "scikit-learn", "pillow", "pyarrow", "torch", "transformers", "faiss-cpu")
"""Packages whose versions the manifest names, where they are installed."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A selection, what it was chosen from, and its description."""

    selection: Selection
    candidates: Candidates
    computed: Computed
    manifest: Manifest

    def positions(self) -> list[int]:
        """Positions of the chosen rows in the dataset, by rank."""
        at = dict(zip(self.candidates.ids, self.candidates.rows.tolist(), strict=True))
        return [at[row.id] for row in self.selection.rows]


def choose(
    run: RunFolder,
    dataset: Dataset,
    computed: Computed,
    preset: Preset,
    size: str,
    *,
    weights: Mapping[str, float] | None,
    seed: int,
) -> Choice:
    """Choose rows as a preset says.

    Raises:
        BudgetError: If fewer rows can be chosen than are asked for.
        ConfigError: If something that the preset needs is not there.
    """
    with run.step("select", preset=preset.name, size=size, seed=seed):
        candidates = gather(computed.rows.table, computed.scores, computed.clusters, computed.embeddings)
        graph = None
        if "graph" in PICKERS[preset.pick].needs and computed.embeddings is not None:
            graph = graph_run(run, computed.embeddings)
        inputs = SelectionInputs(
            candidates.ids,
            candidates.indicators,
            labels=candidates.labels,
            embeddings=candidates.embeddings,
            graph=None if graph is None else graph.graph,
            graph_ids=None if graph is None else graph.ids,
        )
        selection = select(inputs, preset, parse_size(size, len(candidates.ids)), seed=seed, weights=weights)
    return Choice(selection, candidates, computed, _manifest(dataset, computed, candidates, selection))


def _manifest(dataset: Dataset, computed: Computed, candidates: Candidates, selection: Selection) -> Manifest:
    clusters = computed.clusters
    note = clusters.summary["note"] if clusters is not None else ""
    manifest = build_manifest(
        selection,
        finegold=__version__,
        libraries=library_versions(),
        dataset=DatasetInfo(
            fingerprint=computed.rows.fingerprint,
            format=dataset.format,
            name=dataset.path.name,
            instruction=dataset.options.instruction,
            ids=dataset.options.ids,
        ),
        encoder=computed.encoder,
        scorers=[
            ScorerInfo(
                name=name,
                version=table.parameters["version"],
                fingerprint=table.fingerprint,
                parameters=table.parameters["parameters"],
            )
            for name, table in sorted(computed.scores.items())
        ],
        clustering=None
        if clusters is None
        else {**clusters.parameters, "fingerprint": clusters.table.fingerprint},
        origins={
            key: (content, place)
            for key, content, place in zip(candidates.ids, candidates.hashes, candidates.places, strict=True)
        },
        excluded=Counter(row.code for row in candidates.excluded),
    )
    return manifest.model_copy(update={"notes": [*manifest.notes, note]}) if note else manifest


def library_versions() -> dict[str, str]:
    """Versions of the installed packages that numbers depend on."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
