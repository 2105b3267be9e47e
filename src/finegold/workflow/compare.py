"""Hold presets against one another on one run folder."""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finegold.arrays import Floats, Ints
from finegold.errors import ConfigError, DataError, why_unread
from finegold.run import PartTable, TextColumn, fingerprint, write_record
from finegold.selection import compare as figures
from finegold.selection.compare import PresetComparison, PresetFigures
from finegold.selection.groups import skew
from finegold.selection.preset import Preset, find_preset, preset_names
from finegold.selection.table import Candidates, gather
from finegold.statistics import student_t
from finegold.workflow.selection import Selection
from finegold.workflow.settings import SelectionSettings, check_files
from finegold.workflow.tables import SelectionTables, TableFinder, find_encoder, run_encoders

Choose = Callable[[SelectionSettings, SelectionTables], Selection]


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known of the rows, for measuring only.

    Attributes:
        by_id: Label of each row.
        good: Labels that are no defect.
    """

    by_id: Mapping[str, str]
    good: frozenset[str]


def compare_presets(
    finder: TableFinder,
    choose: Choose,
    presets: Sequence[Preset],
    size: str,
    *,
    seeds: int = 5,
    labels: Labels | None = None,
    settings: SelectionSettings | None = None,
) -> PresetComparison:
    """Choose with every preset and measure what it chose.

    What a preset needs and the run folder lacks is computed first; tables that are there are used, so that
    each indicator is one column for all presets. No label is read while choosing. The result is kept in the
    run folder, as `comparisons/<fingerprint>.json`, and shown by the next report.

    Args:
        finder: Finds the run's tables.
        choose: Chooses rows from tables.
        presets: What is compared.
        size: Rows to choose: a number, or a share such as `6%`.
        seeds: Seeds 0 .. seeds - 1, for presets that draw at random.
        labels: Label of each row, for the shares of bad rows.
        settings: Duplicates to exclude before every choice, names of tables, and files that presets need;
            its preset, size, weights and seed do not count.

    Raises:
        ConfigError: If a preset lacks a file, or the run has another encoder than the one that is named.
    """
    base_settings = replace(
        settings or SelectionSettings(find_preset("stratified"), size),
        preset=find_preset("stratified"),
        size=size,
        weights=None,
    )
    names = [preset.name for preset in presets]
    if not names or len(set(names)) < len(names):
        raise ConfigError(
            f"the presets to compare are {', '.join(names) or 'none'}: name at least one, and each name once"
        )
    check_files(presets, base_settings.files)
    _check_encoder(finder)
    # Embeddings and clusters for all, so that coverage is measured for presets that use neither.
    base = finder.find(replace(base_settings, clusters=None, clustering=None), "missing")
    found = {preset.name: finder.find(replace(base_settings, preset=preset), "missing") for preset in presets}
    scores = _columns(list(found.values()))
    measuring = _Measuring(gather(finder.rows.table, {}, base.clusters, base.embeddings), scores, labels)
    compared: list[PresetFigures] = []
    for preset in presets:
        measured: list[dict[str, float]] = []
        first: tuple[str, ...] = ()
        for seed in range(seeds if preset.seeded else 1):
            asked = replace(base_settings, preset=preset, seed=seed)
            begin = time.perf_counter()
            ids = choose(asked, found[preset.name]).ids
            seconds = time.perf_counter() - begin
            first = first or ids
            measured.append(measuring.of(TextColumn(ids)) | {"seconds": seconds})
        measures = {name: None for entry in measured for name in entry}
        compared.append(
            PresetFigures(
                preset.name,
                preset.version,
                len(measured),
                {name: student_t([entry[name] for entry in measured if name in entry]) for name in measures},
                first,
            )
        )
    dedup = base_settings.dedup
    result = PresetComparison(
        finder.rows.fingerprint,
        len(compared[0].chosen),
        tuple(compared),
        tuple(tuple(figures.overlap(one.chosen, other.chosen) for other in compared) for one in compared),
        measuring.pool(),
        "none" if dedup is None else str(dedup),
    )
    name = fingerprint(
        {
            "data": finder.rows.sequence,
            "size": result.size,
            "seeds": seeds,
            "dedup": result.dedup,
            "labels": None if labels is None else [sorted(labels.by_id.items()), sorted(labels.good)],
            "presets": [[preset.name, preset.fingerprint] for preset in presets],
            "tables": sorted({table.folder.name for one in found.values() for table in one.scores.values()}),
            "chosen": [list(entry.chosen) for entry in compared],
        }
    )
    write_record(finder.run.path / "comparisons" / f"{name}.json", result, figures.SCHEMA)
    return result


def _columns(found: Sequence[SelectionTables]) -> dict[str, PartTable]:
    """The indicators of all presets; one that presets read differently is a column for each of its tables."""
    tables = {table.folder.name: (name, table) for one in found for name, table in sorted(one.scores.items())}
    counts = Counter(name for name, _ in tables.values())
    return {name if counts[name] == 1 else key: table for key, (name, table) in tables.items()}


def _check_encoder(finder: TableFinder) -> None:
    """Refuse another encoder than the run's: later verbs could no longer tell which one is meant."""
    named, there = find_encoder(finder.run, finder.encoder, "missing"), run_encoders(finder.run)
    if there and named not in there:
        raise ConfigError(
            f"{finder.run.path} is embedded with '{', '.join(there)}' and --encoder names '{named}': "
            "compare in a run folder of that encoder"
        )


