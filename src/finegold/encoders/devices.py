"""Where a model runs."""

from finegold.errors import ConfigError


def resolve_device(device: str) -> str:
    """`auto` to `cuda`, `mps` or `cpu`, whichever is there first; anything else is checked and returned.

    Raises:
        ConfigError: If torch does not have the device.
    """
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"the device '{device}' cannot be used ({reason}): give auto or cpu") from None
    return device
