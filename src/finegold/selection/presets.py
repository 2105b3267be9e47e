"""The presets that come with finegold."""

from collections.abc import Mapping

from finegold.errors import ConfigError
from finegold.selection.preset import ClusteringSpec, Preset

__all__ = ["PRESETS", "ClusteringSpec", "Preset", "find_preset"]

OUR_WEIGHTS: Mapping[str, float] = {"clip": 1.0, "length": 0.5, "reward": 1.0, "llm": 1.0}
"""The paper's own weights are in a table that we could not obtain. Length counts half: padding earns it."""
OUR_WEIGHTS_NOTE = "The weights are finegold's own: the paper's were not available."
FLOOR_NOTE = "The method itself ignores quality; leaving out the worse half is finegold's addition."
FINE = ClusteringSpec("kmeans", None)
SPHERICAL = ClusteringSpec("spherical-kmeans", None)

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
    Preset(
        "deita",
        "1",
        "The best by the weighted sum, skipping images like one already taken (arXiv 2312.15685).",
        weights=OUR_WEIGHTS,
        partition="none",
        clustering=None,
        pick="deita",
        notes=(OUR_WEIGHTS_NOTE,),
    ),
    Preset(
        "d2",
        "1",
        "Good rows in good company and far from one another on the neighbour graph (arXiv 2310.07931).",
        weights=OUR_WEIGHTS,
        partition="none",
        clustering=None,
        pick="d2",
        notes=(OUR_WEIGHTS_NOTE,),
    ),
    Preset(
        "facility-location",
        "1",
        "Good rows such that every image has one near it on the neighbour graph.",
        weights=OUR_WEIGHTS,
        partition="none",
        clustering=None,
        pick="facility-location",
        notes=(OUR_WEIGHTS_NOTE,),
    ),
    Preset(
        "mig",
        "1",
        "Rows that add most to what the chosen ones tell about a hundred image concepts (arXiv 2504.13835).",
        weights=OUR_WEIGHTS,
        partition="none",
        clustering=None,
        pick="mig",
        notes=(OUR_WEIGHTS_NOTE,),
    ),
    Preset(
        "self-filter",
        "1",
        "The best by the weighted sum, each penalising its neighbours (arXiv 2402.12501, step 3).",
        weights=OUR_WEIGHTS,
        partition="none",
        clustering=None,
        pick="self-filter",
        notes=(OUR_WEIGHTS_NOTE,),
    ),
    Preset(
        "dpp",
        "1",
        "Good and unlike rows by determinant, within ten spectral clusters (arXiv 1709.05135).",
        weights=OUR_WEIGHTS,
        pick="dpp",
        notes=(OUR_WEIGHTS_NOTE,),
    ),
    Preset(
        "votes",
        "1",
        "Rows that most indicators put near the top (arXiv 2501.00654, step 4).",
        weights=OUR_WEIGHTS,
        normalise="rank",
        partition="none",
        clustering=None,
        pick="votes",
        notes=(OUR_WEIGHTS_NOTE,),
    ),
    Preset(
        "car",
        "1",
        "The best row of each of sqrt(n/2) k-means clusters, then the best of all (arXiv 2402.18191).",
        weights=OUR_WEIGHTS,
        clustering=FINE,
        allocate="clusters-plus-best",
        notes=(OUR_WEIGHTS_NOTE,),
    ),
    Preset(
        "smallest-first",
        "1",
        "The best rows of sqrt(n/2) k-means clusters, an equal share each (allocator of arXiv 2510.01454).",
        weights=OUR_WEIGHTS,
        clustering=FINE,
        allocate="smallest-first",
        notes=(OUR_WEIGHTS_NOTE,),
    ),
    Preset(
        "ccs",
        "1",
        "Rows at random from fifty strata of the weighted sum, an equal share each (arXiv 2210.15809).",
        weights=OUR_WEIGHTS,
        partition="score-strata",
        clustering=None,
        allocate="smallest-first",
        pick="random",
        drop=0.1,
        notes=(OUR_WEIGHTS_NOTE,),
    ),
    Preset(
        "coincide",
        "1",
        "More from transferable and less from dense clusters, each matched by herding (arXiv 2406.10995).",
        weights=OUR_WEIGHTS,
        clustering=SPHERICAL,
        allocate="density-transferability",
        pick="herding",
        drop=0.5,
        notes=(OUR_WEIGHTS_NOTE, FLOOR_NOTE),
    ),
    Preset(
        "herding",
        "1",
        "Rows whose mean image is the mean of their cluster (arXiv 1203.3472), from the better half.",
        weights=OUR_WEIGHTS,
        pick="herding",
        drop=0.5,
        notes=(OUR_WEIGHTS_NOTE, FLOOR_NOTE),
    ),
    Preset(
        "typicality",
        "1",
        "Images with others close by in each of sqrt(n/2) clusters (arXiv 2503.07591), from the better half.",
        weights=OUR_WEIGHTS,
        clustering=FINE,
        pick="typicality",
        drop=0.5,
        notes=(OUR_WEIGHTS_NOTE, FLOOR_NOTE),
    ),
    Preset(
        "prism",
        "1",
        "The images least like all others (arXiv 2502.12119), from the better half.",
        weights=OUR_WEIGHTS,
        partition="none",
        clustering=None,
        pick="prism",
        drop=0.5,
        notes=(OUR_WEIGHTS_NOTE, FLOOR_NOTE),
    ),
    Preset(
        "leverage",
        "1",
        "The images of highest statistical leverage (arXiv 2602.11636), from the better half.",
        weights=OUR_WEIGHTS,
        partition="none",
        clustering=None,
        pick="leverage",
        drop=0.5,
        notes=(OUR_WEIGHTS_NOTE, FLOOR_NOTE),
    ),
    Preset(
        "k-center",
        "1",
        "Images that leave no other far from a chosen one (arXiv 1708.00489), from the better half.",
        weights=OUR_WEIGHTS,
        partition="none",
        clustering=None,
        pick="k-center",
        drop=0.5,
        notes=(OUR_WEIGHTS_NOTE, FLOOR_NOTE),
    ),
    Preset(
        "rds",
        "1",
        "The images nearest to target examples, which take turns (arXiv 2503.01807), from the better half.",
        weights=OUR_WEIGHTS,
        partition="none",
        clustering=None,
        pick="rds",
        drop=0.5,
        notes=(OUR_WEIGHTS_NOTE, FLOOR_NOTE),
    ),
)
PRESETS: dict[str, Preset] = {preset.name: preset for preset in _BUILT_IN}


def find_preset(name: str) -> Preset:
    """Look a preset up; raises ConfigError that lists the names there are."""
    if name not in PRESETS:
        raise ConfigError(f"there is no preset '{name}'; there are {', '.join(sorted(PRESETS))}")
    return PRESETS[name]