def names_from_text(text: str) -> list[str]:
    """Preset names from `a,b,c`; `all` gives every preset that needs nothing but the data."""
    if text == "all":
        return [name for name in preset_names() if _needs_no_file(name)]
    return [name.strip() for name in text.split(",") if name.strip()]


def _needs_no_file(name: str) -> bool:
    try:
        return not find_preset(name).files
    except ConfigError:  # another package's preset that cannot be loaded
        return False


class _Measuring:
    """Figures of chosen rows, over every usable row of the pool."""

    def __init__(
        self, everything: Candidates, scores: Mapping[str, PartTable], labels: Labels | None
    ) -> None:
        self._everything = everything
        self._indicators = {name: self._column(table) for name, table in scores.items()}
        self._labels = labels
        if labels is None:
            self._names = TextColumn(everything.samples["kind"]).array.take(pa.array(everything.rows))
        else:
            self._labelled = TextColumn(labels.by_id)
            self._label = pa.array(labels.by_id.values(), pa.large_string())
            known = self._labels_of(everything.ids)
            good = pc.is_in(known, value_set=pa.array(labels.good, pa.large_string()))
            self._names = pc.if_else(good, known, None)
        self._pool = self._counted(self._names)

    def _column(self, table: PartTable) -> Floats:
        """An indicator's values in the order of the pool; NaN where there is none."""
        read = table.read(["sample_id", "value"])
        place = self._everything.ids.find(TextColumn(read["sample_id"]))
        column = np.full(len(self._everything.ids), np.nan)
        column[place[place >= 0]] = read["value"].to_numpy()[place >= 0]
        return column

    def _labels_of(self, ids: TextColumn) -> pa.Array:
        """The label of each row; null where it has none."""
        place = self._labelled.find(ids)
        return self._label.take(pa.array(place, mask=place < 0))

    def of(self, ids: TextColumn) -> dict[str, float]:
        """Figures of some rows; without those that none of the rows has."""
        # A row whose image could not be embedded may be chosen, and is not among those that are measured.
        everything = self._everything
        chosen = everything.ids.find(ids)
        chosen = chosen[chosen >= 0]
        found = self._means(chosen)
        if everything.labels is not None:
            found["cluster coverage"] = figures.cluster_coverage(everything.labels, chosen)
        if everything.embeddings is not None:
            found["distance"] = figures.embedding_distance(everything.embeddings, chosen)
            found["near duplicates"] = figures.near_duplicates(everything.embeddings, chosen)
        return _finite(found) | self._skew(chosen) | self._shares(ids)

    def pool(self) -> dict[str, float]:
        """The figures of the whole pool that make sense for it."""
        ids = self._everything.ids
        return _finite(self._means(np.arange(len(ids)))) | self._shares(ids)

    def _means(self, chosen: Ints) -> dict[str, float]:
        means = figures.indicator_means(self._indicators, chosen)
        return {f"mean {name}": value for name, value in means.items()}

    def _counted(self, names: pa.Array) -> Counter[str]:
        """How often each name comes, in the order of the rows; rows without a good label do not count."""
        found = names if self._labels is None else names.drop_null()
        return Counter({one["values"]: one["counts"] for one in found.value_counts().to_pylist()})

    def _skew(self, chosen: Ints) -> dict[str, float]:
        """Skew of the good rows' labels, or of the kinds where nothing is labelled; none of a single one."""
        if len(self._pool) < 2:
            return {}
        return {"skew": skew(self._pool, self._counted(self._names.take(pa.array(chosen))))}

    def _shares(self, ids: TextColumn) -> dict[str, float]:
        if self._labels is None:
            return {}
        shares = figures.shares(self._label.unique().to_pylist(), self._labels_of(ids))
        bad = sum(share for name, share in shares.items() if name not in self._labels.good)
        return {"bad": bad} | {f"is {name}": share for name, share in shares.items()}


def _finite(found: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in found.items() if np.isfinite(value)}


def read_labels(path: Path, good: Sequence[str]) -> Labels:
    """Read a JSON object of id to label, for measuring.

    Raises:
        DataError: If the file is no such object.
        ConfigError: If a good label does not occur in it.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read ({why_unread(error)}): give --labels a JSON object of id to label"
        ) from None
    if not isinstance(content, dict) or not all(isinstance(label, str) for label in content.values()):
        raise DataError(f"{path} is no JSON object of id to label: give --labels one")
    counts = Counter(content.values())
    unknown = sorted(set(good) - set(counts))
    if unknown or not good:
        raise ConfigError(
            f"--good names {', '.join(unknown) or 'no label'}, and the labels are {', '.join(sorted(counts))}"
        )
    return Labels(content, frozenset(good))
