"""Checkpoints of a training: learning parameters, state of optimiser and scaler, and the step.

A checkpoint is one safetensors file, written whole or not at all; reading it runs no code.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from finegold.errors import RunError
from finegold.run import atomic_path

if TYPE_CHECKING:
    import torch

    Parameters = dict[str, torch.nn.Parameter]

NAME = "checkpoint.safetensors"
_STATE = ("exp_avg", "exp_avg_sq", "step")


def save_checkpoint(
    folder: Path,
    step: int,
    identity: str,
    parameters: "Parameters",
    optimizer: "torch.optim.Optimizer",
    scaler: Any,
) -> None:
    """Replace the checkpoint by the state after `step` steps.

    Args:
        folder: Folder of the run.
        step: Number of steps done.
        identity: Fingerprint of what the run depends on; `load_checkpoint` refuses another one.
        parameters: Learning parameters by name.
        optimizer: An optimiser whose state is that of Adam.
        scaler: A `torch.amp.GradScaler`.
    """
    import torch
    from safetensors.torch import save_file

    tensors = {f"parameter/{name}": p.detach().cpu().contiguous() for name, p in parameters.items()}
    for name, parameter in parameters.items():
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"{key}/{name}"] = torch.as_tensor(value).detach().cpu().contiguous()
    metadata = {"step": str(step), "identity": identity, "scaler": json.dumps(scaler.state_dict())}
    with atomic_path(folder / NAME) as temporary:
        save_file(tensors, temporary, metadata=metadata)


def load_checkpoint(
    folder: Path, identity: str, parameters: "Parameters", optimizer: "torch.optim.Optimizer", scaler: Any
) -> int:
    """Restore the state of a checkpoint and return the number of steps done, 0 without a checkpoint.

    Raises:
        RunError: If the checkpoint is damaged or belongs to a run with other data, model or recipe.
    """
    path = folder / NAME
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
