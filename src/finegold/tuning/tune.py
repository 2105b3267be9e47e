"""Tuning a model on a subset, as `finegold tune` does."""

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal

from PIL import Image

from finegold.engines.devices import only_gpu, resolve_device
from finegold.errors import ConfigError
from finegold.extras import check_hub, extra_of, require
from finegold.models.base import located
from finegold.models.prefix.features import FeatureCache
from finegold.models.prefix.projection import write_pth
from finegold.models.prefix.storage import (
    NEW_MODELS,
    Parts,
    check_parts,
    is_prefix_name,
    load_network,
    save_network,
)
from finegold.models.registry import SUMMARY
from finegold.offline.captioner import OFFLINE_MODELS
from finegold.run import FILES, cache_folder, file_list, folder_lock, progress, read_sealed, write_sealed
from finegold.run.cards import card
from finegold.samples import Dataset, ImageRef, open_dataset
from finegold.samples.images import Decoding, decode
from finegold.tuning.monitor import read_log
from finegold.tuning.recipe import Recipe, default_recipe, load_recipe
from finegold.tuning.rows import TuningRow, read_tuning_rows
from finegold.tuning.steps import Processes, join_processes
from finegold.tuning.trainer import CHECKPOINT, train_prefix

WEIGHTS = frozenset({".safetensors", ".bin", ".pth"})


