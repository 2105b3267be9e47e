"""What a preset is: a named, versioned filling of the four slots normalise, quality, allocate and pick.

A preset is a short TOML file. finegold's own lie in the folder `presets`; another package offers the path of
one through the entry-point group `finegold.presets`; a user names a file of their own (`mine.toml`).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from inspect import signature
from math import isfinite, isqrt
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from finegold.clustering import Method
from finegold.encoders.spaces import Space
from finegold.errors import ConfigError, first_fault, why_unread
from finegold.registry import read_toml, toml_names
from finegold.run import fingerprint as short_name
from finegold.run.cards import card
from finegold.selection.groups import GroupQuality, Mixture, check_mixture
from finegold.selection.plugins import ALLOCATORS, NORMALISERS, PICKERS, QUALITIES, Plugin

Grouping = Literal["clusters", "none", "score-strata"]
FILES = frozenset({"targets", "pairs", "selector"})
"""Needs that are files which the user names."""
_OWN = ("finegold.selection", "presets", "preset", "finegold.presets")


@dataclass(frozen=True, slots=True)
class ClusteringSpec:
    """The clusters that a preset picks within.

    Attributes:
        method: A method of `cluster_rows`.
        clusters: Their number; or sqrt(rows / 2), as CaR takes (arXiv 2402.18191); or rows / 100, as PreSel
            does (arXiv 2503.07591).
        neighbours: Neighbours of a row in the graph, the row itself counted; `spectral` only.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    method: Method = "spectral"
    clusters: int | Literal["sqrt(rows / 2)", "rows / 100"] = 10
    neighbours: int = 10

    def count(self, rows: int) -> int:
        """Number of clusters for that many rows."""
        if isinstance(self.clusters, int):
            return self.clusters
        return max(1, rows // 100 if self.clusters == "rows / 100" else isqrt(rows // 2))


@dataclass(frozen=True, slots=True)
class Preset:
    """A named way to select. A change in what it chooses is a new version.

    Attributes:
        name: The name as the user writes it; of a file, its name without `.toml`.
        version: Text that changes whenever the preset may choose other rows.
        summary: What it does, in a sentence.
        weights: Weight of each indicator. Indicators that a run does not have are passed over, and a note
            says so. Empty for a preset that looks at no indicator.
        normalise: A name of `NORMALISERS`.
        quality: A name of `QUALITIES`: how normalised indicators become one number.
        clustering: The clusters that are picked within; None to pick from the whole pool.
        strata: Number of equally wide strata of quality to pick within, in place of clusters.
        allocate: A name of `ALLOCATORS`.
        pick: A name of `PICKERS`.
        pick_parameters: Parameters of the picker; its own defaults otherwise.
        drop: Share of the rows, those of lowest quality, that is not chosen from while enough are left.
        notes: What a reader of the result must know.
        indicators: Indicators that a quality without weights reads, where the run has them.
        scorers: Parameters of scorers by indicator, where they are not the scorers' defaults.
        group_by: Attributes whose values are the groups of rows: `source`, `kind`, or a field of the record.
        mixture: How the size is shared among the groups: `proportional`, `square-root`, `equal`, `softmax`,
            or weights by name of group; rows are then chosen in each group by itself. `none` chooses from all
            groups together. None is `proportional` where there are groups.
        group_quality: How quality is made comparable from group to group: see `comparable_quality`.
        floor: Rows of this quality or less are chosen only when the others are used up, and a group of
            such rows alone has no share; None for no such bound.
        space: Where rows are compared, for clusters, pickers and semantic duplicates: see `encoders.spaces`.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str
    version: str
    summary: str
    weights: Mapping[str, float] = field(default_factory=dict)
    normalise: str = "minmax"
    quality: str = "weighted-sum"
    clustering: ClusteringSpec | None = None
    strata: int | None = None
    allocate: str = "largest-remainder"
    pick: str = "top"
    pick_parameters: Mapping[str, float] = field(default_factory=dict)
    drop: float = 0.0
    notes: tuple[str, ...] = ()
    indicators: tuple[str, ...] = ()
    scorers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    group_by: tuple[str, ...] = ()
    mixture: Mixture | None = None
    group_quality: GroupQuality = "none"
    floor: float | None = None
    space: Space = "image"

    def _repr_html_(self) -> str:
        facts = {
            "quality": f"{self.quality} of {', '.join(self.weights or self.indicators) or 'nothing'}",
            "normalise": self.normalise,
            "allocate": self.allocate,
            "pick": self.pick,
            "about": self.summary,
        }
        return card(
            f"{self.name}, version {self.version}", facts, ("indicator", "weight"), self.weights.items()
        )

    def __post_init__(self) -> None:
        """Check what the slots are filled with; raises ConfigError."""
        for slot, name in (
            (NORMALISERS, self.normalise),
            (QUALITIES, self.quality),
            (ALLOCATORS, self.allocate),
            (PICKERS, self.pick),
        ):
            slot.get(name)
        check_mixture(self.mixture)
        weights = self.weights.values()
        wrong = {
            "drop is not from 0 to below 1": not 0 <= self.drop < 1,
            "strata is below 1": self.strata is not None and self.strata < 1,
            "a weight is no number": not all(map(isfinite, weights)),
            "every weight is 0": bool(self.weights) and not any(weights),
            "it states a scorer that it does not read": not set(self.scorers) <= set(self.reads),
            "it has weights and indicators": bool(self.weights) and bool(self.indicators),
            "it has a mixture of groups and no group_by": self.mixture not in (None, "none")
            and not self.group_by,
            "it has a group_quality and no group_by": self.group_quality != "none" and not self.group_by,
            "an attribute of group_by is empty or stands twice": "" in self.group_by
            or len(set(self.group_by)) < len(self.group_by),
            "it has clusters and strata": self.clustering is not None and self.strata is not None,
        }
        parameters = list(signature(PICKERS[self.pick].function).parameters.values())[3:]
        if not any(one.kind is one.VAR_KEYWORD for one in parameters):
            unknown = sorted(set(self.pick_parameters) - {one.name for one in parameters})
            wrong |= {f"the picker '{self.pick}' has no parameter '{name}'": True for name in unknown}
        for fault, found in wrong.items():
            if found:
                raise ConfigError(f"the preset '{self.name}' cannot be used: {fault}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the indicators that the quality is made of."""
        return self.indicators or tuple(self.weights)

    @property
    def grouping(self) -> Grouping:
        """What rows are picked within."""
        if self.clustering is not None:
            return "clusters"
        return "none" if self.strata is None else "score-strata"

    @property
    def needs(self) -> frozenset[str]:
        """What the preset needs beside indicators and ids: see `selection.plugins.Need`."""
        found = frozenset[str]().union(*(plugin.needs for plugin in self._plugins))
        images = self.clustering is not None or found & {"graph", "targets"}
        return found | {"embeddings"} if images else found

    @property
    def files(self) -> frozenset[str]:
        """The files that the user must name for it, of `FILES`."""
        return self.needs & FILES

    @property
    def seeded(self) -> bool:
        """Whether another seed may give another selection."""
        return any(plugin.seeded for plugin in self._plugins)

    @property
    def _plugins(self) -> tuple[Plugin, ...]:
        return QUALITIES[self.quality], ALLOCATORS[self.allocate], PICKERS[self.pick]

    def content(self) -> dict[str, Any]:
        """All fields as JSON values, as a selection stores them."""
        found: dict[str, Any] = TypeAdapter(Preset).dump_python(self, mode="json")
        return found

    @classmethod
    def read(cls, content: Mapping[str, Any], name: str = "of the selection") -> "Preset":
        """The preset of its fields as JSON or TOML values.

        Args:
            content: The fields.
            name: What messages call it.

        Raises:
            ConfigError: If a field is wrong; the message names it.
        """
        try:
            return TypeAdapter(cls).validate_python(content)
        except ValidationError as error:
            fault = first_fault(error, (one.name for one in fields(cls)))
            raise ConfigError(f"the preset {name} cannot be used: {fault}") from None

    @property
    def fingerprint(self) -> str:
        """Short name of what the preset chooses by: of its fields without name, summary and notes."""
        found = asdict(self)
        # Fields that were added later count where they are set, so that older presets keep their names.
        later = {"group_by": (), "mixture": None, "group_quality": "none", "floor": None, "space": "image"}
        absent = {key for key, default in later.items() if found[key] == default}
        return short_name(
            {key: found[key] for key in found if key not in {"name", "summary", "notes", *absent}}
        )

    def mixed(
        self,
        group_by: tuple[str, ...] = (),
        mixture: Mixture | None = None,
        group_quality: GroupQuality | None = None,
    ) -> "Preset":
        """The preset with other groups or another mixture; what is not given stays as it is.

        Weights without groups are weights of sources.
        """
        groups = group_by or self.group_by
        if mixture is not None and mixture != "none" and not groups:
            groups = ("source",)
        return replace(
            self,
            group_by=groups,
            mixture=self.mixture if mixture is None else mixture,
            group_quality=self.group_quality if group_quality is None else group_quality,
        )


def preset_names() -> list[str]:
    """Names of the presets of finegold and of installed packages: the default first, the others sorted."""
    _, folder, _, group = _OWN
    return sorted(toml_names(_OWN[0], folder, group), key=lambda name: (name != "sound", name))


def find_preset(name: str) -> Preset:
    """The preset of a name, of a file that ends in `.toml`, or of the selection in a `selection.json`.

    Raises:
        ConfigError: If there is none, or the file is no preset; the message names the field.
    """
    fields = _of_selection(Path(name)) if name.endswith(".json") else read_toml(name, *_OWN)
    return Preset.read(fields, name)


def _of_selection(path: Path) -> Any:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["configuration"]["preset"]
        if not isinstance(found, dict):
            raise TypeError("it is of an older finegold")
        return found
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(
            f"{path} holds no preset ({why_unread(error)}): name a selection.json or a .toml file"
        ) from None
