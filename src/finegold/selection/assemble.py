"""Put together the pool that a preset picks from: parts, and what its picker reads."""

from dataclasses import replace

import numpy as np

from finegold.arrays import Floats, Ints, Vectors
from finegold.clustering import KnnGraph, knn_graph
from finegold.clustering.knn import finite_flags
from finegold.errors import ConfigError
from finegold.run import TextColumn
from finegold.selection.plugins import ALLOCATORS, PICKERS
from finegold.selection.pool import Pool
from finegold.selection.preset import Preset
from finegold.selection.row_quality import RowQuality
from finegold.selection.selection import SelectionInputs

GRAPH_NEIGHBOURS = 10
"""Neighbours a row in a graph that a picker needs and nobody has searched."""


def assemble(
    inputs: SelectionInputs, order: Ints, rated: RowQuality, eligible: Ints, preset: Preset
) -> tuple[Pool, set[int], tuple[str, ...]]:
    """Build the pool of the eligible rows.

    Args:
        inputs: What is known about the rows.
        order: Their positions, sorted by id.
        rated: Their quality.
        eligible: Positions in `rated.usable` to choose from, ascending.
        preset: What it needs is put in.

    Returns:
        The pool, the parts whose rows have no image and that a picker of images cannot read, and notes.

    Raises:
        ConfigError: If something that the preset needs is not there.
    """
    needs = PICKERS[preset.pick].needs | ALLOCATORS[preset.allocate].needs
    rows = rated.usable[eligible]
    quality = np.zeros(len(rows)) if rated.quality is None else rated.quality[eligible]
    indicators = None if rated.indicators is None else rated.indicators[eligible]
    labels = _parts(inputs, rows, quality, preset)
    pool = Pool(TextColumn(inputs.ids).take(rows), quality, labels, indicators=indicators)
    if "indicators" in needs and indicators is None:
        raise ConfigError(f"preset '{preset.name}' needs indicators, and none counts here; score some first")
    if "targets" in needs:
        if inputs.targets is None:
            raise ConfigError(
                f"preset '{preset.name}' moves towards target examples; name some with --targets"
            )
        pool = replace(pool, targets=inputs.targets)
    if not needs & {"embeddings", "graph", "targets"}:
        return pool, set(), ()
    if inputs.embeddings is None:
        raise ConfigError(f"preset '{preset.name}' compares images, and none were embedded; embed them first")
    finite = finite_flags(inputs.embeddings)
    has_image = finite[rows]
    embeddings = np.asarray(inputs.embeddings, np.float32)
    # Ten million rows are gigabytes: they are copied only if some go or change.
    if not (len(rows) == len(embeddings) and has_image.all() and bool((np.diff(rows) == 1).all())):
        embeddings = embeddings[rows]
        embeddings[~has_image] = 0
    pool = replace(pool, embeddings=embeddings, labels=_split(labels, has_image))
    if "graph" in needs:
        pool = replace(pool, graph=_graph(inputs, inputs.embeddings, order[finite[order]], rows))
    if has_image.all():
        return pool, set(), ()
    note = (
        f"{int((~has_image).sum())} rows have no image and compete among themselves, by quality; "
        "`--space both` compares them by their texts."
    )
    return pool, {int(part) for part in np.unique(pool.labels[~has_image])}, (note,)


def _parts(inputs: SelectionInputs, rows: Ints, quality: Floats, preset: Preset) -> Ints:
    if preset.grouping == "none":
        return np.zeros(len(rows), dtype=np.int64)
    if preset.strata is not None:
        return score_strata(quality, preset.strata)
    if inputs.labels is None:
        raise ConfigError(f"preset '{preset.name}' picks within clusters, and there are none; cluster first")
    return inputs.labels[rows]


def _split(labels: Ints, has_image: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Ints:
    """Give the rows without an image parts of their own wherever they share one with images."""
    parts = int(labels.max(initial=-1)) + 1
    mixed = np.isin(np.arange(parts), labels[has_image]) & np.isin(np.arange(parts), labels[~has_image])
    own = parts + np.cumsum(mixed) - 1
    return np.where(~has_image & mixed[labels], own[labels], labels)


def _graph(inputs: SelectionInputs, embeddings: Vectors, with_image: Ints, rows: Ints) -> KnnGraph:
    graph = inputs.graph
    if graph is None:
        graph = knn_graph(embeddings[with_image], GRAPH_NEIGHBOURS)
    ids, graph_ids = TextColumn(inputs.ids), inputs.graph_ids
    if inputs.graph is None or graph_ids is None:
        graph_ids = ids.take(with_image)
    if len(graph) != len(graph_ids):
        raise ConfigError(
            f"the neighbour graph has {len(graph)} rows and {len(graph_ids)} were expected; search it again"
        )
    return graph.restrict(TextColumn(graph_ids).find(ids.take(rows)))


def score_strata(quality: Floats, strata: int) -> Ints:
    """Cut the range of quality into equally wide strata, as CCS does (Zheng et al. 2023, arXiv 2210.15809).

    Returns the stratum of each row, shape (n,); 0 holds the lowest quality.

    Strata may be empty; a constant quality is one stratum.
    """
    if not len(quality) or quality.max() == quality.min():
        return np.zeros(len(quality), dtype=np.int64)
    place = (quality - quality.min()) / (quality.max() - quality.min()) * strata
    stratum: Ints = np.minimum(place.astype(np.int64), strata - 1)
    return stratum
