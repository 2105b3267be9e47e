"""Encoders by name."""

from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from finegold.encoders.base import Encoder
from finegold.errors import ConfigError

ENTRY_POINTS = "finegold.encoders"
"""Group of third-party encoders: under a name, a function `(name, *, device, dtype) -> Encoder`."""
OFFLINE = "offline"


def load_encoder(name: str, *, device: str = "auto", dtype: str = "auto") -> Encoder:
    """The encoder of a name; the same object for the same arguments, its weights not loaded yet.

    Args:
        name: `offline`; `offline:FILE` with other heads; a name, with or without `:` and more, that an
            installed package declares in the entry-point group `finegold.encoders`; or a Hugging Face CLIP
            or SigLIP by hub id or local path.
        device: `auto`, or a device of torch.
        dtype: `auto`, `float32`, `float16` or `bfloat16`; the offline encoder has float32 only.

    Raises:
        ConfigError: If an option makes no sense for the encoder.
        MissingExtraError: If a package that it needs is not installed.
        ModelError: If the model cannot be had.
    """
    return _loaded(name, device, dtype)


@cache
def _loaded(name: str, device: str, dtype: str) -> Encoder:
    kind, _, rest = name.partition(":")
    if kind == OFFLINE:
        from finegold.offline import OfflineEncoder

        if dtype not in ("auto", "float32"):
            raise ConfigError(f"the encoder 'offline' runs in float32, not {dtype}: leave the dtype out")
        if ":" in name and not rest:
            raise ConfigError(f"'{name}' names no file: give offline, or offline:FILE")
        return OfflineEncoder(name, device=device, heads=Path(rest) if rest else None)
    for point in entry_points(group=ENTRY_POINTS):
        if point.name in (name, kind):
            encoder: Encoder = point.load()(name, device=device, dtype=dtype)
            return encoder
    from finegold.encoders.huggingface import HuggingFaceEncoder

    return HuggingFaceEncoder(name, device=device, dtype=dtype)