@dataclass(frozen=True, slots=True)
class TuneResult:
    """Facts of a training.

    Attributes:
        out: Folder of the model; `finegold chat` and `finegold generate` take it as MODEL.
        rows: Number of rows, or of answers for a Hugging Face model.
        cut: Number of answers that were longer than the recipe allows and lost their end.
        steps: Number of steps in all.
        done: Number of steps done now; fewer if a checkpoint had some.
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

    def _repr_html_(self) -> str:
        return card(str(self.out), {name: value for name, value in asdict(self).items() if name != "out"})


def tune(
    subset: str | Path,
    *,
    model: str,
    out: str | Path,
    recipe: str | None = None,
    images: str | Path | None = None,
    ids: Literal["record", "row"] = "record",
    steps: int | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    augment: bool | None = None,
    decoding: Decoding | None = None,
    parts: Parts | None = None,
    device: str = "auto",
    features: str | Path | None = None,
    trackers: Sequence[str] = (),
) -> TuneResult:
    """Tune a model on a subset. The same call again goes on from the last checkpoint in `out`.

    Args:
        subset: Anything that `open_dataset` reads.
        model: `offline`, `offline-vqa`, `offline-smollm2`, `minigpt4-7b`, a folder that `tune` wrote, or a
            Hugging Face vision-language model by folder or hub id.
        out: Folder of the tuned model, its log and its checkpoint.
        recipe: Name or `.toml` file of a recipe; None for the model's usual one.
        images: Folder of the subset's images.
        ids: Source of ids, as in `open_dataset`.
        steps: Number of optimiser steps; None takes the recipe's, as for the next four.
        batch_size: Number of rows of a step.
        seed: Seed of order and draws.
        augment: Whether to show random crops.
        decoding: How image files become pixels.
        parts: Projection and other parts of a model that is put together from parts.
        device: `auto`, `cpu`, `cuda`...
        features: Folder of image features, shared by all runs; None for finegold's cache folder.
        trackers: Any of `tensorboard` and `wandb`.

    Raises:
        FinegoldError: If a row is bad (with its id, before step one), the recipe does not fit the model, a
            loss is not finite (with the rows' ids), or something cannot be loaded.
    """
    check_parts(model, parts or Parts())
    changes = {"steps": steps, "batch": batch_size, "seed": seed, "augment": augment, "decoding": decoding}
    plan = load_recipe(recipe or default_recipe(model), **changes)
    kind = "prefix" if is_prefix_name(model) else "huggingface"
    if plan.kind != kind:
        raise ConfigError(
            f"the recipe {plan.name} is for {plan.kind} models, '{model}' is not one: "
            f"try {default_recipe(model)}"
        )
    if kind == "huggingface":
        # Before the libraries are loaded: a misspelt name is found at once.
        check_hub(model, (*OFFLINE_MODELS, *NEW_MODELS))
    dataset = open_dataset(subset, images=images, ids=ids)
    target = Path(out)
    if target.exists() and not target.is_dir():
        raise ConfigError(f"--out {target} is a file: name a folder")
    extra = extra_of(model) if kind == "prefix" else "tune"
    require("torch", extra=extra, why=f"tuning the model '{model}'")
    processes = join_processes(resolve_device(only_gpu(device) if kind == "huggingface" else device))
    # Of several processes that train together the first one writes.
    alone = folder_lock(target, "give --out another folder") if processes.index == 0 else nullcontext()
    with alone:
        return _tune(dataset, model, plan, target, parts, processes, features, trackers)


def _tune(
    dataset: Dataset,
    model: str,
    plan: Recipe,
    target: Path,
    parts: Parts | None,
    processes: Processes,
    features: str | Path | None,
    trackers: Sequence[str],
) -> TuneResult:
    if plan.kind == "huggingface":
        from finegold.tuning.huggingface import tune_huggingface

        rows, done, seconds = tune_huggingface(dataset, located(model), plan, target, processes, trackers)
        cut = 0
    else:
        folder = Path(features) if features else cache_folder()
        read, done, seconds = _tune_prefix(dataset, model, plan, target, parts, processes, folder, trackers)
        rows, cut = len(read), sum(row.cut for row in read)
    losses = [line["loss"] for line in read_log(target)]
    tenth = max(1, len(losses) // 10)
    first, last = sum(losses[:tenth]) / tenth, sum(losses[-tenth:]) / tenth
    result = TuneResult(target, rows, cut, plan.steps, done, seconds, first, last)
    if done == 0 and (target / SUMMARY).exists():
        # All was done before: what the training took stays written.
        kept = read_sealed(target / SUMMARY)
        return replace(result, seconds=float(kept["seconds"]))
    if processes.index == 0:
        facts = {key: value for key, value in asdict(result).items() if key != "out"}
        files = {name: digest for name, digest in file_list(target).items() if _is_weights(name)}
        plain = {"model": model, "recipe": plan.model_dump(mode="json"), **facts, FILES: files}
        write_sealed(target / SUMMARY, plain)
    return result


def _is_weights(name: str) -> bool:
    """Whether a file of a tuned folder belongs to the model, and not to a checkpoint."""
    path = PurePosixPath(name)
    return path.suffix in WEIGHTS and path.name != CHECKPOINT and path.parts[0] != "trainer"


def _tune_prefix(
    dataset: Dataset,
    name: str,
    recipe: Recipe,
    out: Path,
    parts: Parts | None,
    processes: Processes,
    cache: Path,
    trackers: Sequence[str],
) -> tuple[list[TuningRow], int, float]:
    """Tune a model and write it to `out`; returns the rows, the steps done now, and their seconds."""
    # A language model that learns keeps float32 master weights; a frozen one has half precision on a GPU.
    dtype = recipe.half(processes.device) if recipe.trains == "projection" else None
    model = load_network(
        name, parts=parts, template=recipe.template, seed=recipe.seed, device=processes.device, dtype=dtype
    )
    rows = read_tuning_rows(
        dataset, model.tokenizer, model.template, recipe.longest_answer, blip=recipe.captions == "blip"
    )
    features = FeatureCache(cache, model.features, recipe.decoding)
    if not recipe.augment:
        images = {row.sha256: row.image for row in rows}
        if processes.index == 0 and (missing := features.missing(list(images))):
            done = len(images) - len(missing)
            read = partial(_image, images, recipe)
            with progress("Image features", len(images), "images", done=done) as advance:
                for count in features.fill(missing, read):
                    advance(count)
        processes.wait()
    began = time.perf_counter()
    steps = train_prefix(model, rows, recipe, out, features, processes=processes, trackers=trackers)
    seconds = time.perf_counter() - began
    if processes.index == 0:
        import torch

        everything, dtype = recipe.trains == "everything", getattr(torch, recipe.precision)
        save_network(model, out, with_language_model=everything, dtype=dtype)
        if model.template.name.startswith("minigpt4"):
            write_pth(out / "projection.pth", model.projection.weight, model.projection.bias)
    processes.wait()
    return rows, steps, seconds


def _image(images: Mapping[str, ImageRef], recipe: Recipe, sha256: str) -> Image.Image:
    return decode(images[sha256], decoding=recipe.decoding)
