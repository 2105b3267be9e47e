"""What a user gives a selection beside the data, and whether a preset can use it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from finegold.dedup import Dedup
from finegold.errors import ConfigError
from finegold.instructiongpt4 import read_selector
from finegold.selection.learned import read_pairs
from finegold.selection.pickers import PICKERS
from finegold.selection.preset import Preset
from finegold.selection.quality import GIVEN_QUALITIES


@dataclass(frozen=True, slots=True)
class SelectionFiles:
    """Files that some presets need, and what is to be left out before any choice.

    Attributes:
        dedup: Which duplicates are left out; None keeps them.
        targets: Dataset, image or folder of images to move towards, for the preset `rds`.
        target_images: Folder that the image paths of `targets` are relative to.
        pairs: Measured subsets to learn from, for the preset `learned`.
        selector: Checkpoint in the published layout, for the preset `mm-lima`.
    """

    dedup: Dedup | None = None
    targets: Path | None = None
    target_images: Path | None = None
    pairs: Path | None = None
    selector: Path | None = None


NOTHING_GIVEN = SelectionFiles()
_OPTIONS = {
    "targets": "moves towards target examples: name a dataset or a folder of images with --targets",
    "pairs": "learns from measured subsets: name a file of them with --pairs (docs/learned-quality.md)",
    "selector": "scores with a trained selector: name its checkpoint with --selector (docs/reproduce.md)",
}


def needed(preset: Preset) -> frozenset[str]:
    """Names of the fields of `Given` that a preset cannot do without."""
    found = {"targets"} & PICKERS[preset.pick].needs
    option = GIVEN_QUALITIES.get(preset.quality)
    return frozenset(found if option is None else found | {option.removeprefix("--")})


def check_given(
    presets: Collection[Preset], given: SelectionFiles, weights: Mapping[str, float] | str | None = None
) -> None:
    """Make sure, before any row is read, that each preset has what it needs and nothing is given in vain.

    Raises:
        ConfigError: If something is missing, is not there, or no preset reads it.
        DataError: If the measured subsets cannot be read.
        ModelError: If the selector cannot.
    """
    for preset in presets:
        if weights is not None and preset.quality in GIVEN_QUALITIES:
            raise ConfigError(
                f"preset '{preset.name}' has its quality from {GIVEN_QUALITIES[preset.quality]} and takes no "
                "weights; leave them out"
            )
        for name in sorted(needed(preset)):
            if getattr(given, name) is None:
                raise ConfigError(f"preset '{preset.name}' {_OPTIONS[name]}")
    for name in _OPTIONS:
        path: Path | None = getattr(given, name)
        if path is None:
            continue
        if not any(name in needed(preset) for preset in presets):
            asked = ", ".join(f"'{preset.name}'" for preset in presets)
            raise ConfigError(f"--{name} was given, and no preset asked for ({asked}) reads it; leave it out")
        if not path.exists() and not (name == "targets" and any(mark in path.name for mark in "*?[")):
            raise ConfigError(f"--{name} names {path}, and there is nothing; give a path that exists")
    if given.target_images is not None and given.targets is None:
        raise ConfigError("--target-images was given without --targets; name the targets, or leave it out")
    if given.pairs is not None:
        read_pairs(given.pairs)
    if given.selector is not None:
        read_selector(given.selector)
