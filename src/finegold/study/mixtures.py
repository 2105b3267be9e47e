"""What each tuned run of a study was trained on, by source, and its scores: what `finegold mix` reads."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from finegold.arrays import Floats
from finegold.selection.learned import MeasuredMixture, write_pairs
from finegold.study.arms import ArmRuns
from finegold.study.measure import Metric
from finegold.study.prepare import Prepared
from finegold.study.study import ArmSpec

FILE = "mixtures.jsonl"
DRAWS = 100
"""Draws of the items of the evaluation."""


def measured_mixtures(metrics: Sequence[Metric], prepared: Prepared) -> Iterator[MeasuredMixture]:
    """Each different subset that was chosen from the study's rows, with the mean scores of its seeds.

    A score is the first strict metric of a task. Nothing comes from rows of a single source.

    Args:
        metrics: Every metric of the study.
        prepared: The study's arms.
    """
    first: dict[str, Metric] = {}
    for metric in metrics:
        if metric.scoring == "strict":
            first.setdefault(metric.task, metric)
    source_of, pool = _sources(prepared)
    if len(pool) < 2 or not first:
        return
    drawn = {name: image_weights(metric.images) for name, metric in first.items()}
    for one in prepared.runs:
        if one.arm.data is not None or not one.subsets:
            continue
        for seeds in _seeds_of_subsets(one):
            ids = one.subsets[seeds[0]].ids
            measures = {name: metric.arms[one.arm.name] for name, metric in first.items()}
            scores = {name: first[name].sign * measure.by_seed[seeds] for name, measure in measures.items()}
            draws = {
                name: np.mean(
                    [
                        first[name].sign * measure.combine(drawn[name] @ measure.statistics[seed])
                        for seed in seeds
                    ],
                    axis=0,
                )
                for name, measure in measures.items()
            }
            yield MeasuredMixture(
                arm=one.arm.name,
                choice=_choice(one.arm),
                rows=dict(sorted(Counter(source_of[one] for one in ids).items())),
                pool=pool,
                scores={name: float(found.mean()) for name, found in scores.items()},
                whole=one.arm.size.strip() == "100%",
                seeds=len(seeds),
                draws={name: tuple(found.tolist()) for name, found in draws.items()},
            )


def image_weights(images: Sequence[str]) -> Floats:
    """How often each of `DRAWS` draws takes each item, shape (draws, items): Poisson with mean 1.

    The draws of an image depend on its name alone, so that tasks and studies with one image draw it alike.
    """
    known: dict[str, Floats] = {}
    for image in dict.fromkeys(images):
        seed = list(hashlib.sha256(image.encode()).digest()[:16])
        known[image] = np.random.default_rng(seed).poisson(1.0, DRAWS).astype(np.float64)
    return np.stack([known[image] for image in images], axis=1)


def _sources(prepared: Prepared) -> tuple[Mapping[str, str], dict[str, int]]:
    """The source of each usable row of the study's data, and the rows of each that an arm may have."""
    rows = prepared.pools[""].run.rows()
    table = rows.table.read(["sample_id", "source"]).filter(rows.usable)
    source_of = dict(zip(table["sample_id"].to_pylist(), table["source"].to_pylist(), strict=True))
    shared = {name for overlap in prepared.overlaps for name, _ in overlap.rows}
    return source_of, dict(sorted(Counter(s for name, s in source_of.items() if name not in shared).items()))


def _seeds_of_subsets(one: ArmRuns) -> list[list[int]]:
    """The seeds that each different subset was trained with."""
    found: dict[str, list[int]] = {}
    for seed, subset in enumerate(one.subsets):
        found.setdefault(subset.fingerprint, []).append(seed)
    return list(found.values())


def _choice(arm: ArmSpec) -> str:
    """How an arm chooses beside its mixture."""
    weights = [f"{name}={value:g}" for name, value in (arm.weights or {}).items()]
    return ", ".join([f"{arm.preset} {arm.size}", *weights, *([arm.recipe] if arm.recipe else [])])


def write_mixtures(folder: Path, metrics: Sequence[Metric], prepared: Prepared) -> None:
    """Write the file of measured mixtures to a study's results, if its rows have several sources."""
    found = list(measured_mixtures(metrics, prepared))
    if found:
        write_pairs(folder / FILE, found)
