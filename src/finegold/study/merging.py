"""Mixtures without training: projections that were tuned on one source each are averaged and measured.

As arXiv 2602.04937 does with whole models: one is trained on each source, and a weighted average of them
stands for a model that was trained on the mixture. Where only the projection is trained, an average of
projections is enough.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from finegold.arrays import Floats
from finegold.errors import ConfigError, DataError
from finegold.evaluation import EvaluationOptions, answer_task, find_tasks
from finegold.evaluation.evaluate import require_files
from finegold.evaluation.task import Task
from finegold.models import load_model
from finegold.models.prefix.projection import merge_projections, read_projection, write_safetensors
from finegold.models.prefix.storage import (
    CONFIG,
    LANGUAGE_MODEL,
    PROJECTION,
    PrefixConfig,
    is_prefix_name,
    read_config,
)
from finegold.models.registry import SUMMARY
from finegold.report.study.findings import verdict
from finegold.run import file_sha256, fingerprint, progress, read_sealed, write_record
from finegold.selection.groups import SHARES
from finegold.statistics import Estimate, percentile_estimate
from finegold.study.measure import Metric, first_strict, on_half
from finegold.study.measured import AVERAGE, image_weights
from finegold.study.mix import PROPORTIONAL, SCALE, MixtureFindings, TriedMixture, named_shares

DRAWS = 2000


def merge_mixtures(
    models: Mapping[str, str | Path],
    *,
    tasks: Sequence[str],
    task_data: str | Path = ".",
    out: str | Path,
    mixtures: int = 20,
    prompts: str | None = None,
    limit: int | None = None,
    level: float = 0.95,
    seed: int = 0,
    device: str = "auto",
) -> MixtureFindings:
    """Measure averages of projections that were tuned on one source each, as proxies of mixtures.

    The mixture that is best on half a of the images is compared with the proportional one on half b, so that
    the choice of the best does not count as a gain. The interval is over images; other trainings are not part
    of it.

    Args:
        models: Folder of a tuned model by the name of its source, two or more. Each was tuned from the same
            model on all rows of its source, whose number gives the proportional mixture.
        tasks: Tasks, as `finegold evaluate` takes them.
        task_data: Folder of the tasks' files.
        out: Folder of the merged models and their answers. What is answered there is not asked again.
        mixtures: Random mixtures, beside the proportional, square-root and equal ones and each source alone.
        prompts: Version of the wording; None for `direct`.
        limit: Number of items of each task, the first ones; None for all.
        level: Share of the draws inside the interval.
        seed: Seed of the random mixtures.
        device: `auto`, `cpu`, `cuda`...

    Raises:
        ConfigError: If the models cannot be averaged.
        DataError: If files of a task are missing, or it has no image in one half.
    """
    if len(models) < 2:
        raise ConfigError(
            f"{len(models)} tuned model is no mixture: give one for each of two sources or more"
        )
    folders = {name: Path(folder) for name, folder in models.items()}
    config = _common_config(folders)
    sizes = np.array([_rows(folder) for folder in folders.values()], dtype=np.float64)
    shares = _mixtures(list(folders), sizes, mixtures, seed)
    parts = [read_projection(folder / PROJECTION) for folder in folders.values()]
    found = find_tasks(tasks)
    options = EvaluationOptions(prompts=prompts or "direct", limit=limit, batch_size=50)
    require_files(found, Path(task_data), options)
    answers: dict[str, Path] = {}
    with progress("Merged models", len(shares), "models") as advance:
        for name, share in shares.items():
            weight, bias = merge_projections(parts, share.tolist())
            merged = Path(out) / "merged" / fingerprint({"shares": share.tolist(), "of": _identity(folders)})
            where = merged / "model"
            where.mkdir(parents=True, exist_ok=True)
            write_record(where / CONFIG, config)
            write_safetensors(where / PROJECTION, weight, bias)
            with load_model(str(where), device=device, features=Path(out) / "features") as model:
                for task in found:
                    answer_task(task, Path(task_data), merged, model, options)
            answers[name] = merged
            advance(1)
    metrics = _metrics(found, answers)
    return _findings(list(folders), shares, metrics, level)


def _common_config(folders: Mapping[str, Path]) -> PrefixConfig:
    """The config that all models have.

    Raises:
        ConfigError: If a folder holds no tuned projection, or the models differ in more than that.
    """
    configs: dict[str, PrefixConfig] = {}
    for name, folder in folders.items():
        if not folder.is_dir() or not is_prefix_name(str(folder)):
            raise ConfigError(
                f"{folder} (source {name}) is no folder of a projected-prefix model: give folders that "
                "finegold tune wrote"
            )
        configs[name] = read_config(str(folder))
        if configs[name].language_model == LANGUAGE_MODEL:
            raise ConfigError(
                f"the language model of {folder} (source {name}) was trained too, and only projections are "
                "averaged: tune with a recipe that trains the projection"
            )
        first = next(iter(configs))
        if configs[name] != configs[first]:
            raise ConfigError(
                f"the models of the sources {first} and {name} differ in more than their projections: tune "
                "both from one model"
            )
    return next(iter(configs.values()))


def _rows(folder: Path) -> int:
    """Number of rows that a model was tuned on."""
    try:
        return int(read_sealed(folder / SUMMARY)["rows"])
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{folder} does not say how many rows it was tuned on: tune it again") from error


def _identity(folders: Mapping[str, Path]) -> dict[str, str]:
    return {name: file_sha256(folder / PROJECTION) for name, folder in folders.items()}


def _mixtures(sources: Sequence[str], sizes: Floats, count: int, seed: int) -> dict[str, Floats]:
    """Shares of each mixture that is measured, by its name."""
    found = {name: share(sizes) / share(sizes).sum() for name, share in SHARES.items()}
    found |= {f"only {name}": np.eye(len(sources))[place] for place, name in enumerate(sources)}
    drawn = np.random.default_rng(seed).dirichlet(len(sources) * sizes / sizes.sum(), count)
    return found | {f"random {number}": share for number, share in enumerate(drawn, start=1)}


def _metrics(tasks: Sequence[Task], answers: Mapping[str, Path]) -> list[Metric]:
    """The first strict metric of each task."""
    found = [first_strict({name: [folder] for name, folder in answers.items()}, task) for task in tasks]
    if lost := [task.name for task, metric in zip(tasks, found, strict=True) if metric is None]:
        raise ConfigError(f"nothing is measured on {', '.join(lost)}: choose other tasks")
    return [metric for metric in found if metric is not None]


def _findings(
    sources: Sequence[str], shares: Mapping[str, Floats], metrics: Sequence[Metric], level: float
) -> MixtureFindings:
    """The best mixture on half a, and what it gains on half b."""
    first, second = on_half(metrics, "a"), on_half(metrics, "b")
    chosen_by = {name: _result(name, first) for name in shares}
    best = max(shares, key=lambda name: (chosen_by[name], name == PROPORTIONAL, name))
    weights = [image_weights(metric.images, DRAWS) for metric in second]
    gains = {name: _gain(name, second, weights, level) for name in shares if name != PROPORTIONAL}
    gain = gains.get(best, Estimate(0.0, 0.0, 0.0))
    helps = gain.low is not None and gain.low > 0
    tried = [
        TriedMixture(name, named_shares(sources, share), 1, _result(name, metrics), gains.get(name))
        for name, share in shares.items()
    ]
    order = list(shares)
    halves = [[_result(name, half) for name in order] for half in (first, second)]
    images = [len({image for metric in half for image in metric.images}) for half in (first, second)]
    return MixtureFindings(
        how=(
            f"{len(shares)} averages of {len(sources)} projections were measured. The best was chosen on "
            f"{images[0]:,} images; its gain is that on {images[1]:,} others."
        ),
        target=AVERAGE if len(metrics) > 1 else metrics[0].task,
        proportional=named_shares(sources, shares[PROPORTIONAL]),
        tried=tuple(sorted(tried, key=lambda one: (-one.result, one.name))),
        guess=named_shares(sources, shares[best]),
        guess_gain=gain,
        verdict=verdict(gain, "higher", SCALE)[0],
        best=named_shares(sources, shares[best]) if helps else None,
        gain=gain if helps else None,
        notes=(
            f"Over the averages the results on the two halves have {_agreement(*halves)}.",
            "Averages stand for mixtures that were not trained, and one training a source for others: train "
            "the mixture before you rely on it.",
        ),
    )


def _result(name: str, metrics: Sequence[Metric]) -> float:
    """Mean performance over the tasks relative to the proportional mixture; the score of a single task."""
    return float(np.mean([m.sign * m.arms[name].value / _base(m, metrics) for m in metrics]))


def _base(metric: Metric, metrics: Sequence[Metric]) -> float:
    value = metric.arms[PROPORTIONAL].value
    return 1.0 if len(metrics) == 1 or value <= 0 else value


def _gain(name: str, metrics: Sequence[Metric], weights: Sequence[Floats], level: float) -> Estimate:
    """What a mixture gains over the proportional one; both see the same draws of images.

    Args:
        name: The mixture.
        metrics: A metric of each task.
        weights: Weight of each item in each draw, by metric.
        level: Share of the draws inside the interval.
    """
    drawn = []
    for metric, weight in zip(metrics, weights, strict=True):
        mine, base = (
            metric.arms[one].combine(weight @ metric.arms[one].statistics[0]) for one in (name, PROPORTIONAL)
        )
        drawn.append(metric.sign * (mine - base) / _base(metric, metrics))
    values = np.mean(drawn, axis=0)
    images = len({image for metric in metrics for image in metric.images})
    value = _result(name, metrics) - _result(PROPORTIONAL, metrics)
    method = f"{level * 100:g}% percentile bootstrap, {DRAWS:,} draws of images, half b"
    return percentile_estimate(value, values[np.isfinite(values)], level, images, method)


def _agreement(one: Sequence[float], other: Sequence[float]) -> str:
    """Spearman's correlation in words; there is none where all numbers are the same."""
    from scipy.stats import spearmanr

    if not np.ptp(one) or not np.ptp(other):
        return "no rank correlation, because on one of them they are all the same"
    return f"a rank correlation of {spearmanr(one, other).statistic:+.2f}"
