"""The mixture of a selection: what sources, kinds and groups came in, and what was chosen of each."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from finegold.samples.yes_no import BEGINS_WITH_YES
from finegold.selection.groups import skew
from finegold.selection.table import EXCLUDED

FEWEST, FAR = 20, 0.2
"""Rows from which on a share is looked at; the difference of shares of "yes" to tell."""


@dataclass(frozen=True, slots=True)
class MixtureLine:
    """One group of rows.

    Attributes:
        name: The value of the attribute; `unknown` where rows have none.
        rows_in: Rows of the pool.
        usable: Rows that could be chosen.
        chosen: Rows that were chosen.
        share_in: Share of the usable rows, 0 to 1.
        share_out: Share of the chosen rows, 0 to 1.
    """

    name: str
    rows_in: int
    usable: int
    chosen: int
    share_in: float
    share_out: float


@dataclass(frozen=True, slots=True)
class MixtureTable:
    """The mixture by one attribute.

    Attributes:
        attribute: `source`, `kind`, or the attributes of the groups.
        lines: Groups, the one with most usable rows first, then by name.
        skew: Total variation distance between the usable and the chosen rows: see `groups.skew`.
    """

    attribute: str
    lines: tuple[MixtureLine, ...]
    skew: float


def mixture_tables(table: pa.Table, group_by: Sequence[str] = ()) -> list[MixtureTable]:
    """The mixtures of a selection: by group, by source and by kind, where there are at least two.

    Args:
        table: The selection's table.
        group_by: Attributes that it was chosen by.
    """
    wanted = {", ".join(group_by): "group"} if group_by else {}
    wanted |= {name: name for name in ("source", "kind") if name not in wanted}
    found = [_mixture(table, attribute, column) for attribute, column in wanted.items()]
    return [one for one in found if len(one.lines) > 1]


def yes_note(table: pa.Table, samples: Iterable[pa.Table]) -> str | None:
    """A sentence where far more, or fewer, of the chosen yes-or-no answers are "yes" than of the usable ones.

    Args:
        table: The selection's table.
        samples: The column `answer` of the run's samples table, part by part; read only if it is needed.
    """
    usable = pc.not_equal(table["status"], EXCLUDED)
    asked = pc.and_(pc.equal(table["kind"], "yes-no").fill_null(False), usable).combine_chunks()
    chosen = pc.is_valid(table["rank"]).filter(asked)
    number = pc.sum(chosen).as_py() or 0
    if number < FEWEST:
        return None
    start, said = 0, []
    for part in samples:
        first = pc.list_element(part["answer"].filter(asked.slice(start, len(part))), 0)
        said += pc.match_substring_regex(first, BEGINS_WITH_YES).chunks
        start += len(part)
    yes = pa.chunked_array(said, pa.bool_())
    of_all, of_chosen = (pc.mean(one).as_py() for one in (yes, yes.filter(chosen)))
    if abs(of_chosen - of_all) < FAR:
        return None
    often = "yes" if of_chosen > of_all else "no"
    return (
        f"Of the {number:,} chosen answers to yes-or-no questions {of_chosen:.0%} are yes, of the "
        f"usable ones {of_all:.0%}: a model that is tuned on them may learn to say {often}. With "
        "--group-by source,kind,yes_no both keep their shares."
    )


def poor_note(table: pa.Table) -> str | None:
    """A sentence on sources most of whose rows have quality 0, where not most rows have, and that gave rows.

    Args:
        table: The selection's table.
    """
    usable = table.filter(pc.and_(pc.not_equal(table["status"], EXCLUDED), pc.is_valid(table["quality"])))
    if not len(usable) or pc.min(usable["quality"]).as_py() != 0:
        return None
    poor, sources = pc.equal(usable["quality"], 0), usable["source"].fill_null("unknown")
    of_all = pc.mean(poor).as_py()
    zeros, rows = counts_of(sources.filter(poor)), counts_of(sources)
    chosen = counts_of(sources.filter(pc.is_valid(usable["rank"])))
    found = [
        f"{name} ({zeros[name] / rows[name]:.0%})"
        for name in sorted(chosen)
        if rows[name] >= FEWEST and zeros[name] / rows[name] >= max(0.5, 1.5 * of_all)
    ]
    if not found:
        return None
    return (
        f"Sources most of whose rows have quality 0, as have {of_all:.0%} of all rows: {', '.join(found)}. "
        "Their rows are wrong, or the encoder does not see what they are about: look at them, or leave a "
        "source out with --where."
    )


def counts_of(column: pa.ChunkedArray) -> Counter[str]:
    """How often each text of a column is there."""
    found = column.value_counts().to_pylist()
    return Counter({one["values"]: one["counts"] for one in found})


def _mixture(table: pa.Table, attribute: str, column: str) -> MixtureTable:
    every = table[column].fill_null("unknown")
    rows_in = counts_of(every)
    can = counts_of(every.filter(pc.not_equal(table["status"], EXCLUDED)))
    did = counts_of(every.filter(pc.is_valid(table["rank"])))
    lines = [
        MixtureLine(
            name,
            rows_in[name],
            can[name],
            did[name],
            can[name] / max(1, can.total()),
            did[name] / max(1, did.total()),
        )
        for name in sorted(rows_in, key=lambda name: (-can[name], name))
    ]
    return MixtureTable(attribute, tuple(lines), skew(can, did))
