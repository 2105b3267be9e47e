"""The outcome of deduplication: which rows stay, which are removed, and which better row each repeats.

Every pass is greedy: from the best row to the worst, a row is removed if it duplicates one that stays. So
each removed row resembles the row that stays in its place (no chains), no two rows that stay resemble one
another, and the result depends on quality and ids alone, not on the order of the file.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from finegold.arrays import Floats, Ints
from finegold.errors import DataError


@dataclass(frozen=True, slots=True)
class Duplicates:
    """The outcome of one or several passes. Nothing is deleted: `kept` and `removed` are rows of one pool.

    Attributes:
        kept: Shape (m,), ascending.
        removed: Shape (r,), in the order found.
        because_of: Shape (r,): for each removed row the better row that it duplicates. A later pass may have
            removed that one in turn; `stands_for` follows to the end.
        distance: Shape (r,): 0 for exact, differing bits for perceptual, 1 - cosine for semantic.
        method: Length r: `exact`, `perceptual` or `semantic`.
    """

    kept: Ints
    removed: Ints
    because_of: Ints
    distance: Floats
    method: tuple[str, ...]

    @classmethod
    def of(cls, order: Ints, found: Sequence[tuple[int, int, float]], method: str) -> "Duplicates":
        """The outcome of one pass over `order` from (removed row, row that stays, distance)."""
        removed = np.array([row for row, _, _ in found], dtype=np.int64)
        return cls(
            np.setdiff1d(order, removed),
            removed,
            np.array([kept for _, kept, _ in found], dtype=np.int64),
            np.array([distance for _, _, distance in found], dtype=np.float64),
            (method,) * len(found),
        )

    def stands_for(self) -> dict[int, int]:
        """Map each removed row to the row that stays in its place."""
        direct = dict(zip(self.removed.tolist(), self.because_of.tolist(), strict=True))

        def last(row: int) -> int:
            while row in direct:
                row = direct[row]
            return row

        return {row: last(row) for row in direct}

    def groups(self) -> dict[int, list[int]]:
        """Map each kept row that has duplicates to them, ascending."""
        groups: dict[int, list[int]] = {}
        for row, kept in sorted(self.stands_for().items()):
            groups.setdefault(kept, []).append(row)
        return groups

    def restore(self, rows: Collection[int]) -> "Duplicates":
        """The same outcome with these removed rows kept after all.

        Raises:
            DataError: If a row was not removed.
        """
        strangers = sorted(set(rows) - set(self.removed.tolist()))
        if strangers:
            raise DataError(f"row {strangers[0]} was not removed as a duplicate, so it cannot be restored")
        still = ~np.isin(self.removed, list(rows))
        return Duplicates(
            np.union1d(self.kept, np.array(sorted(rows), dtype=np.int64)),
            self.removed[still],
            self.because_of[still],
            self.distance[still],
            tuple(method for method, stays in zip(self.method, still, strict=True) if stays),
        )

    def then(self, later: "Duplicates") -> "Duplicates":
        """This outcome followed by that of a pass over the rows that stay."""
        return Duplicates(
            later.kept,
            np.concatenate([self.removed, later.removed]),
            np.concatenate([self.because_of, later.because_of]),
            np.concatenate([self.distance, later.distance]),
            self.method + later.method,
        )


def best_first(quality: Floats | None, ids: Sequence[str]) -> Ints:
    """Order rows from best to worst, ties by id; by id alone without a quality.

    Raises:
        DataError: If a quality is NaN or an id repeats.
    """
    if len(set(ids)) < len(ids):
        raise DataError("an id occurs twice: --ids row numbers the rows instead")
    names = np.array(ids, dtype=object)
    if quality is None:
        return np.argsort(names, kind="stable").astype(np.int64)
    if np.isnan(quality).any():
        raise DataError(
            f"{int(np.isnan(quality).sum())} rows have no quality: exclude them before deduplication"
        )
    by_id = np.argsort(names, kind="stable")
    return by_id[np.argsort(-quality[by_id], kind="stable")].astype(np.int64)
