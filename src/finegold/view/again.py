"""Choosing again with the rows that were vetoed and kept, and what differs between two selections."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from finegold.errors import ConfigError
from finegold.run import RunFolder
from finegold.selection.id_list import IdList
from finegold.selection.manifest import IdListInfo, Manifest
from finegold.selection.preset import Preset
from finegold.selection.table import SELECTED
from finegold.view.columns import quoted
from finegold.view.database import RowDatabase
from finegold.view.marks import MARKS, Marks
from finegold.workflow import Run, SelectionFiles, SelectionSettings


def choose_again(run: Run, manifest: Manifest, marks: Marks) -> str:
    """Choose as a selection did, with the marks as pinned and excluded ids; returns the new one's name.

    The ids that the selection itself pinned or excluded stay so, unless a mark says otherwise.

    Raises:
        ConfigError: If the selection's tables are gone, or no row is left.
        RunError: If another process writes to the run folder.
    """
    settings = settings_of(run.folder, manifest, marks.ids("keep"), marks.ids("veto"))
    encoder = manifest.configuration.encoder_name
    return Run(run.folder, run.dataset, encoder, run.compute).select(settings).manifest.folder


def settings_of(
    run: RunFolder, manifest: Manifest, keep: Sequence[str], veto: Sequence[str]
) -> SelectionSettings:
    """The settings that a selection was made with, with further rows to keep and to veto."""
    made, selector = manifest.configuration, manifest.configuration.selector or {}
    preset = Preset.read(made.preset)
    targets = target_images = None
    if made.targets:
        data = RunFolder.open(run.path / "targets" / made.targets["folder"]).manifest["data"]
        targets, target_images = Path(data["path"]), data["images"] and Path(data["images"])
    copies = {
        option: run.path / "selectors" / f"{selector['sha256'][:12]}.{ending}"
        for option, key, ending in (("pairs", "pairs", "jsonl"), ("selector", "checkpoint", "pth"))
        if key in selector or option in selector
    }
    return SelectionSettings.of(
        preset,
        manifest.size,
        dict(made.weights) if preset.weights else None,
        seed=manifest.seed,
        clustering=made.clustering["table"] if made.clustering and preset.clustering is not None else None,
        scores=tuple(scorer.table for scorer in made.scorers if scorer.table),
        dedup=made.dedup_settings(),
        files=SelectionFiles(targets, target_images, **copies),
        where=made.where,
        without=tuple(bench.where for bench in made.without),
        include=_ids(run, made.include, keep, veto),
        exclude=_ids(run, made.exclude, veto, keep),
        **({"text_encoder": made.text_encoder_name} if made.text_encoder_name else {}),
    )


def _ids(
    run: RunFolder, before: IdListInfo | None, more: Sequence[str], less: Sequence[str]
) -> IdList | None:
    """The ids of a list with those of the marks; None if there are none."""
    known: tuple[str, ...] = ()
    if before is not None:
        kept = run.path / "selectors" / f"{before.sha256[:12]}.jsonl"
        known = tuple(before.ids) or IdList.of(kept, "the kept list").ids
    found = (set(known) | set(more)) - set(less)
    name = before.name if before is not None and not more else MARKS
    return IdList(tuple(sorted(found)), name) if found else None


GROUPINGS = ("kind", "source", "cluster", "group")


def difference(pool: RowDatabase, one: str, other: str) -> dict[str, Any]:
    """What two selections have in common and what not, and how their mixture and their indicators differ.

    Raises:
        ConfigError: If one of them is no selection.
    """
    if not one or not other:
        raise ConfigError("two selections are compared: choose both from the list")
    rows = f"{pool.view(one)} a JOIN {pool.view(other)} b USING (row)"
    mine, theirs = f"a.status = '{SELECTED}'", f"b.status = '{SELECTED}'"
    [(both, here, there)] = pool.query(
        f"SELECT count(*) FILTER ({mine} AND {theirs}), count(*) FILTER ({mine} AND NOT {theirs}), "
        f"count(*) FILTER ({theirs} AND NOT {mine}) FROM {rows}"
    )
    known = {column.name: column for column in pool.columns(one)}
    mixture, coverage = {}, {}
    for name in GROUPINGS:
        if name not in known:
            continue
        found = pool.query(
            f"SELECT coalesce(a.{quoted(name)}::VARCHAR, '(none)'), count(*), count(*) FILTER ({mine}), "
            f"count(*) FILTER ({theirs}) FROM {rows} GROUP BY 1 ORDER BY 2 DESC, 1"
        )
        if len(found) > 1:
            mixture[name] = [list(line) for line in found[:40]]
            coverage[name] = [
                len(found),
                sum(line[2] > 0 for line in found),
                sum(line[3] > 0 for line in found),
            ]
    indicators = []
    for column in known.values():
        if column.indicator and column.name != "quality":  # each selection has a quality of its own
            value = f"a.{quoted(column.name)}"
            [means] = pool.query(
                f"SELECT avg({value}), avg({value}) FILTER ({mine}), avg({value}) FILTER ({theirs}) "
                f"FROM {rows}"
            )
            indicators.append([column.label, *means])
    return {
        "both": both,
        "only_one": here,
        "only_other": there,
        "mixture": mixture,
        "coverage": coverage,
        "indicators": indicators,
    }
