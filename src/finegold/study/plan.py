"""What a study will take: short trials on this machine, or counted operations where something is missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from finegold.errors import ConfigError
from finegold.evaluation.answering import EvaluationOptions
from finegold.evaluation.evaluate import missing_files
from finegold.evaluation.task import find_tasks
from finegold.llm import Plan
from finegold.models.prefix.storage import read_config
from finegold.run.addresses import read_address
from finegold.samples import open_dataset
from finegold.study.cost import Cost, count_runs, judging_line, plan_by_trials
from finegold.study.counted import SIZES, Hours, Speed, count_hours, find_speed
from finegold.study.study import ModelParts, Study
from finegold.tuning import load_recipe
from finegold.workflow import SelectionSettings

CARD = "h100"
"""Card of a plan that names none."""


@dataclass(frozen=True, slots=True)
class CountedCost:
    """Time and money that a study takes on a GPU, from counted operations.

    Attributes:
        models: Number of models that answer.
        trainings: Number of trainings.
        steps: Steps of a training, and rows of a step.
        rows: Number of rows of the data.
        items: Number of items of each task that every model answers.
        hours: GPU hours at the seconds of `speed`.
        speed: Seconds on the card, and what they rest on.
        usd_per_gpu_hour: Price of a GPU hour; None if unknown.
        judging: Calls to a judge, with tokens and price; None without one.
        scoring: Calls for LLM scores of the rows, which the study does not make by itself.
        missing: What is not on this machine.
    """

    models: int
    trainings: int
    steps: tuple[int, int]
    rows: int
    items: Mapping[str, int]
    hours: Hours
    speed: Speed
    usd_per_gpu_hour: float | None
    judging: Plan | None
    scoring: int
    missing: tuple[str, ...]

    @property
    def gpu_hours(self) -> float:
        """GPU hours to expect: those of the bound over the share that is assumed, or the measured ones."""
        return self.hours.whole / (self.speed.share or 1.0)

    def lines(self) -> list[tuple[str, str]]:
        """Rows of a table for a person."""
        share = self.speed.share or 1.0
        count = sum(self.items.values())
        steps, batch = self.steps
        parts = (
            (
                "training",
                self.hours.training,
                f"{self.trainings:,} trainings of {steps:,} steps of {batch} rows",
            ),
            ("image features", self.hours.images, f"{self.rows + count:,} images, each once"),
            (
                "answers",
                self.hours.answers,
                f"{self.models:,} models, {len(self.items)} sets, {count:,} items, answers at their longest",
            ),
            ("losses", self.hours.losses, "reference captions of the caption sets, with two images each"),
        )
        found = [
            ("plan", "counted from operations, nothing was run; what is done already counts too"),
            ("runs", f"{self.models:,}, {self.trainings:,} of them with a training"),
        ]
        found += [(name, f"{hours / share:,.1f} GPU hours: {what}") for name, hours, what in parts]
        bound = "" if self.speed.share is None else f" ({self.hours.whole:,.1f} at the card's bound)"
        found.append(("GPU hours", f"{self.gpu_hours:,.1f}{bound}"))
        price = "unknown: give --usd-per-gpu-hour"
        if self.usd_per_gpu_hour is not None:
            price = f"${self.gpu_hours * self.usd_per_gpu_hour:,.0f} at ${self.usd_per_gpu_hour:g} an hour"
        found.append(("price of the GPU", price))
        found.append(
            ("judge", "none: name one with --judge" if self.judging is None else judging_line(self.judging))
        )
        if self.scoring:
            calls = f"{self.scoring:,} calls before the study, in no figure here"
            found.append(("LLM scores of rows", f"{calls}: finegold score --plan prices them"))
        found.append(("hours rest on", self.speed.basis))
        found.append(("missing here", "; ".join(self.missing) or "nothing"))
        return found


def plan_study(
    study: Study,
    out: str | Path,
    *,
    workers: int | None = None,
    device: str = "auto",
    gpu: str | None = None,
    usd_per_gpu_hour: float | None = None,
) -> Cost | CountedCost:
    """Time and money that `run_study` would take.

    Short trials on this machine, multiplied. For a MiniGPT-4 model of the real sizes operations are counted
    instead if a card is named, or if weights, rows or files of the benchmarks are missing.

    Args:
        study: From `load_study`.
        out: The study's folder; what is done there costs nothing, unless operations are counted.
        workers: Number of runs side by side; as many as there are GPUs, or cores, if None.
        device: `auto`, `cpu`, `cuda`...
        gpu: `a100`, `h100`, or a JSON file of `benchmarks/gpu.py`; None for trials if all is there.
        usd_per_gpu_hour: Price of an hour of a GPU in dollars; None if unknown.

    Raises:
        ConfigError: If a card is named for a model whose operations are not known.
        FinegoldError: What `run_study` would raise, if nothing is counted.
    """
    if study.evaluation.harness is not None:
        raise ConfigError(
            "the time that lmms-eval takes cannot be planned: leave --plan out, or try a --limit"
        )
    sizes = SIZES.get(study.model)
    if sizes is None:
        if gpu is not None:
            raise ConfigError(
                f"--gpu counts operations of {', '.join(SIZES)}, and the model is '{study.model}': leave it "
                "out"
            )
        return plan_by_trials(study, out, workers=workers, device=device, usd_per_hour=usd_per_gpu_hour)
    missing = missing_here(study)
    if gpu is None and not missing:
        return plan_by_trials(study, out, workers=workers, device=device, usd_per_hour=usd_per_gpu_hour)
    speed = find_speed(gpu or CARD, sizes, study.evaluation.batch)
    rows = _rows(study)
    models, trainings = count_runs(study, rows)
    items = {name: _count(study, name) for name in study.tasks}
    recipe = load_recipe(study.recipe_name, steps=study.steps, batch=study.batch)
    judging = None
    if study.judge is not None:
        from finegold.study.judge import judging_cost

        judging = judging_cost(study, None)
    chosen = [SelectionSettings.of(arm.chosen_by(), "100%", arm.weights) for arm in study.arms if arm.preset]
    scored = any("llm" in settings.indicators for settings in chosen)
    return CountedCost(
        models,
        trainings,
        (recipe.steps, recipe.batch),
        rows,
        items,
        count_hours(study, sizes, speed, items, models=models, trainings=trainings, rows=rows),
        speed,
        usd_per_gpu_hour,
        judging,
        rows if scored and study.data.run is None else 0,
        tuple(missing),
    )


def missing_here(study: Study) -> list[str]:
    """Weights, rows and files of benchmarks that a study needs and this machine lacks, each with its name."""
    parts = (study.parts or ModelParts()).parts()
    found = []
    if parts.projection is not None and not parts.projection.is_file():
        found.append(f"the projection {parts.projection}")
    config = read_config(study.model)
    names = (
        ("language model", parts.language_model or config.language_model),
        ("vision model", parts.vision_model or config.features["path"]),
    )
    found += [f"the {part} {name}" for part, name in names if not _on_disk(name)]
    pools = [study.data, *(arm.data for arm in study.arms if arm.data is not None)]
    found += [f"the rows {path}" for path in dict.fromkeys(pool.path for pool in pools) if _absent(path)]
    options = EvaluationOptions(splits=tuple(study.evaluation.splits.items()))
    places: dict[str, list[str]] = {}
    for name in study.tasks:
        for task in missing_files(find_tasks([name]), study.task_data(name), options):
            places.setdefault(str(study.task_data(name)), []).append(task)
    found += [f"files below {data} of {', '.join(tasks)}" for data, tasks in places.items()]
    return found


def _on_disk(name: str) -> bool:
    """Whether a folder is there, or a hub model in the hub's cache."""
    if Path(name).is_dir():
        return True
    try:
        from huggingface_hub import try_to_load_from_cache

        return isinstance(try_to_load_from_cache(name, "config.json"), str)
    except (ImportError, ValueError):
        return False


