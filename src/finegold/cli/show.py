"""What the verbs print when they are done: a few lines, the same in a terminal and in a log file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finegold.clustering.table import ClusterTable
    from finegold.run import PartTable
    from finegold.samples import WrittenSubset
    from finegold.workflow import Selection

SHOWN_CODES = 12
"""Reasons for exclusion that are listed one by one."""


def show_selection(selection: "Selection", subset: "WrittenSubset", out: Path) -> None:
    """Say what was picked, what was not, and where everything lies."""
    from finegold.selection.manifest import MANIFEST
    from finegold.workflow.output import REPORT

    manifest = selection.manifest
    counts = manifest.counts
    excluded = sum(counts.excluded.values())
    print(
        f"Picked {counts.selected:,} of {counts.rows_in:,} rows with preset "
        f"{manifest.configuration.preset['name']} (seed {manifest.seed}); "
        f"{counts.not_selected:,} not picked, {excluded:,} excluded."
    )
    for code, number in sorted(counts.excluded.items(), key=lambda item: (-item[1], item[0]))[:SHOWN_CODES]:
        print(f"  excluded: {number:>6,}  {code}")
    if len(counts.excluded) > SHOWN_CODES:
        print(f"  excluded for {len(counts.excluded) - SHOWN_CODES} other reasons: see the report")
    if manifest.clusters:
        print("  from clusters: " + ", ".join(f"{c.selected} of {c.size:,}" for c in manifest.clusters))
    if manifest.configuration.weights:
        print(
            "  weights: "
            + ", ".join(f"{name}={value:g}" for name, value in manifest.configuration.weights.items())
        )
    for note in manifest.notes:
        print(f"  note: {note}")
    print(f"Subset      {shown(subset.data)}  ({subset.rows:,} rows, {subset.files:,} image files)")
    print(f"Selection   {shown(out / MANIFEST)}")
    print(f"Report      {shown(out / REPORT)}")
    print(f"Run folder  {shown(selection.run.path)}")


def show_scores(name: str, table: "PartTable", notes: Sequence[str] = ()) -> None:
    """How many rows got a number, how many did not and why, the range, and what the scorer says."""
    from collections import Counter

    rows = table.read()
    statuses = Counter(rows["status"].to_pylist())
    values = sorted(value for value in rows["value"].to_pylist() if value is not None)
    print(
        ", ".join(f"{statuses[status]:,} {status}" for status in ("ok", "skipped", "failed")) + f" by {name}"
    )
    if values:
        middle = values[len(values) // 2]
        print(f"  from {values[0]:.4g} to {values[-1]:.4g}, median {middle:.4g}")
    failures = Counter(
        reason
        for status, reason in zip(rows["status"].to_pylist(), rows["reason"].to_pylist(), strict=True)
        if status == "failed"
    )
    for reason, number in failures.most_common(SHOWN_CODES):
        print(f"  failed: {number:>6,}  {reason}")
    for note in notes:
        print(f"  {note}")


def show_plan_lines(lines: list[tuple[str, str]]) -> None:
    """A plan, a line each."""
    for name, value in lines:
        print(f"{name:<24} {value}")


def show_clusters(clusters: "ClusterTable") -> None:
    """Sizes of the clusters and what was noticed."""
    sizes = clusters.summary.sizes
    print(f"{sum(sizes):,} rows in {len(sizes)} clusters: {', '.join(f'{size:,}' for size in sizes)}")
    if clusters.summary.components is not None:
        print(f"  the neighbour graph has {clusters.summary.components} connected parts")
    if clusters.summary.note:
        print(f"  note: {clusters.summary.note}")
    print(f"Name  {clusters.table.folder.name}")


def shown(path: Path) -> str:
    """A path as a person would type it from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def printable(text: str) -> str:
    """Untrusted text as it may go to a terminal: without control characters and half characters."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
