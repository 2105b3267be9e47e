"""Why a row is in a selection or not, in words."""

from typing import Any

from finegold.errors import DataError
from finegold.report.text import number
from finegold.samples.exclusions import find_code
from finegold.selection.manifest import Manifest
from finegold.selection.table import EXCLUDED, SELECTED
from finegold.view.database import RowDatabase

NAMED = ("row", "sample_id", "status", "code", "rank", "n_images")
"""Columns by which the page names a row beside another one."""


def ordinal(place: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st, ..."""
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place:,}{ending}"


def explain_row(pool: RowDatabase, selection: str, row: dict[str, Any]) -> str:
    """Why a row is in a selection or not, as sentences.

    Args:
        pool: The rows.
        selection: Name of the selection; empty for none.
        row: The row's columns by name.
    """
    manifest = pool.manifest(selection)
    if row["status"] == EXCLUDED:
        reason = str(row["reason"] or "no reason is known").rstrip(".")
        try:
            remedy = find_code(row["code"]).remedy
        except DataError:  # a code of a plug-in
            remedy = ""
        return f"Excluded as {row['code']}: {reason}. {remedy}".rstrip()
    if manifest is None:
        return "It can be used. There is no selection yet."
    inside = row["status"] == SELECTED
    include = manifest.configuration.include
    if inside and include is not None and row["sample_id"] in include.ids:
        return "Chosen first, whatever its quality: it is in the list of ids of --include."
    return ("Chosen: " if inside else "Not chosen: ") + _place(pool, selection, manifest, row)


def _place(pool: RowDatabase, selection: str, manifest: Manifest, row: dict[str, Any]) -> str:
    """The row's place among those that it was compared with."""
    where, values, place, quota = "true", [], "the pool", manifest.size
    groups = {one.group: one.quota for one in manifest.groups}
    clusters = {one.cluster: one.quota for one in manifest.clusters}
    if groups.get(row["group"]) is not None:
        where, values, place = '"group" = ?', [row["group"]], f"group {row['group']}"
        quota = groups[row["group"]] or 0
    elif clusters.get(row["cluster"]) is not None:
        where, values, place = "cluster = ?", [row["cluster"]], f"cluster {row['cluster'] + 1}"
        quota = clusters[row["cluster"]] or 0
    [(members, taken, above, same, lowest)] = pool.query(
        "SELECT count(*), count(rank), count(*) FILTER (quality > ?), count(*) FILTER (quality = ?), "
        f"min(quality) FILTER (rank IS NOT NULL) FROM {pool.view(selection)} "
        f"WHERE status <> '{EXCLUDED}' AND {where}",
        [row["quality"], row["quality"], *values],
    )
    given = "" if quota == taken else f", and which gave {taken:,}"
    room = f"{place}, whose quota is {quota:,}{given}"
    if row["quality"] is None:
        name = manifest.configuration.preset["name"]
        return f"it is one of {members:,} usable rows in {room}; the preset '{name}' ranks by no quality."
    tied = f", level with {same - 1:,} more" if same > 1 else ""
    sentence = f"quality {number(row['quality'])}, {ordinal(above + 1)}{tied} of {members:,} in {room}."
    if row["status"] == SELECTED or lowest is None:
        return sentence
    if row["quality"] > lowest:
        return (
            f"{sentence} The lowest quality taken there is {number(lowest)}, which is less: the preset looks "
            "at more than quality and passed this row over."
        )
    return f"{sentence} The lowest quality taken there is {number(lowest)}."


def twins(pool: RowDatabase, selection: str, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows that repeat a row or that it repeats, and rows of the same first image, with how."""
    found = pool.query(
        f"SELECT {', '.join(NAMED)}, CASE WHEN sample_id = ? THEN 'this row repeats it' "
        "WHEN duplicate_of = ? THEN 'it repeats this row' "
        "WHEN duplicate_of = ? THEN 'it repeats the same row' ELSE 'same image' END "
        f"FROM {pool.view(selection)} WHERE row <> ? AND (sample_id = ? OR duplicate_of = ? "
        "OR duplicate_of = ? OR (images[1] = ? AND n_images > 0)) ORDER BY row LIMIT 24",
        [
            *(row["duplicate_of"], row["sample_id"], row["duplicate_of"], row["row"]),
            *(row["duplicate_of"], row["sample_id"], row["duplicate_of"], (row["images"] or [None])[0]),
        ],
    )
    return [dict(zip((*NAMED, "how"), one, strict=True)) for one in found]
