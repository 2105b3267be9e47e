"""Groups of rows - sources, kinds, any field of the record - and how a selection is mixed of them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import isfinite
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finegold.arrays import Floats, Ints
from finegold.errors import ConfigError, did_you_mean
from finegold.run import TextColumn
from finegold.selection.shares import share_out

GroupQuality = Literal["none", "rank", "calibrated"]
Mixture = str | Mapping[str, float]
"""How a budget is shared among groups: a key of `SHARES`, `nested`, `softmax`, `none`, or weights by name."""
JOINED = ":"
"""Stands between the attributes in the name of a group: `coco:yes-no`."""
OTHERS = "*"
NESTED = "nested"
"""Mixture in proportion, among the values of one attribute after the other: see `nested_quotas`."""
SOFTMAX = "softmax"
"""Mixture by the mean quality of the groups: see `softmax_shares`."""
SHARES: dict[str, Callable[[Floats], Floats]] = {
    "proportional": lambda sizes: sizes,
    "square-root": np.sqrt,
    "equal": lambda sizes: (sizes > 0).astype(np.float64),
}
"""Shares of groups by their sizes."""


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of some rows.

    Attributes:
        names: Their names, sorted; a group may have none of the rows.
        labels: Shape (n,), the group of each row, a position in `names`.
    """

    names: tuple[str, ...]
    labels: Ints

    @classmethod
    def of(cls, values: Sequence[str], others: Iterable[str] = ()) -> "Groups":
        """The groups of rows by the names of their groups, and other groups, of which no row may be there."""
        texts = TextColumn(values)
        names = tuple(sorted({*texts.unique(), *others}))
        return cls(names, texts.codes(names))

    def sizes(self) -> Ints:
        """Rows of each group."""
        return np.bincount(self.labels, minlength=len(self.names)).astype(np.int64)

    def take(self, rows: Ints) -> "Groups":
        """The groups of some of the rows; all names stay."""
        return Groups(self.names, self.labels[rows])


def group_quotas(
    mixture: Mixture,
    groups: Groups,
    budget: int,
    quality: Floats | None = None,
    allowed: Ints | None = None,
) -> tuple[Ints, tuple[str, ...]]:
    """Share a budget among groups.

    A group that has fewer rows than its quota gives all of them. The rest goes to the other groups, in
    proportion to their shares, again and again; groups of share 0 give rows only when all others are empty.

    Args:
        mixture: How.
        groups: The groups of the rows.
        budget: Rows to share out.
        quality: Shape (n,), for the mixture `softmax`.
        allowed: Positions of the rows that can be chosen, at least `budget`; all if None. Shares are those of
            all rows; a group without such a row has none.

    Returns:
        Rows that each group gives, and notes on groups that cannot give their share.

    Raises:
        ConfigError: If a weight is for a group that is not there, or a quality is needed and missing.
    """
    sizes = groups.sizes()
    notes = []
    if mixture == SOFTMAX:
        shares = softmax_shares(groups, quality)
    else:
        shares = group_shares("proportional" if mixture == NESTED else mixture, groups.names, sizes)
    if isinstance(mixture, Mapping):
        found = _weights_of(mixture, groups.names)
        filled = {name for name, size in zip(found, sizes, strict=True) if size}
        if lost := sorted(name for name in set(found) - filled if mixture.get(name)):
            notes.append(
                f"Weights of groups without a row to choose from, which the others share: {', '.join(lost)}."
            )
    if allowed is not None:
        sizes = groups.take(allowed).sizes()
        shares = np.where(sizes > 0, shares, 0.0)
    if mixture == NESTED:
        quotas = nested_quotas(groups.names, shares, sizes, budget)
    else:
        quotas = share_out(shares, sizes, budget)
    wanted = shares / (shares.sum() or 1.0) * budget
    short = [
        f"{name} ({size:,} rows, share {share:.0f})"
        for name, size, share in zip(groups.names, sizes, wanted, strict=True)
        if share >= size + 1
    ]
    unasked = [
        name for name, quota, share in zip(groups.names, quotas, shares, strict=True) if quota > share == 0
    ]
    if short:
        notes.append(f"Groups with fewer rows than their share, which others filled up: {', '.join(short)}.")
    if unasked:
        notes.append(f"Groups of share 0 that gave rows, since all others are empty: {', '.join(unasked)}.")
    return quotas, tuple(notes)


def nested_quotas(names: Sequence[str], shares: Floats, sizes: Ints, budget: int) -> Ints:
    """Share a budget among the values of the first attribute, then inside each among those of the next.

    So the first attributes keep their shares, to the row, where groups are many and the budget is small. If
    it were shared among all groups at once, the largest ones would get it.

    Args:
        names: Names of the groups, their attributes joined.
        shares: Shape (groups,), as of `share_out`.
        sizes: Shape (groups,), rows that each can give.
        budget: Rows to share out.
    """
    quotas = np.zeros(len(names), np.int64)

    def divide(members: Sequence[int], budget: int, depth: int) -> None:
        if len(members) == 1:
            quotas[members[0]] = budget
            return
        blocks: dict[str, list[int]] = defaultdict(list)
        for member in members:
            blocks[JOINED.join(names[member].split(JOINED)[: depth + 1])].append(member)
        inside = list(blocks.values())
        parts = share_out(
            np.array([shares[block].sum() for block in inside]),
            np.array([sizes[block].sum() for block in inside]),
            budget,
        )
        for block, part in zip(inside, parts.tolist(), strict=True):
            divide(block, part, depth + 1)

    divide(range(len(names)), budget, 0)
    return quotas


