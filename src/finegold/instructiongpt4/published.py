"""The released data files of InstructionGPT-4, read and checked into arrays."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from finegold.arrays import Floats, Ints
from finegold.errors import DataError, why_unread
from finegold.extras import require
from finegold.instructiongpt4.selector import Selector, read_selector

SCALES = {"clip": 1.0, "reward": 10.0, "length": 10.0, "gpt": 1.0}
"""Factor by which each indicator enters the selector."""
INDICATORS = tuple(SCALES)
FEATURES = (*(f"{kind}_pc{axis}" for kind in ("image", "text") for axis in range(1, 7)), *INDICATORS)
"""The selector's 16 inputs, in order."""

LABELS = np.array(
    [
        [30.86, 31.02, 29.51, 30.57, 30.95, 30.69, 30.45, 30.55, 31.51, 31.20],
        [31.36, 31.03, 31.69, 31.69, 31.56, 30.09, 29.93, 30.38, 31.38, 30.96],
        [31.36, 30.67, 31.33, 31.37, 29.92, 30.15, 29.86, 30.64, 30.31, 31.64],
    ]
).ravel()
"""The measured result of each of the 30 training subsets, as in the published selector/train.py.

A comment there says to put the real ones in. Retraining shows that the released checkpoint saw labels with
this mean; it hardly shows which subset had which label (docs/reproduce.md).
"""
_ADVICE = "give --from a folder with the released files, which docs/reproduce.md lists"


@dataclass(frozen=True, slots=True)
class Published:
    """Content of the released files.

    Attributes:
        ids: The 3,439 image ids in file order.
        features: Shape (n, 16), columns `FEATURES`, scaled as the selector takes them.
        labels: Shape (n,): spectral cluster of each row.
        cluster_order: The clusters as the file lists them.
        subsets: Shape (30, 114, 16): features of the training subsets.
        results: Shape (30,): measured result of each subset.
        selector: The released weights.
    """

    ids: tuple[str, ...]
    features: Floats
    labels: Ints
    cluster_order: tuple[int, ...]
    subsets: Floats
    results: Floats
    selector: Selector


def read_published(folder: Path) -> Published:
    """Read the released files under the names that the docs list (docs/reproduce.md).

    Raises:
        DataError: If a file is missing or does not hold what the published one holds.
        ModelError: If the checkpoint cannot be used.
        MissingExtraError: If torch is not installed.
    """
    ids = tuple(str(row["image_id"]) for row in _json(folder / "full_score_data.json")["annotations"])
    features = _features(folder, "all_", "scores.json", (len(ids),))
    shape = np.shape(_json(folder / "subset_scores.json").get("clip", []))
    if len(shape) != 2 or shape[0] != len(LABELS):
        raise DataError(
            f"{folder / 'subset_scores.json'} holds 'clip' of shape {shape}, expected {len(LABELS)} subsets "
            f"of equal size: {_ADVICE}"
        )
    subsets = _features(folder, "", "subset_scores.json", shape)
    labels, order = _clusters(folder / "spectral_clusters.json", ids)
    return Published(ids, features, labels, order, subsets, LABELS, read_selector(folder / "selector.pth"))


def _features(folder: Path, prefix: str, scores: str, shape: tuple[int, ...]) -> Floats:
    """The 16 features of rows that are laid out in this shape; shape (*shape, 16)."""
    axes = [_tensor(folder / f"{prefix}{kind}_matrix.pt", (*shape, 6)) for kind in ("image", "text")]
    return np.concatenate([*axes, _indicators(folder / scores, shape)], axis=-1)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({why_unread(error)}): {_ADVICE}") from error


def _tensor(path: Path, shape: tuple[int, ...]) -> Floats:
    torch = require("torch", extra="models", why=f"the feature file {path.name}")
    try:
        values: Floats = torch.load(path, map_location="cpu", weights_only=True).numpy().astype(np.float64)
    except Exception as error:  # torch raises many kinds, from OSError to UnpicklingError
        reason = f"{type(error).__name__}: {error}"
        raise DataError(f"{path} cannot be read as a tensor ({reason}): {_ADVICE}") from error
    if values.shape != shape:
        raise DataError(f"{path} holds shape {values.shape}, expected {shape}: {_ADVICE}")
    return values


def _indicators(path: Path, shape: tuple[int, ...]) -> Floats:
    table = _json(path)
    columns = []
    for name, scale in SCALES.items():
        try:
            column = np.asarray(table.get(name, []), dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"{path} holds a value in '{name}' that is not a number ({error}): {_ADVICE}"
            ) from error
        if column.shape != shape or not np.isfinite(column).all():
            raise DataError(
                f"{path} holds '{name}' of shape {column.shape}, expected {shape} numbers: {_ADVICE}"
            )
        columns.append(scale * column)
    return np.stack(columns, axis=-1)


def _clusters(path: Path, ids: tuple[str, ...]) -> tuple[Ints, tuple[int, ...]]:
    clusters = _json(path)
    label_of = {str(member): int(label) for label, members in clusters.items() for member in members}
    if set(label_of) != set(ids) or sum(map(len, clusters.values())) != len(ids):
        raise DataError(
            f"{path} does not list each of the {len(ids)} image ids of full_score_data.json once: {_ADVICE}"
        )
    return np.array([label_of[one] for one in ids], dtype=np.int64), tuple(int(label) for label in clusters)
