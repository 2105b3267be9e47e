"""One selection from the tables of a run: what is chosen from, the choice, and its description."""

from dataclasses import replace

import pyarrow.compute as pc

from finegold.selection.groups import JOINED, NESTED
from finegold.selection.options import parse_size
from finegold.selection.preset import Preset
from finegold.selection.select import select
from finegold.selection.selection import SelectionInputs
from finegold.selection.table import gather, selection_table
from finegold.workflow.filters import filtered_rows, keep_ids
from finegold.workflow.overlap import FoundOverlap, OverlapFinder
from finegold.workflow.quality import given_quality
from finegold.workflow.rows import Rows
from finegold.workflow.selection import Selection, build_manifest
from finegold.workflow.settings import SelectionSettings
from finegold.workflow.tables import SelectionTables


def mixed_as_data(preset: Preset, rows: Rows) -> Preset:
    """The preset, mixed by the weights of the data's sources unless it states a mixture."""
    weights = rows.dataset.weights
    if weights is None or preset.mixture not in (None, NESTED):
        return preset
    read = rows.table.read(["source", "status"])
    there = set(read.filter(pc.field("status") == "ok")["source"].unique().to_pylist())
    groups = preset.group_by if "source" in preset.group_by else ("source", *preset.group_by)
    at = groups.index("source")
    before, behind = f"*{JOINED}" * at, f"{JOINED}*" * (len(groups) > at + 1)
    return preset.mixed(
        groups, {f"{before}{name}{behind}": weight for name, weight in weights.items() if name in there}
    )


def choose(
    rows: Rows, settings: SelectionSettings, tables: SelectionTables, overlaps: OverlapFinder
) -> Selection:
    """Choose rows by the tables that were found, and describe the choice.

    The run folder keeps the files that the choice depends on, such as lists of ids.

    Raises:
        BudgetError: If fewer rows can be chosen than are asked for.
        ConfigError: If a condition, a list of ids or a mixture names what is not there.
        DataError: If every row is in a benchmark.
    """
    run, preset = rows.folder, settings.preset
    with run.step("select", preset=preset.name, size=settings.size, seed=settings.seed):
        groups = rows.groups(preset.group_by)
        everything = gather(
            rows.table, tables.scores, tables.clusters, tables.embeddings, groups, tables.filters
        )
        images, encoder = tables.images, tables.encoder
        if settings.without and settings.overlap_encoder is not None:
            images, encoder = rows.embed(settings.overlap_encoder), settings.overlap_encoder
        overlap = overlaps.find(rows, settings.without, images, encoder)
        shared = (overlap or FoundOverlap.none()).among(everything.ids)
        left = everything.without(shared, everything.indicators)
        filtered, notes = filtered_rows(settings, rows, left)
        candidates = left.without(filtered, tables.scores)
        quality = given_quality(run, preset, candidates, settings.files)
        graph, targets = tables.graph, tables.targets
        inputs = SelectionInputs(
            candidates.ids,
            candidates.indicators,
            labels=candidates.labels,
            embeddings=candidates.embeddings,
            graph=None if graph is None else graph.graph,
            graph_ids=None if graph is None else graph.ids,
            targets=None if targets is None else targets.vectors,
            dedup=settings.dedup,
            contents=tables.contents(rows, candidates.ids),
            groups=None if groups is None else candidates.groups,
            group_names=() if groups is None else groups.unique(),
            questions=None if settings.dedup is None else rows.questions(candidates.ids),
            pinned=settings.pinned,
        )
        if quality is not None:
            inputs = replace(inputs, quality=quality.values, quality_name=quality.name)
        size = parse_size(settings.size, len(candidates.ids))
        selected = select(inputs, preset, size, seed=settings.seed, weights=settings.weights)
        selected = replace(selected, notes=(*notes, *selected.notes))
        excluded = [shared.at(everything.rows), filtered.at(left.rows)]
        table = selection_table(everything, candidates, selected, excluded)
        keep_ids(run, settings)
        manifest = build_manifest(rows, settings, tables, selected, table, quality, overlap)
    return Selection(run, rows.dataset, manifest, table)
