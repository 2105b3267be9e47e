"""Tune a model on a subset: the one entry point behind `finegold tune`."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from finegold.engines.devices import resolve_device
from finegold.errors import ConfigError
from finegold.extras import require
from finegold.models.prefix.features import FeatureCache
from finegold.models.prefix.projection import write_pth
from finegold.models.prefix.storage import Parts, is_prefix_name, load_network, save_network
from finegold.run import cache_folder, progress, write_json
from finegold.samples import Dataset, open_dataset
from finegold.samples.images import decode
from finegold.tuning.monitor import read_log
from finegold.tuning.recipe import Recipe, default_recipe, load_recipe
from finegold.tuning.rows import TuningRow, read_tuning_rows
from finegold.tuning.steps import join_processes
from finegold.tuning.trainer import train_prefix

SUMMARY = "tuning.json"


@dataclass(frozen=True, slots=True)
class TuneResult:
    """What a training left.

    Attributes:
        out: Folder of the model; `finegold chat` and `finegold generate` take it as MODEL.
        rows: Rows of the subset.
        cut: Answers that were longer than the recipe allows, and so lost their end.
        steps: Steps in all.
        done: Steps done now; fewer if a checkpoint had some.
        seconds: Time of the steps done now.
        first_loss: Mean loss of the first tenth of the steps, nats a token.
        last_loss: Mean loss of the last tenth of the steps.
    """

    out: Path
    rows: int
    cut: int
    steps: int
    done: int
    seconds: float
    first_loss: float
    last_loss: float


def tune(
    subset: str | Path,
    *,
    model: str,
    out: str | Path,
    recipe: str | None = None,
    images: str | Path | None = None,
    ids: Literal["record", "row"] = "record",
    steps: int | None = None,
    batch: int | None = None,
    seed: int | None = None,
    augment: bool | None = None,
    parts: Parts | None = None,
    device: str = "auto",
    cache: str | Path | None = None,
    trackers: Sequence[str] = (),
) -> TuneResult:
    """Tune a model on a subset. The same call again goes on from the last checkpoint in `out`.

    Args:
        subset: Anything that `open_dataset` reads.
        model: `offline`, `offline-smollm2`, `minigpt4-7b`, a folder that `tune` wrote, or a Hugging Face
            vision-language model by folder or hub id.
        out: Folder for the tuned model, its log and checkpoint.
        recipe: A recipe's name or `.toml` file; None for the model's usual one.
        images: Folder of the subset's images.
        ids: Source of ids, as in `open_dataset`.
        steps: Number of optimiser steps in place of the recipe's.
        batch: Rows of a step in place of the recipe's.
        seed: Seed in place of the recipe's.
        augment: Whether to show random crops, in place of the recipe's.
        parts: Parts of a model that is put together.
        device: `auto`, `cpu`, `cuda`...
        cache: Folder of image features, shared by all runs; None for finegold's cache folder.
        trackers: `tensorboard` and `wandb`, if wanted.

    Raises:
        FinegoldError: If a row is bad (with its id, before step one), the recipe does not fit the model, a
            loss is not finite (with the rows' ids), or something cannot be loaded.
    """
    plan = load_recipe(recipe or default_recipe(model), steps=steps, batch=batch, seed=seed, augment=augment)
    kind = "prefix" if is_prefix_name(model) else "huggingface"
    if plan.kind != kind:
        raise ConfigError(
            f"the recipe {plan.name} is for {plan.kind} models, '{model}' is not one: "
            f"try {default_recipe(model)}"
        )
    dataset = open_dataset(subset, images=images, ids=ids)
    target = Path(out)
    if target.exists() and not target.is_dir():
        raise ConfigError(f"--out {target} is a file: name a folder")
    if kind == "huggingface":
        from finegold.tuning.huggingface import tune_huggingface

        rows, seconds = tune_huggingface(dataset, model, plan, target, device=device, trackers=trackers)
        return _summary(target, model, plan, rows, 0, plan.steps, seconds)
    return _tune_prefix(dataset, model, plan, target, parts, device, cache, trackers)


def _tune_prefix(
    dataset: Dataset,
    name: str,
    recipe: Recipe,
    out: Path,
    parts: Parts | None,
    device: str,
    cache: str | Path | None,
    trackers: Sequence[str],
) -> TuneResult:
    torch = require("torch", extra="models", why="tuning a model")
    processes = join_processes(resolve_device(device))
    # A language model that learns keeps float32 master weights; a frozen one is held in half precision on a
    # GPU.
    dtype = recipe.half(processes.device) if recipe.trains == "projection" else None
    model = load_network(
        name, parts=parts, template=recipe.template, seed=recipe.seed, device=processes.device, dtype=dtype
    )
    rows = read_tuning_rows(dataset, model.tokenizer, model.template, recipe.longest_answer)
    features = FeatureCache(Path(cache) if cache else cache_folder(), model.features)
    if not recipe.augment:
        if processes.index == 0:
            _fill(features, rows)
        processes.wait()
    began = time.perf_counter()
    done = train_prefix(model, rows, recipe, out, features, processes=processes, trackers=trackers)
    seconds = time.perf_counter() - began
    result = TuneResult(out, len(rows), 0, recipe.steps, done, seconds, 0.0, 0.0)
    if processes.index == 0:
        everything = recipe.trains == "everything"
        saved = getattr(torch, recipe.precision)
        save_network(model, out, with_language_model=everything, dtype=saved)
        if model.template.name.startswith("minigpt4"):
            write_pth(out / "projection.pth", model.projection.weight, model.projection.bias)
        result = _summary(out, name, recipe, len(rows), sum(row.cut for row in rows), done, seconds)
    processes.wait()
    return result


def _fill(cache: FeatureCache, rows: Sequence[TuningRow]) -> None:
    where = {row.sha256: row.image for row in rows}
    missing = cache.missing(list(where))
    if missing:
        with progress("Image features", len(where), "images", done=len(where) - len(missing)) as advance:
            for count in cache.fill(list(where), lambda sha256: decode(where[sha256])):
                advance(count)


def _summary(
    out: Path, model: str, recipe: Recipe, rows: int, cut: int, done: int, seconds: float
) -> TuneResult:
    losses = [line["loss"] for line in read_log(out)]
    tenth = max(1, len(losses) // 10)
    result = TuneResult(
        out, rows, cut, recipe.steps, done, seconds, sum(losses[:tenth]) / tenth, sum(losses[-tenth:]) / tenth
    )
    fields = {key: value for key, value in asdict(result).items() if key != "out"}
    write_json(out / SUMMARY, {"model": model, "recipe": recipe.model_dump(mode="json"), **fields})
    return result
