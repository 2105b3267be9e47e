"""Selection = normalise, quality, allocate, pick: the four functions put together."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from finegold.arrays import Floats, Ints
from finegold.dedup import as_labels, mark_duplicates
from finegold.errors import BudgetError, ConfigError
from finegold.run import TextColumn
from finegold.samples.excluded import ExcludedRows
from finegold.selection.assemble import assemble
from finegold.selection.groups import Groups, comparable_quality, group_quotas
from finegold.selection.options import check_budget
from finegold.selection.pins import quotas_with_pins
from finegold.selection.plugins import ALLOCATORS, PICKERS
from finegold.selection.pool import Pool, by_quality
from finegold.selection.preset import Preset
from finegold.selection.row_quality import RowQuality, compute_quality
from finegold.selection.selection import ClusterCount, GroupCount, SelectedRows, SelectionInputs

OWN_WEIGHTS = "weights are finegold's own"
"""What a preset's note says of its weights; it does not hold of weights that the user gives."""


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
    taken. With groups, each group is chosen from by itself, up to its quota: clusters, `drop` and the picker
    then see the rows of one group.

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
    ids = TextColumn(inputs.ids)
    inputs = replace(inputs, ids=ids)
    if size < 1:
        raise ConfigError(f"a subset of {size} rows was asked for; at least 1 is needed")
    if twice := ids.repeated():
        raise ConfigError(f"{twice} ids are repeated; selection needs distinct ids")
    order = ids.order()
    rows = compute_quality(inputs, order, preset, weights)
    check_budget(size, len(rows.usable))
    rows = _comparable(inputs, rows, preset)
    rows, duplicates = _without_duplicates(inputs, rows, size)
    groups = _groups(inputs, rows.usable, preset)
    pinned = np.flatnonzero(ids.isin(inputs.pinned)[rows.usable])
    if len(pinned) > size:
        raise BudgetError(
            f"{len(pinned)} rows are pinned and the size is {size}: pin fewer rows, or ask for more"
        )
    allowed, few = _above_floor(rows.quality, len(rows.usable), preset.floor, size)
    allowed = np.union1d(allowed, pinned) if len(pinned) else allowed
    parts, mixed = _parts(groups, rows.quality, allowed, preset, size, pinned)
    left_in = [_eligible(rows.quality, part, preset.drop) for part in parts]
    # One part is ascending already, and to sort tens of millions of rows takes seconds.
    one = len(left_in) == 1 and not len(pinned)
    eligible = left_in[0] if one else np.unique(np.concatenate([pinned, *left_in]))
    pool, imageless, notes = assemble(inputs, order, rows, eligible, preset)
    if groups is not None:
        pool = replace(pool, groups=groups.take(eligible).labels)
    if len(pinned):
        pool = replace(pool, pinned=tuple(np.flatnonzero(np.isin(eligible, pinned)).tolist()))
    picked, quotas, sampled = _choose(pool, imageless, eligible, parts, preset, seed)
    chosen = eligible[picked]
    notes = (*few, *mixed, *notes, *_sampled_note(sampled, preset, seed))
    if left := len(rows.usable) - len(eligible):
        lowest = "row of lowest quality was" if left == 1 else f"{left:,} rows of lowest quality were"
        notes = (*notes, f"The {lowest} not chosen from.")
    stated = preset.notes if weights is None else [one for one in preset.notes if OWN_WEIGHTS not in one]
    notes = (*stated, *rows.notes, *notes, *_poor(rows.quality, chosen))
    labels, usable = inputs.labels, rows.usable
    return SelectedRows(
        preset,
        rows.weights,
        seed,
        ids.take(usable),
        usable,
        rows.quality,
        _rank(rows.quality, chosen, len(usable)),
        () if labels is None else _counts(labels, usable, chosen, quotas, preset),
        (rows.excluded, duplicates),
        ids,
        notes,
        () if groups is None else _group_counts(groups, chosen, parts),
    )


def _poor(quality: Floats | None, chosen: Ints) -> tuple[str, ...]:
    """A note on chosen rows whose quality is 0, if 0 is the lowest there is."""
    if quality is None or quality.min() != 0:
        return ()
    good = int((quality[chosen] > 0).sum())
    if good == len(chosen):
        return ()
    return (
        f"{good:,} of the {len(chosen):,} chosen rows have a quality above 0, as have "
        f"{int((quality > 0).sum()):,} rows of the pool; the others have 0, the lowest.",
    )