def _absent(data: str) -> bool:
    """Whether a dataset is a local file or folder that is not there; patterns and addresses are not tried.

    `OWNER/NAME` is taken for a folder: what it may be on the hub is looked up only where no number is known.
    """
    address = read_address(data)
    if address is not None and not address.guessed:
        return False
    return not Path(data).exists() and not any(mark in data for mark in "*?[")


def _rows(study: Study) -> int:
    """Number of rows of the data, or as published where it is missing.

    Raises:
        ConfigError: If neither is known.
    """
    data = study.data
    if not _absent(data.path) or (data.rows is None and read_address(data.path)):
        found = open_dataset(
            data.path, images=data.images, format=data.format, instruction=data.instruction, ids=data.ids
        )
        return found.count()
    if data.rows is None:
        raise ConfigError(
            f"there is no dataset at {data.path}, and the study states no number of rows: name it with --data"
        )
    return data.rows


def _count(study: Study, name: str) -> int:
    """Number of items of a task: of its files, or as published where they are missing."""
    (task,) = find_tasks([name])
    split = task.split(study.evaluation.splits.get(name))
    limit = study.evaluation.limit if name in study.evaluation.tasks else None
    if not task.missing(study.task_data(name), split):
        return len(task.items(study.task_data(name), split, limit=limit))
    return split.items if limit is None else min(limit, split.items)
