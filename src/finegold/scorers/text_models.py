"""What the scorers that read text with a Hugging Face model share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from finegold.extras import require
from finegold.offline.weights import sha256_of

_IDENTITY_SUFFIXES = (".safetensors", ".bin", ".json", ".txt", ".model")


def length_buckets(lengths: Sequence[int], tokens_per_pass: int) -> list[list[int]]:
    """Group rows of like length so that a group, padded to its longest, holds at most so many tokens.

    A row longer than that is a group of its own. Equal lengths stay in order.
    """
    groups: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        if groups and (len(groups[-1]) + 1) * lengths[row] <= tokens_per_pass:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def model_identity(model: str, revision: str | None) -> dict[str, Any]:
    """What a model's numbers depend on: hashes of a folder's files, or the commit behind a hub id.

    Raises:
        MissingExtraError: If transformers is not installed.
        OSError: If the hub id cannot be resolved.
    """
    folder = Path(model)
    if folder.is_dir():
        files = sorted(path for path in folder.iterdir() if path.suffix in _IDENTITY_SUFFIXES)
        return {"files": {path.name: sha256_of(path) for path in files}}
    transformers = require("transformers", extra="models", why=f"the model '{model}'")
    config = transformers.AutoConfig.from_pretrained(model, revision=revision)
    return {"model": model, "revision": config._commit_hash}


def in_one_line(error: Exception) -> str:
    """First line of an error's text, for a message of one sentence."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".:") if lines else type(error).__name__
