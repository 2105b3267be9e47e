"""Choose rows from what was computed, and describe the choice."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from finegold import __version__
from finegold.clustering.graph_table import graph_run
from finegold.dedup import Dedup
from finegold.run import RunFolder
from finegold.samples import Dataset
from finegold.selection.manifest import (
    DatasetInfo,
    ExcludedInfo,
    Manifest,
    ScorerInfo,
    build_manifest,
)
from finegold.selection.options import parse_size
from finegold.selection.pickers import PICKERS
from finegold.selection.preset import Preset
from finegold.selection.select import select
from finegold.selection.selection import Selection, SelectionInputs
from finegold.selection.table import Candidates, gather
from finegold.workflow.compute import Computed
from finegold.workflow.files import NOTHING_GIVEN, SelectionFiles
from finegold.workflow.quality import GivenQuality, given_quality

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
    given: SelectionFiles = NOTHING_GIVEN,
    origin: Mapping[str, Any] | None = None,
) -> Choice:
    """Choose rows as a preset says.

    Args:
        run: The run folder.
        dataset: Its dataset.
        computed: What is chosen from.
        preset: How.
        size: As `parse_size` reads it.
        weights: Instead of the preset's.
        seed: Of everything random.
        given: Duplicates to leave out, and the file that a given quality is computed from.
        origin: Of a given quality in an earlier manifest, instead of that file.

    Raises:
        BudgetError: If fewer rows can be chosen than are asked for.
        ConfigError: If something that the preset needs is not there.
    """
    with run.step("select", preset=preset.name, size=size, seed=seed):
        candidates = gather(computed.rows.table, computed.scores, computed.clusters, computed.embeddings)
        graph = None
        if "graph" in PICKERS[preset.pick].needs and computed.embeddings is not None:
            graph = graph_run(run, computed.embeddings)
        quality = given_quality(run, preset, candidates, given, origin)
        inputs = SelectionInputs(
            candidates.ids,
            candidates.indicators,
            labels=candidates.labels,
            embeddings=candidates.embeddings,
            graph=None if graph is None else graph.graph,
            graph_ids=None if graph is None else graph.ids,
            targets=None if computed.targets is None else computed.targets.vectors,
            dedup=given.dedup,
            contents=computed.contents(candidates.ids),
        )
        if quality is not None:
            inputs = replace(inputs, quality=quality.values, quality_name=quality.name)
        selection = select(inputs, preset, parse_size(size, len(candidates.ids)), seed=seed, weights=weights)
        manifest = _manifest(dataset, computed, candidates, selection, quality, given.dedup)
    return Choice(selection, candidates, computed, manifest)


def _manifest(
    dataset: Dataset,
    computed: Computed,
    candidates: Candidates,
    selection: Selection,
    quality: GivenQuality | None,
    dedup: Dedup | None,
) -> Manifest:
    clusters, targets = computed.clusters, computed.targets
    notes = [*selection.notes, *(quality.notes if quality is not None else ())]
    if targets is not None:
        notes.append(_about(targets.origin))
    if clusters is not None and clusters.summary["note"]:
        notes.append(clusters.summary["note"])
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
        excluded=[
            ExcludedInfo(id=row.id, place=row.place, code=row.code, reason=row.reason)
            for row in candidates.excluded
        ],
        dedup=dedup,
        targets=None if targets is None else targets.origin,
        selector=None if quality is None else quality.origin,
    )
    return manifest.model_copy(update={"notes": notes})


def _about(origin: Mapping[str, Any]) -> str:
    left = [
        f"{origin[key]:,} {words}"
        for key, words in (("without_image", "without an image"), ("unusable", "that cannot be used"))
        if origin[key]
    ]
    out = f"; left out: {', '.join(left)}" if left else ""
    return f"Moved towards {origin['rows']:,} target examples of '{origin['name']}'{out}."


def library_versions() -> dict[str, str]:
    """Versions of the installed packages that numbers depend on."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
