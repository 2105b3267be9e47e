"""The training loop of projected-prefix models."""

import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from finegold.errors import ConfigError, RunError
from finegold.models.crop import crop_box
from finegold.models.prefix.features import FeatureCache
from finegold.models.prefix.network import PrefixNetwork
from finegold.models.prefix.template import encode_prompt
from finegold.run import fingerprint
from finegold.samples.images import decode
from finegold.tuning.checkpoint import load_checkpoint, save_checkpoint
from finegold.tuning.monitor import Monitor
from finegold.tuning.recipe import Recipe
from finegold.tuning.rows import TuningRow
from finegold.tuning.steps import Order, Processes, adamw

if TYPE_CHECKING:
    import torch


def train_prefix(
    model: PrefixNetwork,
    rows: Sequence[TuningRow],
    recipe: Recipe,
    out: Path,
    cache: FeatureCache,
    *,
    processes: Processes,
    trackers: Sequence[str] = (),
) -> int:
    """Train until the recipe's last step, going on from a checkpoint in `out` if there is one.

    The order of rows, the instructions and the crops depend on seed and step alone, so a run that was killed
    goes on to the same losses, on a CPU to the same bits. With `float16` on a GPU gradients are scaled and
    steps with overflow skipped, as MiniGPT-4 does.

    Args:
        model: Trained in place.
        rows: Rows from `read_tuning_rows`.
        recipe: A recipe of the kind `prefix`.
        out: Folder of log and checkpoint.
        cache: Cache with the features of all rows, which may be empty if the recipe augments.
        processes: This process among those that train together.
        trackers: Any of `tensorboard` and `wandb`.

    Returns:
        Number of steps done now, less than the recipe's if a checkpoint had some.

    Raises:
        ConfigError: If there are more processes than rows in a batch.
        RunError: If a loss or gradient is not finite (names the step and the rows), or the checkpoint belongs
            to another run.
    """
    import torch

    if processes.count > recipe.batch:
        raise ConfigError(
            f"{processes.count} processes cannot share batches of {recipe.batch} rows: use fewer"
        )
    torch.manual_seed(recipe.seed)
    parameters = model.train_only(everything=recipe.trains == "everything")
    identity = _identity(model, rows, recipe, cache)
    optimizer = adamw(parameters, recipe)
    half = recipe.half(model.device.type)
    scaled = half is torch.float16
    scaler = torch.amp.GradScaler(model.device.type, enabled=scaled)
    start = load_checkpoint(out, identity, parameters, optimizer, scaler)
    order = Order(len(rows), recipe.batch, recipe.seed)
    with Monitor(
        out, recipe.steps, done=start, trackers=trackers, every=recipe.log_every, quiet=processes.index > 0
    ) as monitor:
        for step in range(start, recipe.steps):
            rate = recipe.rate_at(step)
            for group in optimizer.param_groups:
                group["lr"] = rate
            chosen = [rows[i] for i in order.at(step)]
            part = processes.share(chosen)
            common = order.instruction(step, recipe.instructions) if recipe.instructions else None
            prompts = [
                encode_prompt(model.tokenizer, model.template, row.instruction if common is None else common)
                for row in part
            ]
            batch = model.collate(prompts, [row.answer for row in part])
            features = _features(part, step, recipe, cache).to(model.device)
            with torch.autocast(model.device.type, half, enabled=half is not None):
                mean = model.token_losses(batch, features).sum() / sum(len(row.answer) for row in chosen)
            torch.autograd.backward(scaler.scale(mean))
            total = mean.detach().clone()
            processes.sum([total, *(p.grad for p in parameters.values() if p.grad is not None)])
            scaler.unscale_(optimizer)
            norm = torch.nn.utils.clip_grad_norm_(parameters.values(), recipe.clip or math.inf)
            loss = float(total)
            if not math.isfinite(loss) or not (scaled or torch.isfinite(norm)):
                raise RunError(
                    f"step {step} has a loss of {loss} and a gradient of norm {float(norm)} on the rows "
                    f"{', '.join(row.id for row in chosen)}: look at these, or lower the rate"
                )
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad(set_to_none=True)
            monitor.step(step, loss, rate)
            ended = step + 1
            if processes.index == 0 and (ended % recipe.save_every == 0 or ended == recipe.steps):
                save_checkpoint(out, ended, identity, parameters, optimizer, scaler)
    processes.wait()
    return recipe.steps - start


def _features(rows: Sequence[TuningRow], step: int, recipe: Recipe, cache: FeatureCache) -> "torch.Tensor":
    if not recipe.augment:
        return cache.read([row.sha256 for row in rows])
    cropped = []
    for row in rows:
        image = decode(row.image)
        draw = random.Random(f"{recipe.seed}-{step}-{row.id}")
        cropped.append(image.crop(crop_box(image.size, draw)))
    return cache.source.encode(cropped)


def _identity(model: PrefixNetwork, rows: Sequence[TuningRow], recipe: Recipe, cache: FeatureCache) -> str:
    projection = model.projection.weight.detach().double()
    return fingerprint(
        {
            "recipe": recipe.model_dump(mode="json", exclude={"save_every", "log_every", "about", "name"}),
            "rows": fingerprint({"rows": [[r.id, r.sha256, r.instruction, r.answer] for r in rows]}),
            "features": cache.source.identity(),
            "language_model": model.language_model_name,
            "template": model.template.name,
            "projection": [float(projection.sum()), float(projection.square().sum())],
        }
    )
