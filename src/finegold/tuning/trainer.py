"""The training loop of projected-prefix models, and its checkpoints.

A checkpoint is one safetensors file, written whole or not at all; reading it runs no code.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finegold.errors import ConfigError, RunError
from finegold.models.crop import random_crop
from finegold.models.prefix.features import FeatureCache
from finegold.models.prefix.network import PrefixNetwork
from finegold.models.prefix.template import PromptTokens, encode_prompt
from finegold.run import atomic_path, canonical_json, fingerprint
from finegold.samples.images import decode
from finegold.tuning.monitor import Monitor
from finegold.tuning.recipe import Recipe
from finegold.tuning.rows import TuningRow
from finegold.tuning.steps import Order, Processes, adamw

if TYPE_CHECKING:
    import torch

    Parameters = dict[str, torch.nn.Parameter]

CHECKPOINT = "checkpoint.safetensors"
PADDING = 24
"""Most tokens of padding of a row on a CPU: more of them take longer than another pass."""
_STATE = ("exp_avg", "exp_avg_sq", "step")


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
    with Monitor(out, recipe, start, trackers, quiet=processes.index > 0) as monitor:
        for step in range(start, recipe.steps):
            rate = recipe.rate_at(step)
            for group in optimizer.param_groups:
                group["lr"] = rate
            chosen = [rows[i] for i in order.at(step)]
            part = chosen[processes.index :: processes.count]
            common = order.instruction(step, recipe.instructions) if recipe.instructions else None
            prompts = [
                encode_prompt(model.tokenizer, model.template, row.instruction if common is None else common)
                for row in part
            ]
            answers = [row.answer for row in part]
            features = _features(part, step, recipe, cache).to(model.device)
            tokens, total = sum(len(row.answer) for row in chosen), torch.zeros((), device=model.device)
            for places in _alike(prompts, answers, model.device.type):
                batch = model.collate([prompts[i] for i in places], [answers[i] for i in places])
                with torch.autocast(model.device.type, half, enabled=half is not None):
                    mean = model.token_losses(batch, features[places]).sum() / tokens
                torch.autograd.backward(scaler.scale(mean))
                total += mean.detach()
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


def _alike(prompts: Sequence[PromptTokens], answers: Sequence[list[int]], device: str) -> list[list[int]]:
    """Places of a batch's rows; on a CPU, where padding takes as long as tokens, by like length.

    The gradients of the parts sum to that of the batch.
    """
    lengths = [len(one.after) + len(answer) for one, answer in zip(prompts, answers, strict=True)]
    if device != "cpu":
        return [list(range(len(lengths)))]
    parts: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if parts and lengths[place] <= lengths[parts[-1][0]] + PADDING:
            parts[-1].append(place)
        else:
            parts.append([place])
    return parts


def _features(rows: Sequence[TuningRow], step: int, recipe: Recipe, cache: FeatureCache) -> "torch.Tensor":
    if not recipe.augment:
        return cache.read([row.sha256 for row in rows])
    cropped = [
        random_crop(decode(row.image, decoding=recipe.decoding), f"{recipe.seed}-{step}-{row.id}")
        for row in rows
    ]
    return cache.source.encode(cropped)


def _identity(model: PrefixNetwork, rows: Sequence[TuningRow], recipe: Recipe, cache: FeatureCache) -> str:
    projection = model.projection.weight.detach().double()
    return fingerprint(
        {
            "recipe": recipe.model_dump(
                mode="json", exclude={"save_every", "log_every", "about", "name"} | recipe.added()
            ),
            "rows": fingerprint({"rows": [[r.id, r.sha256, r.instruction, r.answer] for r in rows]}),
            "features": cache.source.identity(),
            "language_model": model.language_model_name,
            "template": model.template.name,
            "projection": [float(projection.sum()), float(projection.square().sum())],
        }
    )


def save_checkpoint(
    folder: Path,
    step: int,
    identity: str,
    parameters: "Parameters",
    optimizer: "torch.optim.Optimizer",
    scaler: Any,
) -> None:
    """Replace the checkpoint in the folder by the state after `step` steps.

    `identity` is the fingerprint of what the run depends on: `load_checkpoint` refuses another one.
    """
    import torch
    from safetensors.torch import save_file

    tensors = {f"parameter/{name}": p.detach().cpu().contiguous() for name, p in parameters.items()}
    for name, parameter in parameters.items():
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"{key}/{name}"] = torch.as_tensor(value).detach().cpu().contiguous()
    metadata = {"step": str(step), "identity": identity, "scaler": json.dumps(scaler.state_dict())}
    metadata["sha256"] = _checkpoint_hash(metadata, tensors)
    with atomic_path(folder / CHECKPOINT) as temporary:
        save_file(tensors, temporary, metadata=metadata)


def _checkpoint_hash(metadata: Mapping[str, str], tensors: "Mapping[str, torch.Tensor]") -> str:
    import torch

    digest = hashlib.sha256(canonical_json(metadata).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def load_checkpoint(
    folder: Path, identity: str, parameters: "Parameters", optimizer: "torch.optim.Optimizer", scaler: Any
) -> int:
    """Restore the state of a checkpoint and return the number of steps done, 0 without a checkpoint.

    Raises:
        RunError: If the checkpoint is damaged or belongs to a run with other data, model or recipe.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return 0
    import torch
    from safetensors import safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - it is no mapping
    except Exception as error:
        raise RunError(f"the checkpoint {path} cannot be read ({error}): delete it to start again") from None
    known = metadata.pop("sha256", None)
    if known is not None and known != _checkpoint_hash(metadata, tensors):
        raise RunError(
            f"the checkpoint {path} is damaged (its content does not fit its hash): delete it to start again"
        )
    if metadata.get("identity") != identity:
        raise RunError(
            f"the checkpoint in {folder} belongs to a run with other rows, model or recipe: "
            "give another --out, or delete it to start again"
        )
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[f"parameter/{name}"])
            state = {key: tensors[f"{key}/{name}"] for key in _STATE if f"{key}/{name}" in tensors}
            if state:
                optimizer.state[parameter] = {
                    key: value if key == "step" else value.to(parameter.device)
                    for key, value in state.items()
                }
    scaler.load_state_dict(json.loads(metadata["scaler"]))
    return int(metadata["step"])
