"""The page of a selection: a function of its manifest, its table, and what the shown rows say."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from finegold.arrays import Floats, Vectors
from finegold.errors import ConfigError
from finegold.report.charts import histogram, histogram_svg, share_bars
from finegold.report.html import render_page
from finegold.report.selection.pool import PALETTE, PoolRows, column, map_points, near_misses
from finegold.report.selection.sections import (
    DuplicateGroups,
    RowContent,
    Section,
    duplicates_section,
    mixture_section,
)
from finegold.report.text import number, percent
from finegold.run import TextColumn
from finegold.scorers import scorer_label
from finegold.selection.manifest import Manifest
from finegold.selection.mixture import counts_of, mixture_tables
from finegold.selection.preset import Preset
from finegold.selection.table import EXCLUDED

FIRST = 60
"""Chosen rows that are shown before the reader asks for more."""
GALLERY = 240
"""Chosen rows that are shown with text and thumbnail, the best first: 200 of them are about 2 MB."""
NEAR_MISSES = 24
MOST_EXCLUDED = 24
"""Excluded rows of each code that are listed."""
NORMALISE = {"none": "", "minmax": "min-max", "zscore": "z-score"}
_LONGEST = 6_000
_LEAD = 420


def render_report(
    manifest: Manifest,
    table: pa.Table,
    read: Callable[[set[int]], Mapping[int, RowContent]],
    embedded: tuple[Sequence[str], Vectors, Floats] | None = None,
    commands: Sequence[str] = (),
    sections: Sequence[Section] = (),
) -> str:
    """The report as one HTML page, with all text of the data escaped; see `report_values`."""
    values = report_values(manifest, table, read, embedded)
    values["sections"] = [*values["sections"], *sections]
    data = values["map"] and values["map"]["data"]
    return render_page("report.html", script="report.js", data=data, commands=commands, **values)


def report_values(
    manifest: Manifest,
    table: pa.Table,
    read: Callable[[set[int]], Mapping[int, RowContent]],
    embedded: tuple[Sequence[str], Vectors, Floats] | None = None,
) -> dict[str, Any]:
    """What the template of the report prints.

    Args:
        manifest: Content of `selection.json`.
        table: The selection's table, columns as in `selection.table.SCHEMA`, then the indicators.
        read: Gives what rows say, by their positions in the dataset.
        embedded: Ids, embeddings and map coordinates of the images; None if the selection used none.

    Raises:
        ConfigError: If the manifest does not fit the table.
    """
    preset = Preset.read(manifest.configuration.preset)
    pool = _usable(table, [scorer.name for scorer in manifest.configuration.scorers])
    excluded = table.filter(pc.equal(table["status"], EXCLUDED))
    rows, positions = PoolRows.of(pool, embedded), pool["row"].to_numpy()
    if rows.labels is not None and rows.labels.max() >= len(manifest.clusters):
        raise ConfigError(
            f"the selection's table has a cluster {rows.labels.max()}, and selection.json describes "
            f"{len(manifest.clusters)} clusters: give the two files of one selection"
        )
    by_rank = rows.by_rank.tolist()
    by_group = {group.group: group.quota for group in manifest.groups if group.quota is not None}
    misses = near_misses(rows, [cluster.quota for cluster in manifest.clusters], NEAR_MISSES, by_group)
    labels = () if rows.labels is None else range(len(manifest.clusters))
    examples = [rows.examples(label).tolist() for label in labels]
    by_code = {
        code: (number, excluded.filter(pc.equal(excluded["code"], code)).slice(0, MOST_EXCLUDED).to_pylist())
        for code, number in counts_of(excluded["code"]).items()
    }
    groups = DuplicateGroups.of(excluded)
    kept = [key for key, _, _ in groups.largest]
    position = dict(zip(kept, positions[TextColumn(rows.ids).find(kept)].tolist(), strict=True))
    position |= {row["sample_id"]: row["row"] for _, removed, _ in groups.largest for row in removed}
    shown = {*by_rank[:GALLERY], *(row for row, _ in misses), *chain(*examples)}
    contents = read(
        {*positions[list(shown)].tolist(), *position.values()}
        | {row["row"] for _, several in by_code.values() for row in several}
    )
    formula = _formula(preset.quality, manifest.configuration.weights)
    columns = _columns(manifest, pool, rows, formula)
    in_order = [np.sort(_as_shown(values[np.isfinite(values)])) for _, _, values, _ in columns]

    def card(row: int, why: str = "") -> dict[str, Any]:
        content = contents[positions[row]]
        return {
            "row": row,
            "id": rows.ids[row],
            "content": content,
            **dict(zip(("lead", "rest", "cut"), _pieces(content.answer), strict=True)),
            "cluster": None if rows.labels is None else int(rows.labels[row]),
            "rank": int(rows.rank[row]),
            "scores": [
                {"label": label, "value": float(values[row]), "standing": _standing(ordered, values[row])}
                for (label, _, values, _), ordered in zip(columns, in_order, strict=True)
            ],
            "why": why,
        }

    pictures = [[(row, rows.ids[row], contents[positions[row]]) for row in several] for several in examples]
    settings = manifest.configuration.dedup_settings()
    chosen = set(TextColumn(rows.ids).take(rows.by_rank))
    mixtures = mixture_tables(table, preset.group_by)
    likes = {key: contents[place] for key, place in position.items()}
    return {
        "manifest": manifest,
        "preset": preset,
        "formula": formula,
        "normalise": NORMALISE.get(preset.normalise, preset.normalise),
        "size": len(by_rank),
        "usable": len(positions),
        "panels": [_panel(*one, rows.selected) for one in columns],
        "clusters": _cluster_lines(manifest, rows, pictures),
        "cards": [card(row) for row in by_rank[:GALLERY]],
        "first": FIRST,
        "misses": [card(row, why) for row, why in misses],
        "excluded": [
            (code, number, [(row, contents[row["row"]]) for row in several])
            for code, (number, several) in sorted(by_code.items(), key=lambda item: (-item[1][0], item[0]))
        ],
        "map": map_points(rows),
        "sections": [
            *([mixture_section(mixtures)] if mixtures else []),
            *([] if settings is None else [duplicates_section(groups, chosen, likes, str(settings))]),
        ],
    }


def _usable(table: pa.Table, indicators: Sequence[str]) -> pa.Table:
    """What the page reads of the rows that could be chosen, sorted by id."""
    names = ["sample_id", "row", "rank", "quality", "cluster", "group", *indicators]
    found = table.select(names).filter(pc.not_equal(table["status"], EXCLUDED))
    order = TextColumn(found["sample_id"]).order()
    columns = {name: found[name].combine_chunks().take(pa.array(order)) for name in names}
    return pa.table(columns)


def _formula(quality: str, weights: Mapping[str, float]) -> str:
    """The quality as a person writes it: `1 × clip + 0.5 × length`, or `support^4 × detail^2`."""
    if quality == "product":
        return " × ".join(name if power == 1 else f"{name}^{power:g}" for name, power in weights.items())
    return " + ".join(f"{weight:g} × {name}" for name, weight in weights.items())


def _columns(
    manifest: Manifest, pool: pa.Table, rows: PoolRows, formula: str
) -> list[tuple[str, str, Floats, list[str]]]:
    """Label, unit, values and remarks of the quality and of each indicator."""
    columns: list[tuple[str, str, Floats, list[str]]] = []
    if rows.quality is not None:
        columns.append(("Quality", formula, rows.quality, []))
    for name in (scorer.name for scorer in manifest.configuration.scorers):
        values = column(pool, name)
        missing = {
            "the scorer failed on them": manifest.counts.excluded.get(f"{name}-failed", 0),
            "it does not apply to them": int(np.isnan(values).sum()),
        }
        remarks = [f"{count:,} have no score: {why}" for why, count in missing.items() if count]
        columns.append((*scorer_label(name), values, remarks))
    return columns


def _as_shown(values: Floats) -> Floats:
    """Values with the digits that the page shows: those that look equal are equal."""
    digits = 2 - np.floor(np.log10(np.abs(values), where=values != 0, out=np.zeros_like(values)))
    scale = 10.0 ** np.clip(digits, -300, 300)
    return np.asarray(np.round(values * scale) / scale, dtype=np.float64)


def _standing(ordered: Floats, value: float) -> str | None:
    """Where a value stands among the sorted ones of the pool, in words; None for NaN, which has no place.

    `highest` and `lowest` however many rows share it; else `top 3%` in the upper half of the pool, and
    `above 20%` in the lower one. A value counts as the page shows it.
    """
    if not np.isfinite(value):
        return None
    (shown,) = _as_shown(np.array([value]))
    if shown >= ordered[-1]:
        return "highest"
    below = int(np.searchsorted(ordered, shown, side="left")) / len(ordered)
    if not below:
        return "lowest"
    return f"top {percent(1 - below)}" if below >= 0.5 else f"above {percent(below)}"


def _panel(
    label: str, unit: str, values: Floats, remarks: list[str], selected: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    """The distribution of a column in the pool and in the selection."""
    known = np.isfinite(values)
    pool, chosen = values[known], values[known & selected]
    if len(pool) == 0:
        return {"label": label, "chart": None, "medians": (None, None), "remarks": remarks}
    counts = histogram(pool, chosen)
    if counts.below + counts.above:
        beyond = f"{counts.below + counts.above:,} beyond the axis are counted in its outermost bars"
        remarks = [*remarks, beyond]
    medians = (float(np.median(pool)), float(np.median(chosen)) if len(chosen) else None)
    words = f"{label}: median {number(medians[0])} in the pool"
    words += "" if medians[1] is None else f", {number(medians[1])} in the selection"
    chart = histogram_svg(counts, medians, axis=unit or label, title=words)
    return {"label": label, "chart": chart, "medians": medians, "remarks": remarks}


def _cluster_lines(
    manifest: Manifest, rows: PoolRows, examples: Sequence[Sequence[tuple[int, str, RowContent]]]
) -> list[dict[str, Any]]:
    """The lines of the table of clusters; `examples` are rows, ids and contents of each."""
    if rows.labels is None:
        return []
    picked = np.bincount(rows.labels[rows.selected], minlength=len(manifest.clusters))
    total, size = max(len(rows.ids), 1), max(int(picked.sum()), 1)
    shares = [
        (cluster.size / total, int(count) / size)
        for cluster, count in zip(manifest.clusters, picked, strict=True)
    ]
    top = max(max(pair) for pair in shares)
    return [
        {
            "number": cluster.cluster + 1,
            "rows": cluster.size,
            "quota": cluster.quota,
            "picked": int(count),
            "shares": pair,
            "bars": share_bars(
                *pair,
                top,
                f"{number(pair[0] * 100)}% of the pool, {number(pair[1] * 100)}% of the selection",
            ),
            "colour": PALETTE[cluster.cluster % len(PALETTE)],
            "examples": shown,
        }
        for cluster, count, pair, shown in zip(manifest.clusters, picked, shares, examples, strict=True)
    ]


def _pieces(answer: str) -> tuple[str, str, int]:
    """The beginning of an answer, the rest up to `_LONGEST` characters, and how many more there are."""
    shown, cut = answer[:_LONGEST], max(len(answer) - _LONGEST, 0)
    if len(shown) <= _LEAD * 1.25:
        return shown, "", cut
    end = shown.rfind(" ", _LEAD // 2, _LEAD)
    end = end if end > 0 else _LEAD
    return shown[:end], shown[end:], cut
