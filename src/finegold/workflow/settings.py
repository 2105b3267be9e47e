"""What a selection is asked for: preset, size, weights, seed, tables and files."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from math import isfinite
from pathlib import Path
from typing import Any, TypeAlias, cast, get_args

from finegold.dedup import Dedup, parse_dedup
from finegold.encoders import MINILM, Space
from finegold.errors import ConfigError, did_you_mean, with_article
from finegold.instructiongpt4 import read_selector
from finegold.run.cards import FieldCard
from finegold.scorers import Scorer, scorer_name, stated_parameters, uses_encoder
from finegold.selection.groups import GroupQuality, Mixture, parse_mixture
from finegold.selection.id_list import IdList
from finegold.selection.learned import read_pairs
from finegold.selection.options import check_subset_size, parse_weights
from finegold.selection.preset import FILES, Preset, find_preset
from finegold.selection.where import Condition
from finegold.workflow.overlap import Benchmark

Weights: TypeAlias = Mapping[Any, float] | str
"""Weights of indicators: by name or by scorer object, or as text."""
MIXING = ("group_by", "mixture", "group_quality", "space")
"""Fields of a preset that options replace."""


@dataclass(frozen=True, slots=True)
class SelectionFiles(FieldCard):
    """Files that some presets need.

    Attributes:
        targets: Dataset, image or folder of images to move towards, for the preset `rds`.
        target_images: Folder that the image paths of `targets` are relative to.
        pairs: Measured subsets to learn from, for the preset `learned`.
        selector: Checkpoint in the published layout, for the preset `mm-lima`.
    """

    targets: Path | None = None
    target_images: Path | None = None
    pairs: Path | None = None
    selector: Path | None = None


@dataclass(frozen=True, slots=True)
class SelectionSettings(FieldCard):
    """What a selection is asked for; with the data, all that decides which rows are chosen.

    Attributes:
        preset: How rows are chosen.
        size: Rows to choose: a number, or a share of the usable rows such as `6%`.
        weights: Indicator weights in place of the preset's.
        seed: Seed of every random choice.
        clusters: Number of image clusters in place of the preset's.
        clustering: Name of a cluster table in the run folder, in place of the preset's own clusters.
        scores: Names of score tables in the run folder, for indicators of which there are several.
        dedup: Which duplicates are excluded first; None keeps them.
        files: Files that the preset needs.
        text_encoder: What embeds texts, as `load_text_encoder` takes it, for a preset that compares texts.
        where: Condition that rows must meet to be chosen from: see `selection.where`.
        include: Ids that are chosen first and count to the size and the quotas.
        exclude: Ids that are not chosen.
        without: Benchmarks whose items no chosen row may contain, each read or as `read_benchmark` takes it.
        overlap_encoder: What compares the images of rows and benchmarks by their embeddings; None for the
            encoder of the selection, if that embeds the images.
    """

    preset: Preset
    size: str
    weights: Mapping[str, float] | None = None
    seed: int = 0
    clusters: int | None = None
    clustering: str | None = None
    scores: tuple[str, ...] = ()
    dedup: Dedup | None = None
    files: SelectionFiles = field(default_factory=SelectionFiles)
    text_encoder: str = MINILM
    where: str | None = None
    include: IdList | None = None
    exclude: IdList | None = None
    without: tuple[str | Benchmark, ...] = ()
    overlap_encoder: str | None = None

    @classmethod
    def of(
        cls,
        preset: str | Preset,
        size: int | str,
        weights: Weights | None = None,
        **others: Any,
    ) -> "SelectionSettings":
        """Settings from names and texts, checked before any row is read.

        Args:
            preset: A preset, its name, or a `.toml` file.
            size: A number, or text.
            weights: A mapping of names or scorer objects to numbers, or text such as `clip=1,length=0.5`.
            others: Further attributes (`include` and `exclude` as files or ids); and `group_by`, `mixture`,
                `group_quality` and `space`, which take the place of those of the preset, as values or as
                texts such as `source,kind` and `vqa=0.5,*=0.5`.

        Raises:
            ConfigError: If a name or text is wrong, or the preset lacks a file.
        """
        mixing = {name: others.pop(name, None) for name in MIXING}
        known = [*(field.name for field in fields(cls)[3:]), *MIXING]
        unknown = sorted(set(others) - set(known))
        if unknown:
            every = [*(field.name for field in fields(cls)), *MIXING]
            raise ConfigError(
                f"a selection has no setting '{unknown[0]}'{did_you_mean(unknown[0], every)}: give one of "
                f"{', '.join(every)}"
            )
        if isinstance(others.get("dedup"), str):
            others["dedup"] = parse_dedup(others["dedup"])
        for name in ("include", "exclude"):
            if others.get(name) is not None:
                others[name] = IdList.of(others[name], f"--{name}")
        if isinstance(others.get("scores"), str):
            others["scores"] = (others["scores"],)
        if isinstance(others.get("without"), str):
            others["without"] = (others["without"],)
        chosen = as_preset(preset)
        named: Mapping[str, float] | None = None
        if isinstance(weights, str):
            named = parse_weights(weights)
        elif weights is not None and not isinstance(weights, Mapping):
            raise ConfigError(
                f"the weights are {with_article(type(weights).__name__)}, expected a mapping such as "
                "{'support': 2}, or text such as support=2"
            )
        elif weights is not None:
            named = {_name(one): weight for one, weight in weights.items()}
            objects = [one for one in weights if isinstance(one, Scorer)]
            stated = {one.name: values for one in objects if (values := stated_parameters(one))}
            if stated:
                kept = {name: values for name, values in chosen.scorers.items() if name in named}
                chosen = replace(chosen, weights=named, indicators=(), scorers=kept | stated)
        found = cls(mixed(chosen, **mixing), str(size), named, **others)
        if found.weights is not None and not all(
            isinstance(weight, int | float) and isfinite(weight) for weight in found.weights.values()
        ):
            raise ConfigError(f"the weights {dict(found.weights)} are not all finite numbers")
        if found.clustering is not None and (found.preset.clustering is None or found.clusters is not None):
            raise ConfigError(
                f"clusters are named, and the preset '{found.preset.name}' picks within none"
                if found.preset.clustering is None
                else "clusters are named and their number is given: give one of them"
            )
        check_subset_size(found.size)
        check_files([found.preset], found.files, found.weights)
        _ = found.condition
        both = found.pinned & (found.exclude.found if found.exclude is not None else frozenset())
        if both:
            raise ConfigError(
                f"{len(both):,} ids are pinned by --include and vetoed by --exclude, such as '{min(both)}': "
                "name each in one of them"
            )
        return found

    @classmethod
    def asked(cls, size: "SelectionSettings | int | str", options: Mapping[str, Any]) -> "SelectionSettings":
        """Settings as they are, or those of a size and options such as `preset`, `weights` and `seed`.

        Raises:
            ConfigError: If options are given beside settings, or one is wrong.
        """
        if "out" in options:
            raise ConfigError(
                "a run chooses and writes nothing, and out was given: call "
                f"write({options['out']!r}) of the selection"
            )
        if not isinstance(size, SelectionSettings):
            return cls.of(**{"preset": "sound", **options, "size": size})
        if options:
            raise ConfigError(f"settings and '{next(iter(options))}' are given: put it into the settings")
        return size

    @property
    def condition(self) -> Condition | None:
        """The condition of `where`, read."""
        return None if self.where is None else Condition.parse(self.where)

    @property
    def pinned(self) -> frozenset[str]:
        """Ids that are chosen first."""
        return frozenset() if self.include is None else self.include.found

    @property
    def indicators(self) -> tuple[str, ...]:
        """Names of the indicators that count."""
        if self.weights is None:
            return self.preset.reads
        return tuple(name for name, weight in self.weights.items() if weight)

    @property
    def needs_embeddings(self) -> bool:
        """Whether the rows must be embedded, for the preset or for semantic duplicates."""
        semantic = self.dedup is not None and self.dedup.threshold is not None
        return semantic or self.clustering is not None or "embeddings" in self.preset.needs

    @property
    def uses_encoder(self) -> bool:
        """Whether an image-text encoder is needed, for embeddings or for an indicator."""
        images = self.needs_embeddings and self.preset.space in ("image", "both")
        named = () if self.condition is None else self.condition.names
        return images or any(uses_encoder(name) for name in (*self.indicators, *named))


def as_preset(preset: str | Path | Preset) -> Preset:
    """A preset, or the one of a name or a `.toml` file; raises ConfigError for anything else."""
    if not isinstance(preset, str | Path | Preset):
        raise ConfigError(
            f"the preset is {with_article(type(preset).__name__)}, expected a Preset, its name, or a .toml "
            "file"
        )
    return preset if isinstance(preset, Preset) else find_preset(str(preset))


def _name(scorer: str | Scorer) -> str:
    return scorer if isinstance(scorer, str) else scorer_name(scorer)


def mixed(
    preset: Preset,
    group_by: str | Sequence[str] | None = None,
    mixture: Mixture | None = None,
    group_quality: str | None = None,
    space: str | None = None,
) -> Preset:
    """A preset with other groups, mixture, quality in groups or space, from values or texts.

    Raises:
        ConfigError: If one of them cannot be read.
    """
    for name, given, known in (
        ("group quality", group_quality, get_args(GroupQuality)),
        ("space", space, get_args(Space)),
    ):
        if given is not None and given not in known:
            raise ConfigError(
                f"the {name} '{given}' is unknown{did_you_mean(given, known)}: give one of {', '.join(known)}"
            )
    names = (group_by or "").split(",") if isinstance(group_by, str | None) else group_by
    found = preset.mixed(
        tuple(name.strip() for name in names if name.strip()),
        parse_mixture(mixture) if isinstance(mixture, str) else mixture,
        cast("GroupQuality | None", group_quality),
    )
    return found if space is None else replace(found, space=cast("Space", space))


_PURPOSES = {
    "targets": "moves towards target examples: name a dataset or a folder of images with --targets",
    "pairs": "learns from measured subsets: name a file of them with --pairs (docs/learned-quality.md)",
    "selector": "scores with a trained selector: name its checkpoint with --selector (docs/reproduce.md)",
}


def check_files(
    presets: Collection[Preset], files: SelectionFiles, weights: Mapping[str, float] | None = None
) -> None:
    """Make sure, before any row is read, that each preset has its files and no file is named in vain.

    Raises:
        ConfigError: If a file is missing, does not exist, or no preset reads it.
        DataError: If the measured subsets cannot be read.
        ModelError: If the selector cannot be read.
    """
    for preset in presets:
        given_quality = sorted(preset.files - {"targets"})
        if weights is not None and given_quality:
            raise ConfigError(
                f"preset '{preset.name}' has its quality from --{given_quality[0]} and takes no "
                "weights: give one of them"
            )
        for name in sorted(preset.files):
            if getattr(files, name) is None:
                raise ConfigError(f"preset '{preset.name}' {_PURPOSES[name]}")
    for name in sorted(FILES):
        path: Path | None = getattr(files, name)
        if path is None:
            continue
        if not any(name in preset.files for preset in presets):
            asked = ", ".join(f"'{preset.name}'" for preset in presets)
            raise ConfigError(f"--{name} was given, and no preset that was asked for ({asked}) reads it")
        if not path.exists() and not (name == "targets" and any(mark in path.name for mark in "*?[")):
            raise ConfigError(f"--{name} names {path}, and there is nothing: give a path that exists")
    if files.target_images is not None and files.targets is None:
        raise ConfigError("--target-images was given without --targets: name the targets too")
    if files.pairs is not None:
        read_pairs(files.pairs)
    if files.selector is not None:
        read_selector(files.selector)
