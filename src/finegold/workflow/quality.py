"""Qualities that are no formula of a preset: learnt from measured subsets, or a published selector's."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from finegold.arrays import Floats
from finegold.instructiongpt4 import FEATURES, mm_lima_quality
from finegold.instructiongpt4.quality import RELEASED_MEANS
from finegold.run import RunFolder, atomic_path, file_sha256
from finegold.selection.learned import HELD_OUT, fit_learned, read_pairs
from finegold.selection.preset import Preset
from finegold.selection.table import Candidates
from finegold.workflow.settings import SelectionFiles

_COLUMN_OF = {"llm": "gpt"}
"""Indicators that fill a column of another name."""


@dataclass(frozen=True, slots=True)
class GivenQuality:
    """One number a row that no weights of a preset give.

    Attributes:
        values: Shape (n,), aligned with the candidates; NaN where a row has none.
        name: What to call it.
        notes: What a reader must know.
        origin: What the manifest keeps: all that is needed to compute it again from the run folder.
    """

    values: Floats
    name: str
    notes: tuple[str, ...]
    origin: dict[str, Any]


def given_quality(
    run: RunFolder, preset: Preset, candidates: Candidates, files: SelectionFiles
) -> GivenQuality | None:
    """The quality of a preset that computes it from a file; None for the others.

    Args:
        run: Keeps a copy of the file.
        preset: Says which quality.
        candidates: The rows and their indicators.
        files: The file to learn from, or the checkpoint.
    """
    if preset.quality == "learned" and files.pairs is not None:
        return _learned(run, candidates, files.pairs)
    if preset.quality == "mm-lima" and files.selector is not None:
        return _mm_lima(run, candidates, files.selector)
    return None


def _keep(run: RunFolder, file: Path, ending: str) -> str:
    """Keep a copy of a file, so that the selection can be made again; returns its sha256."""
    digest = file_sha256(file)
    kept = run.path / "selectors" / f"{digest[:12]}.{ending}"
    if not kept.exists() or file_sha256(kept) != digest:  # a damaged copy is made again
        with atomic_path(kept) as temporary:
            shutil.copyfile(file, temporary)
    return digest


def _learned(run: RunFolder, candidates: Candidates, pairs: Path) -> GivenQuality:
    columns = {name: values for name, values in candidates.indicators.items() if np.isfinite(values).any()}
    learned = fit_learned(read_pairs(pairs), candidates.ids, columns)
    origin = {
        "kind": "learned",
        "pairs": pairs.name,
        "sha256": _keep(run, pairs, "jsonl"),
        "model": learned.model_dump(mode="json"),
    }
    matrix = np.stack([candidates.indicators[name] for name in learned.indicators], axis=1)
    complete = np.isfinite(matrix).all(axis=1)
    values = np.full(len(matrix), np.nan)
    values[complete] = learned.score(matrix[complete])
    evidence = learned.evidence
    weights = ", ".join(
        f"{name}={weight:.3g}" for name, weight in zip(learned.indicators, learned.weights, strict=True)
    )
    said = learned.warning() or (
        f"Over {evidence.subsets} measured subsets the indicators predict a held-out result"
        f"{HELD_OUT if evidence.held_out else ''} with R² "
        f"{evidence.r2:.2f} (permutation p {evidence.p_value:.3f})."
    )
    return GivenQuality(values, "learned quality", (said, f"Learnt weights: {weights}."), origin)


def _mm_lima(run: RunFolder, candidates: Candidates, selector: Path) -> GivenQuality:
    digest = _keep(run, selector, "pth")
    kept = run.path / "selectors" / f"{digest[:12]}.pth"
    columns = {_COLUMN_OF.get(name, name): values for name, values in candidates.indicators.items()}
    found = mm_lima_quality(columns, kept)
    absent = [name for name in FEATURES if name not in found.used]
    notes = []
    if absent:
        notes.append(
            f"Of the selector's {len(FEATURES)} columns the run has {', '.join(found.used)}; the other "
            f"{len(absent)} stand at their means over the released data and tell no row from another."
        )
    notes += [
        f"{name} averages {mean:.3g} here and {RELEASED_MEANS[name]:.3g} in the released data: the selector "
        "was never shown such values."
        for name, mean in found.foreign.items()
    ]
    return GivenQuality(
        found.values,
        "score of the trained selector",
        tuple(notes),
        {"kind": "mm-lima", "checkpoint": selector.name, "sha256": digest, "columns": list(found.used)},
    )
