"""The quality of every row, and which rows cannot have one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from finegold.arrays import Floats, Ints
from finegold.errors import ConfigError
from finegold.samples.excluded import ExcludedRows
from finegold.selection.options import check_weights
from finegold.selection.plugins import NORMALISERS, QUALITIES
from finegold.selection.preset import FILES, Preset
from finegold.selection.selection import SelectionInputs

CODE = "no-quality"


@dataclass(frozen=True, slots=True)
class RowQuality:
    """Rows with their quality.

    Attributes:
        usable: Positions of the rows that can be chosen, sorted by id.
        quality: Shape (len(usable),); None if no indicator counts.
        indicators: Shape (len(usable), m), the normalised columns that count; None if none does.
        weights: The weights that counted.
        excluded: The rows that have no quality, by position.
        notes: What a reader must know.
    """

    usable: Ints
    quality: Floats | None
    indicators: Floats | None
    weights: Mapping[str, float]
    excluded: ExcludedRows
    notes: tuple[str, ...]


def compute_quality(
    inputs: SelectionInputs, order: Ints, preset: Preset, weights: Mapping[str, float] | None
) -> RowQuality:
    """Compute the quality of the rows, taken in `order`, by the preset's weights or by `weights`.

    A row to which no weighted indicator applies has no quality and is excluded.

    Raises:
        ConfigError: If a weight is for an indicator that is not there, or none of a preset's is.
    """
    if inputs.quality is not None:
        return _given(inputs, inputs.quality, order, weights)
    file = next(iter(QUALITIES[preset.quality].needs & FILES), None)
    if file is not None:
        raise ConfigError(
            f"preset '{preset.name}' needs a quality that is computed from a file, and there is none: name "
            f"the file with --{file}"
        )
    counted, notes = _counted(inputs, preset, weights)
    if not counted:
        return RowQuality(order, None, None, counted, ExcludedRows.of(order[:0], CODE, ""), notes)
    columns = np.stack([inputs.indicators[name][order] for name in counted], axis=1)
    indicators: Floats = NORMALISERS[preset.normalise](columns)
    quality: Floats = QUALITIES[preset.quality](indicators, np.array(list(counted.values())))
    present = np.isfinite(quality)
    reason = f"none of the indicators {', '.join(counted)} applies to the row"
    excluded = ExcludedRows.of(np.sort(order[~present]), CODE, reason)
    return RowQuality(order[present], quality[present], indicators[present], counted, excluded, notes)


def _given(
    inputs: SelectionInputs, quality: Floats, order: Ints, weights: Mapping[str, float] | None
) -> RowQuality:
    if weights is not None:
        raise ConfigError(
            f"there are weights and the {inputs.quality_name}, which needs none: give one of them"
        )
    present = np.isfinite(quality[order])
    excluded = ExcludedRows.of(np.sort(order[~present]), CODE, f"the row has no {inputs.quality_name}")
    usable = order[present]
    note = f"The quality is the {inputs.quality_name}; no weights were used."
    return RowQuality(usable, quality[usable], None, {}, excluded, (note,))


def _counted(
    inputs: SelectionInputs, preset: Preset, weights: Mapping[str, float] | None
) -> tuple[dict[str, float], tuple[str, ...]]:
    """The weights that count, and a note on those that cannot."""
    there = {name for name, values in inputs.indicators.items() if np.isfinite(values).any()}
    named = ", ".join(sorted(there)) or "none"
    if weights is not None:
        if not preset.weights:
            raise ConfigError(f"preset '{preset.name}' looks at no indicator: give it no weights")
        missing = sorted(name for name, weight in weights.items() if weight and name not in there)
        if missing:
            raise ConfigError(
                f"weights name {', '.join(missing)}, and the indicators with values are: {named}; "
                "score it first"
            )
        return {name: weight for name, weight in check_weights(weights).items() if weight}, ()
    counted = {name: weight for name, weight in preset.weights.items() if name in there}
    if preset.weights and not counted:
        raise ConfigError(
            f"preset '{preset.name}' needs one of {', '.join(preset.weights)}, and the indicators with "
            f"values are: {named}; score one first"
        )
    absent = [name for name in preset.weights if name not in there]
    if not absent:
        return counted, ()
    return counted, (f"Not counted, since the run has no values for it: {', '.join(absent)}.",)