def softmax_shares(groups: Groups, quality: Floats | None) -> Floats:
    """Shares of PreSel (arXiv 2503.07591): exp(m / T), m the mean quality of a group, T = 1 / sqrt(groups).

    PreSel's quality is minus the ratio of the losses with and without the question.

    Raises:
        ConfigError: If there is no quality.
    """
    if quality is None:
        raise ConfigError("the mixture 'softmax' needs a quality: give weights of indicators")
    sizes = groups.sizes()
    totals = np.bincount(groups.labels, weights=quality, minlength=len(groups.names))
    filled = sizes > 0
    means = np.where(filled, totals / np.maximum(sizes, 1), -np.inf)
    shares: Floats = np.exp((means - means.max()) * np.sqrt(filled.sum()))
    return shares


def group_shares(mixture: Mixture, names: Sequence[str], sizes: Ints) -> Floats:
    """The share of each group, in proportion.

    A weight is that of all groups that its name matches together; they divide it in proportion to their
    rows. A name is that of a group, or of an attribute's value (`coco` for `coco:yes-no`), or a pattern such
    as `coco:*`. A group belongs to its own name, else to the first other one that matches it, else to `*`,
    else it has share 0.

    Raises:
        ConfigError: If a name matches no group, or every matching weight is 0.
    """
    if isinstance(mixture, str):
        return SHARES[mixture](sizes.astype(np.float64))
    found = _weights_of(mixture, names)
    totals = Counter[str]()
    for one, size in zip(found, sizes.tolist(), strict=True):
        totals[one] += size
    if not any(mixture.get(one) for one in found):
        raise ConfigError("the mixture gives every group weight 0: give some group a weight")
    return np.array(
        [
            mixture.get(one, 0.0) * size / max(1, totals[one])
            for one, size in zip(found, sizes.tolist(), strict=True)
        ]
    )


def _weights_of(mixture: Mapping[str, float], names: Sequence[str]) -> list[str]:
    """The name of the weight that each group has."""
    patterns = [name for name in mixture if name != OTHERS]
    found = [
        name if name in mixture else next((one for one in patterns if _matches(name, one)), OTHERS)
        for name in names
    ]
    unmatched = sorted(set(patterns) - set(found))
    if unmatched:
        raise ConfigError(
            f"the mixture names '{unmatched[0]}'{did_you_mean(unmatched[0], names)}, and the groups are "
            f"{', '.join(names)}: name some of these"
        )
    return found


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or pattern in name.split(JOINED)


def check_mixture(mixture: Mixture | None) -> None:
    """Raise ConfigError unless it is a mixture or None."""
    if isinstance(mixture, str):
        known = ("none", NESTED, SOFTMAX, *SHARES)
        if mixture not in known:
            raise ConfigError(
                f"the mixture '{mixture}' is unknown{did_you_mean(mixture, known)}: give "
                f"{', '.join((*SHARES, NESTED, SOFTMAX))}, none, or weights such as "
                "captions=0.3,vqa=0.5,*=0.2"
            )
    elif mixture is not None:
        weights = list(mixture.values())
        if not all(isfinite(weight) and weight >= 0 for weight in weights) or not any(weights):
            raise ConfigError(
                f"the mixture {dict(mixture)} holds a weight that is no number from 0 on, or only 0: give "
                "some group a weight"
            )


def parse_mixture(text: str) -> Mixture:
    """Read `proportional`, or `captions=0.3,vqa=0.5,*=0.2`.

    Raises:
        ConfigError: If the text is neither.
    """
    if "=" not in text:
        check_mixture(text.strip())
        return text.strip()
    weights: dict[str, float] = {}
    for piece in text.split(","):
        name, _, value = (part.strip() for part in piece.rpartition("="))
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not name or not isfinite(number):
            raise ConfigError(
                f"the mixture '{text}' cannot be read at '{piece}': write it as captions=0.3,vqa=0.5,*=0.2"
            )
        if name in weights:
            raise ConfigError(f"the mixture '{text}' names '{name}' twice: give each group one weight")
        weights[name] = number
    check_mixture(weights)
    return weights


def comparable_quality(quality: Floats, groups: Groups, how: GroupQuality) -> Floats:
    """Quality that can be compared from group to group.

    `rank` is the place of a row in its group, (r - 1/2) / n for the r-th lowest of n rows, so above 0 and
    below 1; equal rows share the mean of their ranks. `calibrated` is the quality that has this rank in all
    groups together: each group then has the distribution of the whole.
    """
    if how == "none":
        return quality
    ranks = np.zeros(len(quality))
    for group in range(len(groups.names)):
        rows = np.flatnonzero(groups.labels == group)
        if len(rows):
            _, inverse, counts = np.unique(quality[rows], return_inverse=True, return_counts=True)
            ranks[rows] = (np.cumsum(counts) - counts / 2)[inverse] / len(rows)
    if how == "rank":
        return ranks
    calibrated: Floats = np.quantile(quality, ranks) if len(quality) else ranks
    return calibrated


def join_groups(columns: Sequence[pa.Array | pa.ChunkedArray]) -> TextColumn:
    """Names of the rows' groups from their attributes, `unknown` where a row lacks one."""
    filled = [pc.fill_null(column, "") for column in columns]
    known = [pc.if_else(pc.equal(column, ""), "unknown", column) for column in filled]
    return TextColumn(pc.binary_join_element_wise(*known, JOINED))


def skew(pool: Iterable[str] | Counter[str], chosen: Iterable[str] | Counter[str]) -> float:
    """How far the mixture of the chosen rows is from that of the pool: 0 equal, 1 disjoint.

    The total variation distance: half of the sum over groups of the differences between their shares.
    """
    one, other = Counter(pool), Counter(chosen)
    if not one or not other:
        return 0.0
    return sum(abs(one[n] / one.total() - other[n] / other.total()) for n in one | other) / 2
