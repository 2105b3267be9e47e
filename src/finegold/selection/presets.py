"""Presets: named, versioned fillings of the four slots normalise, quality, allocate and pick."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isqrt
from typing import Literal

from finegold.clustering import Method
from finegold.errors import ConfigError

Partition = Literal["clusters", "none", "score-strata"]


@dataclass(frozen=True, slots=True)
class ClusteringSpec:
    """The clusters that a preset picks within.

    Attributes:
        method: As `cluster_rows` names it.
        clusters: Their number; None for sqrt(rows / 2), which CaR takes (arXiv 2402.18191).
        neighbours: Of the graph, a row itself counted; `spectral` only.
    """

    method: Method = "spectral"
    clusters: int | None = 10
    neighbours: int = 10

    def count(self, rows: int) -> int:
        """Number of clusters for that many rows."""
        return max(1, isqrt(rows // 2)) if self.clusters is None else self.clusters


@dataclass(frozen=True, slots=True)
class Preset:
    """A named way to select. A change in what it chooses is a new version.

    Attributes:
        name: As the user writes it.
        version: Counts up.
        summary: What it does, in a sentence.
        weights: Indicator to weight. Indicators that a run does not have are left out, and that is said.
            Empty for a preset that looks at no indicator.
        normalise: A name of `NORMALISERS`.
        partition: Pick within clusters, within strata of quality, or from the whole pool at once.
        clustering: Which clusters; None if it uses none.
        allocate: A name of `ALLOCATORS`.
        pick: A name of `PICKERS`.
        pick_parameters: For the picker; its own defaults otherwise.
        strata: Number of equally wide quality strata, for `score-strata`.
        drop: Share of the rows, those of lowest quality, that is not chosen from while enough are left.
        notes: What a reader of the result must know.
    """

    name: str
    version: str
    summary: str
    weights: Mapping[str, float] = field(default_factory=dict)
    normalise: str = "minmax"
    partition: Partition = "clusters"
    clustering: ClusteringSpec | None = field(default_factory=ClusteringSpec)
    allocate: str = "largest-remainder"
    pick: str = "top"
    pick_parameters: Mapping[str, float] = field(default_factory=dict)
    strata: int = 50
    drop: float = 0.0
    notes: tuple[str, ...] = ()


OUR_WEIGHTS: Mapping[str, float] = {"clip": 1.0, "length": 0.5, "reward": 1.0, "llm": 1.0}
"""The paper's own weights are in a table that we could not obtain. Length counts half: padding earns it."""
OUR_WEIGHTS_NOTE = "The weights are finegold's own: the paper's were not available."

_BUILT_IN = (
    Preset(
        "instructiongpt4",
        "1",
        "The best by a weighted sum of indicators within ten spectral clusters (arXiv 2308.12067).",
        weights=OUR_WEIGHTS,
        allocate="floor",
        notes=(OUR_WEIGHTS_NOTE,),
    ),
    Preset(
        "no-clusters",
        "1",
        "The best by the weighted sum of `instructiongpt4`, from the whole pool.",
        weights=OUR_WEIGHTS,
        partition="none",
        clustering=None,
        notes=(OUR_WEIGHTS_NOTE,),
    ),
    Preset("random", "1", "Rows at random.", partition="none", clustering=None, pick="random"),
    Preset("stratified", "1", "Rows at random within clusters, in proportion to their sizes.", pick="random"),
    Preset(
        "clip-only",
        "1",
        "The highest CLIP scores.",
        weights={"clip": 1.0},
        partition="none",
        clustering=None,
    ),
    Preset(
        "length-only",
        "1",
        "The longest answers (arXiv 2402.04833).",
        weights={"length": 1.0},
        partition="none",
        clustering=None,
    ),
)
PRESETS: dict[str, Preset] = {preset.name: preset for preset in _BUILT_IN}


def find_preset(name: str) -> Preset:
    """Look a preset up; raises ConfigError that lists the names there are."""
    if name not in PRESETS:
        raise ConfigError(f"there is no preset '{name}'; there are {', '.join(sorted(PRESETS))}")
    return PRESETS[name]
