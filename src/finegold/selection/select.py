"""Selection = normalise, quality, allocate, pick: the four functions put together."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from finegold.arrays import Floats, Ints
from finegold.dedup import mark_duplicates
from finegold.errors import BudgetError, ConfigError
from finegold.samples import Exclusion
from finegold.selection.assemble import assemble
from finegold.selection.options import check_budget
from finegold.selection.plugins import ALLOCATORS, PICKERS
from finegold.selection.pool import Pool, by_quality
from finegold.selection.preset import Preset
from finegold.selection.row_quality import RowQuality, compute_quality
from finegold.selection.selection import ClusterCount, SelectedRows, SelectionInputs


def select(
    inputs: SelectionInputs,
    preset: Preset,
    size: int,
    *,
    seed: int = 0,
    weights: Mapping[str, float] | None = None,
) -> SelectedRows:
    """Choose rows as a preset says.

    Rows are sorted by id first, so the answer does not depend on their order and ties go to the smaller id.
    Where the picker compares images, rows without one are a part of their own, and the best of them are
    taken.

    Args:
        inputs: What is known about the rows.
        preset: How to choose.
        size: Rows to choose, at least 1.
        seed: Seed of everything random; each part of the pool draws from its own stream.
        weights: Instead of the preset's.

    Raises:
        BudgetError: If fewer rows can be chosen than are asked for.
        ConfigError: If something that the preset needs is not there.
    """
    ids = inputs.ids
    if size < 1:
        raise ConfigError(f"a subset of {size} rows was asked for; at least 1 is needed")
    if len(set(ids)) != len(ids):
        raise ConfigError(f"{len(ids) - len(set(ids))} ids are repeated; selection needs distinct ids")
    order = np.array(sorted(range(len(ids)), key=ids.__getitem__), dtype=np.int64)
    rows = compute_quality(inputs, order, preset, weights)
    check_budget(size, len(rows.usable))
    rows, duplicates = _without_duplicates(inputs, rows, size)
    eligible = _eligible(rows.quality, len(rows.usable), preset.drop, size)
    pool, imageless, notes = assemble(inputs, order, rows, eligible, preset)
    quotas = ALLOCATORS[preset.allocate](pool, size)
    chosen = eligible[_pick(pool, quotas, imageless, preset, seed)]
    if len(eligible) < len(rows.usable):
        left = len(rows.usable) - len(eligible)
        notes = (*notes, f"The {left} rows of lowest quality were not chosen from.")
    notes = (*preset.notes, *rows.notes, *notes)
    excluded = {inputs.ids[i]: Exclusion("no-quality", why) for i, why in sorted(rows.excluded.items())}
    labels, usable = inputs.labels, rows.usable
    return SelectedRows(
        preset,
        rows.weights,
        seed,
        tuple(ids[i] for i in usable),
        rows.quality,
        _rank(rows.quality, chosen, len(usable)),
        () if labels is None else _counts(labels, usable, chosen, quotas, preset),
        excluded | duplicates,
        notes,
    )


def _without_duplicates(
    inputs: SelectionInputs, rows: RowQuality, size: int
) -> tuple[RowQuality, dict[str, Exclusion]]:
    """The rows without those that duplicate a better one; qualities stay what they were."""
    if inputs.dedup is None:
        return rows, {}
    usable = rows.usable
    ids = [inputs.ids[i] for i in usable]
    marked, notes = mark_duplicates(
        inputs.dedup,
        ids,
        rows.quality,
        None if inputs.contents is None else inputs.contents.take(usable),
        None if inputs.embeddings is None else inputs.embeddings[usable],
    )
    left = len(ids) - len(marked)
    if size > left:
        raise BudgetError(
            f"{size} rows were asked for and {left} can be used after {len(marked)} duplicates were "
            f"excluded; ask for at most {left}, or do without --dedup"
        )
    stays = np.array([row not in marked for row in range(len(ids))], dtype=np.bool_)
    kept = replace(
        rows,
        usable=usable[stays],
        quality=None if rows.quality is None else rows.quality[stays],
        indicators=None if rows.indicators is None else rows.indicators[stays],
        notes=(*rows.notes, *notes),
    )
    return kept, {ids[row]: exclusion for row, exclusion in marked.items()}


def _eligible(quality: Floats | None, n: int, drop: float, size: int) -> Ints:
    """Positions among the usable rows that are chosen from, ascending."""
    if quality is None or drop == 0:
        return np.arange(n)
    return np.sort(by_quality(quality)[: max(size, n - int(drop * n))])


def _pick(pool: Pool, quotas: Ints, imageless: set[int], preset: Preset, seed: int) -> Ints:
    """Positions in the pool, part by part."""
    parts = np.split(np.argsort(pool.labels, kind="stable"), np.cumsum(pool.sizes())[:-1])
    picked: list[Ints] = []
    for part, quota in enumerate(quotas):
        if quota == 0:
            continue
        rows = parts[part]
        # One stream a part: how many numbers one part draws changes nothing in another.
        rng = np.random.default_rng([seed, part])
        if part in imageless:
            inner = PICKERS["top"](pool.subset(rows), int(quota), rng)
        else:
            inner = PICKERS[preset.pick](pool.subset(rows), int(quota), rng, **preset.pick_parameters)
        picked.append(rows[inner])
    return np.concatenate(picked)


def _rank(quality: Floats | None, chosen: Ints, n: int) -> Ints:
    """Rank of each of n rows, 0 for those not chosen; ties by position, which is by id."""
    chosen = np.sort(chosen)
    if quality is not None:
        chosen = chosen[by_quality(quality[chosen])]
    rank = np.zeros(n, dtype=np.int64)
    rank[chosen] = np.arange(1, len(chosen) + 1)
    return rank


def _counts(
    labels: Ints, usable: Ints, chosen: Ints, quotas: Ints, preset: Preset
) -> tuple[ClusterCount, ...]:
    clusters = int(labels.max(initial=-1)) + 1
    sizes = np.bincount(labels[usable], minlength=clusters)
    selected = np.bincount(labels[usable[chosen]], minlength=clusters)
    by_cluster = preset.grouping == "clusters"
    return tuple(
        ClusterCount(
            c,
            int(sizes[c]),
            (int(quotas[c]) if c < len(quotas) else 0) if by_cluster else None,
            int(selected[c]),
        )
        for c in range(clusters)
    )
