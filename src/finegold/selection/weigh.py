"""The quality of every row, and which rows cannot have one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from finegold.arrays import Floats, Ints
from finegold.errors import ConfigError
from finegold.selection.normalise import NORMALISERS
from finegold.selection.options import check_weights
from finegold.selection.preset import Preset
from finegold.selection.quality import GIVEN_QUALITIES, QUALITIES
from finegold.selection.selection import SelectionInputs


@dataclass(frozen=True, slots=True)
class Weighed:
    """Rows with their quality.

    Attributes:
        usable: Positions that can be chosen, sorted by id.
        quality: Shape (len(usable),); None if no indicator counts.
        indicators: Shape (len(usable), m), normalised, the columns that count; None if none does.
        weights: What counted.
        excluded: Reason by position.
        notes: What was left out.
    """

    usable: Ints
    quality: Floats | None
    indicators: Floats | None
    weights: Mapping[str, float]
    excluded: Mapping[int, str]
    notes: tuple[str, ...]


def weigh(
    inputs: SelectionInputs, order: Ints, preset: Preset, own_weights: Mapping[str, float] | None
) -> Weighed:
    """Compute the quality of the rows, taken in `order`, as a preset or the user's weights say.

    A row to which no weighted indicator applies has no quality and is excluded.

    Raises:
        ConfigError: If a weight is for an indicator that is not there, or none of a preset's is.
    """
    if inputs.quality is not None:
        return _given(inputs, inputs.quality, order, own_weights)
    if preset.quality in GIVEN_QUALITIES:
        raise ConfigError(
            f"preset '{preset.name}' needs a quality computed from a file that you give with "
            f"{GIVEN_QUALITIES[preset.quality]}, and there is none; give one"
        )
    weights, notes = _weights(inputs, preset, own_weights)
    if not weights:
        return Weighed(order, None, None, weights, {}, notes)
    columns = np.stack([inputs.indicators[name][order] for name in weights], axis=1)
    indicators = NORMALISERS[preset.normalise](columns)
    quality = QUALITIES[preset.quality](indicators, np.array(list(weights.values())))
    has_quality = np.isfinite(quality)
    reason = f"none of the indicators {', '.join(weights)} applies to the row"
    excluded = {int(i): reason for i in order[~has_quality]}
    return Weighed(
        order[has_quality], quality[has_quality], indicators[has_quality], weights, excluded, notes
    )


def _given(
    inputs: SelectionInputs, quality: Floats, order: Ints, own_weights: Mapping[str, float] | None
) -> Weighed:
    if own_weights is not None:
        raise ConfigError(
            f"weights were given together with the {inputs.quality_name}, which needs none; leave one out"
        )
    present = np.isfinite(quality[order])
    excluded = {int(i): f"the row has no {inputs.quality_name}" for i in order[~present]}
    usable = order[present]
    note = f"The quality is the {inputs.quality_name}; no weights were used."
    return Weighed(usable, quality[usable], None, {}, excluded, (note,))


def _weights(
    inputs: SelectionInputs, preset: Preset, own: Mapping[str, float] | None
) -> tuple[dict[str, float], tuple[str, ...]]:
    there = {name for name, values in inputs.indicators.items() if np.isfinite(values).any()}
    named = ", ".join(sorted(there)) or "none"
    if own is not None:
        if not preset.weights:
            raise ConfigError(f"preset '{preset.name}' looks at no indicator; leave the weights out")
        missing = sorted(name for name, weight in own.items() if weight and name not in there)
        if missing:
            raise ConfigError(
                f"weights name {', '.join(missing)}, and the indicators with values are: {named}; "
                "score it first"
            )
        return {name: weight for name, weight in check_weights(own).items() if weight}, ()
    weights = {name: weight for name, weight in preset.weights.items() if name in there}
    if preset.weights and not weights:
        raise ConfigError(
            f"preset '{preset.name}' needs one of {', '.join(preset.weights)}, and the indicators with "
            f"values are: {named}; score one first"
        )
    left_out = [name for name in preset.weights if name not in there]
    if not left_out:
        return weights, ()
    return weights, (f"Left out, since the run has no values for it: {', '.join(left_out)}.",)