def _without_duplicates(
    inputs: SelectionInputs, rows: RowQuality, size: int
) -> tuple[RowQuality, ExcludedRows]:
    """The rows without those that duplicate a better one; qualities stay what they were."""
    if inputs.dedup is None:
        return rows, ExcludedRows.from_exclusions({})
    usable = rows.usable
    ids = TextColumn(inputs.ids).take(usable)
    quality, pinned = rows.quality, ids.isin(inputs.pinned)
    if pinned.any():  # the best row of each group stays
        known = np.zeros(len(ids)) if quality is None else quality
        quality = np.where(pinned, np.inf, known)
    marked, notes = mark_duplicates(
        inputs.dedup,
        ids,
        quality,
        None if inputs.contents is None else inputs.contents.take(usable),
        None if inputs.embeddings is None else inputs.embeddings[usable],
        None if inputs.questions is None else as_labels(inputs.questions)[usable],
    )
    marked = marked.only(~pinned[marked.rows])
    left = len(ids) - len(marked)
    if size > left:
        raise BudgetError(
            f"{size} rows were asked for and {left} can be used after {len(marked)} duplicates were "
            f"excluded; ask for at most {left}, or do without --dedup"
        )
    stays = np.ones(len(ids), np.bool_)
    stays[marked.rows] = False
    kept = replace(
        rows,
        usable=usable[stays],
        quality=None if rows.quality is None else rows.quality[stays],
        indicators=None if rows.indicators is None else rows.indicators[stays],
        notes=(*rows.notes, *notes),
    )
    return kept, marked.at(usable)


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows that are chosen from by themselves: a group, or the whole pool.

    Attributes:
        name: Name of the group; None for the whole pool.
        rows: Positions among the usable rows, ascending.
        quota: Rows to choose from them.
    """

    name: str | None
    rows: Ints
    quota: int

    def stream(self, seed: int, part: int) -> list[int]:
        """Seed of the draws in one part of it: other groups and parts change nothing."""
        if self.name is None:
            return [seed, part]
        return [seed, part, int(hashlib.sha256(self.name.encode()).hexdigest()[:15], 16)]


def _groups(inputs: SelectionInputs, usable: Ints, preset: Preset) -> Groups | None:
    if not preset.group_by:
        return None
    if inputs.groups is None:
        raise ConfigError(
            f"preset '{preset.name}' groups rows by {', '.join(preset.group_by)}, and the rows have no groups"
        )
    groups = TextColumn(inputs.groups)
    return Groups.of(groups.take(usable), {*groups.unique(), *inputs.group_names})


def _comparable(inputs: SelectionInputs, rows: RowQuality, preset: Preset) -> RowQuality:
    """The rows with a quality that can be compared from group to group, if the preset wants that."""
    groups = _groups(inputs, rows.usable, preset)
    if groups is None or rows.quality is None or preset.group_quality == "none":
        return rows
    said = {"rank": "its rank in", "calibrated": "calibrated to the same distribution in"}[
        preset.group_quality
    ]
    note = f"The quality of a row is {said} its group ({', '.join(preset.group_by)})."
    quality = comparable_quality(rows.quality, groups, preset.group_quality)
    return replace(rows, quality=quality, notes=(*rows.notes, note))


def _above_floor(
    quality: Floats | None, n: int, floor: float | None, size: int
) -> tuple[Ints, tuple[str, ...]]:
    """Positions of the rows above the floor, ascending, with the best of the others if they are too few."""
    if quality is None or floor is None:
        return np.arange(n), ()
    above = np.flatnonzero(quality > floor)
    if len(above) >= size:
        return above, ()
    have = "1 row has" if len(above) == 1 else f"{len(above):,} rows have"
    others = size - len(above)
    are = "one is" if others == 1 else f"{others:,} are"
    wanted = f"a quality above {floor:g}, which the preset wants"
    note = f"Only {have} {wanted}: the other {are} the best of the rest."
    return np.sort(by_quality(quality)[:size]), (note,)


def _parts(
    groups: Groups | None, quality: Floats | None, allowed: Ints, preset: Preset, size: int, pinned: Ints
) -> tuple[list[_Part], tuple[str, ...]]:
    """The groups of the allowed rows with their quotas and notes on them, or all of these rows."""
    if groups is None or preset.mixture == "none":
        return [_Part(None, allowed, size)], ()
    quotas, notes = group_quotas(preset.mixture or "proportional", groups, size, quality, allowed)
    quotas = quotas_with_pins(quotas, groups.take(pinned).sizes())
    labels = groups.labels[allowed]
    by_group = allowed[np.argsort(labels, kind="stable")]
    ends = np.cumsum(np.bincount(labels, minlength=len(groups.names)))
    parts = [
        _Part(name, rows, int(quota))
        for name, rows, quota in zip(groups.names, np.split(by_group, ends[:-1]), quotas, strict=True)
    ]
    return [part for part in parts if part.quota], notes


def _eligible(quality: Floats | None, part: _Part, drop: float) -> Ints:
    """Positions among the usable rows that are chosen from, ascending."""
    if quality is None or drop == 0:
        return part.rows
    n = len(part.rows)
    return part.rows[np.sort(by_quality(quality[part.rows])[: max(part.quota, n - int(drop * n))])]


def _choose(
    pool: Pool, imageless: set[int], eligible: Ints, parts: list[_Part], preset: Preset, seed: int
) -> tuple[Ints, Ints, list[tuple[int, int]]]:
    """Positions in the pool that are chosen, the quota of each cluster over all groups, and the samples."""
    chosen: list[Ints] = []
    sampled: list[tuple[int, int]] = []
    total = np.zeros(len(pool.sizes()), dtype=np.int64)
    for part in parts:
        whole = part.name is None
        rows = np.arange(len(eligible)) if whole else _places(eligible, part.rows)
        inner = pool.subset(rows)
        quotas = ALLOCATORS[preset.allocate](inner, part.quota)
        if inner.pinned:
            pinned = inner.labels[list(inner.pinned)]
            quotas = quotas_with_pins(quotas, np.bincount(pinned, minlength=len(quotas)))
        picked, seen = _pick(inner, quotas, imageless, preset, part, seed)
        chosen.append(rows[picked])
        sampled += seen
        total[: len(quotas)] += quotas
    return np.concatenate(chosen), total, sampled


def _places(eligible: Ints, rows: Ints) -> Ints:
    """Where the rows, those of them that are there, stand in `eligible`; both ascending."""
    places: Ints = np.searchsorted(eligible, rows)
    places = places[places < len(eligible)]
    there: Ints = places[eligible[places] == rows[: len(places)]]
    return there


def _pick(
    pool: Pool, quotas: Ints, imageless: set[int], preset: Preset, group: _Part, seed: int
) -> tuple[Ints, list[tuple[int, int]]]:
    """Positions in the pool, part by part: the pinned rows, and what the picker chooses of the others.

    With them, of each part that the picker saw a sample of: the rows that it saw, and those of the part.
    """
    parts = np.split(np.argsort(pool.labels, kind="stable"), np.cumsum(pool.sizes())[:-1])
    picked: list[Ints] = []
    sampled: list[tuple[int, int]] = []
    for part, quota in enumerate(quotas):
        if quota == 0:
            continue
        rows = parts[part]
        fixed = rows[np.isin(rows, pool.pinned)] if pool.pinned else rows[:0]
        picked.append(fixed)
        if (left := int(quota) - len(fixed)) == 0:
            continue
        picker = PICKERS["top" if part in imageless else preset.pick]
        if len(fixed) and not picker.sees_pinned:
            rows = rows[~np.isin(rows, pool.pinned)]
        # One stream a part: how many numbers one part draws changes nothing in another.
        rng = np.random.default_rng(group.stream(seed, part))
        if picker.most is not None and len(rows) * left > picker.most:
            whole, size = len(rows), max(picker.most // left, 2 * left, len(fixed) + left)
            if size < whole:
                drawn = np.random.default_rng([*group.stream(seed, part), size]).choice(whole, size, False)
                rows = np.union1d(rows[drawn], fixed if picker.sees_pinned else rows[:0])
                sampled.append((len(rows), whole))
        parameters = {} if part in imageless else preset.pick_parameters
        picked.append(rows[picker(pool.subset(rows), left, rng, **parameters)])
    return np.concatenate(picked), sampled


def _sampled_note(sampled: list[tuple[int, int]], preset: Preset, seed: int) -> tuple[str, ...]:
    """A note on the parts of which the picker saw a sample."""
    if not sampled:
        return ()
    seen, whole = max(sampled, key=lambda one: one[1])
    parts = "one part" if len(sampled) == 1 else f"{len(sampled):,} parts"
    return (
        f"The picker {preset.pick} compares every row with every chosen one, so in {parts} of the pool it "
        f"saw a sample, drawn with the seed {seed}: {seen:,} of {whole:,} rows in the largest.",
    )


def _group_counts(groups: Groups, chosen: Ints, parts: list[_Part]) -> tuple[GroupCount, ...]:
    quotas = {part.name: part.quota for part in parts}
    together = None in quotas
    selected = groups.take(chosen).sizes().tolist()
    return tuple(
        GroupCount(name, size, None if together else quotas.get(name, 0), count)
        for name, size, count in zip(groups.names, groups.sizes().tolist(), selected, strict=True)
        if size
    )


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
