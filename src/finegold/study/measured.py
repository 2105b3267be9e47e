"""What each tuned run of a study was trained on and what it scored: for `learned` and for `finegold mix`."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from finegold.arrays import Floats
from finegold.selection.learned import MeasuredMixture, MeasuredSubset, write_pairs
from finegold.study.arms import ArmRuns
from finegold.study.measure import Metric, first_by_task, relative_by_seed
from finegold.study.prepare import Prepared
from finegold.study.study import ArmSpec

PAIRS, MIXTURES = "pairs.jsonl", "mixtures.jsonl"
AVERAGE = "average relative performance"
SCORINGS = ("strict", "lmms-eval")
MIXING = {"group_by", "mixture"}
"""Fields of a preset that say what is mixed, and how."""
DRAWS = 100
"""Draws of the items of the evaluation."""


def write_measured(
    folder: Path, metrics: Sequence[Metric], held_out: Sequence[Metric], prepared: Prepared
) -> None:
    """Write what the arms chose and scored to a study's results.

    Args:
        folder: Folder of the results.
        metrics: Every metric of the study, at least one.
        held_out: The same metrics on the other half of the images; empty if all images are measured.
        prepared: The study's arms.
    """
    write_pairs(folder / PAIRS, measured_subsets(metrics, held_out, prepared))
    if mixtures := list(measured_mixtures(metrics, prepared)):
        write_pairs(folder / MIXTURES, mixtures)


def measured_subsets(
    metrics: Sequence[Metric], held_out: Sequence[Metric], prepared: Prepared
) -> Iterator[MeasuredSubset]:
    """What every tuned arm and seed chose, and what it led to; higher is better.

    That is the average relative performance of a study of several tasks with an arm of all rows, and else the
    main metric.
    """
    name, results = _results(metrics, prepared)
    others = _results(held_out, prepared)[1] if held_out else {}
    for one in prepared.runs:
        if not (one.subsets and one.jobs):
            continue
        for seed, (subset, result) in enumerate(zip(one.subsets, results[one.arm.name], strict=True)):
            yield MeasuredSubset(
                sample_ids=subset.ids,
                result=float(result),
                held_out=float(others[one.arm.name][seed]) if others else None,
                metric=name,
                name=f"{one.arm.name}, seed {seed}",
                seed=seed,
            )


def _results(metrics: Sequence[Metric], prepared: Prepared) -> tuple[str, dict[str, Floats]]:
    """Name of the result, and the result of each seed of each arm."""
    first = first_by_task(metrics, *SCORINGS)
    whole = next((one.arm.name for one in prepared.runs if one.subsets and one.jobs and one.arm.whole), None)
    used = [one for one in first.values() if whole is not None and one.arms[whole].value > 0]
    if whole is None or len(first) < 2 or not used or any(one.sign < 0 for one in used):
        main = metrics[0]
        found = {arm: main.sign * measure.by_seed for arm, measure in main.arms.items()}
        return f"{main.task} {main.scoring} {main.name}", found
    arms = [arm for arm in metrics[0].arms if all(arm in metric.arms for metric in used)]
    return AVERAGE, {arm: relative_by_seed(used, arm, whole) for arm in arms}


def measured_mixtures(metrics: Sequence[Metric], prepared: Prepared) -> Iterator[MeasuredMixture]:
    """Each different subset that was chosen from the study's rows, with the mean scores of its seeds.

    A score is the first strict metric of a task. Nothing comes from rows of a single source.

    Args:
        metrics: Every metric of the study.
        prepared: The study's arms.
    """
    first = first_by_task(metrics, *SCORINGS)
    source_of, pool = _sources(prepared)
    if len(pool) < 2 or not first:
        return
    drawn = {name: image_weights(metric.images) for name, metric in first.items()}
    for one in prepared.runs:
        if one.arm.data is not None or not (one.subsets and one.jobs):
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
                whole=one.arm.whole,
                seeds=len(seeds),
                draws={name: tuple(found.tolist()) for name, found in draws.items()},
            )


def image_weights(images: Sequence[str], draws: int = DRAWS) -> Floats:
    """Weight of each item in each draw, shape (draws, items): exponential with mean 1, above 0.

    A Bayesian bootstrap (Rubin 1981): every draw has every item, so that few items have a score in each.

    The draws of an image depend on its name alone, so that tasks and studies with one image draw it alike.
    """
    known: dict[str, Floats] = {}
    for image in dict.fromkeys(images):
        seed = list(hashlib.sha256(image.encode()).digest()[:16])
        known[image] = np.random.default_rng(seed).standard_exponential(draws)
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
    changes = {key: value for key, value in (arm.changes or {}).items() if key not in MIXING}
    stated = (arm.weights or {}) | changes
    words = [
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in stated.items()
    ]
    return ", ".join([f"{arm.preset} {arm.size}", *words, *([arm.recipe] if arm.recipe else [])])
