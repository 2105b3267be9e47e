"""Outcome of deduplication: rows that stay, removed rows, the better row that each repeats; exact pass.

Every pass is greedy: from the best row to the worst, a row is removed if it duplicates one that stays. So
each removed row resembles the row that stays in its place (no chains), no two rows that stay resemble one
another, and the result depends on quality and ids alone, not on the order of the file.
"""

import hashlib
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from finegold.arrays import Floats, Ints
from finegold.errors import DataError

DESCRIPTIONS = frozenset({"short-caption", "detailed-description"})
"""Kinds of rows whose question says nothing but that the image is to be described."""


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Rows that one or several passes kept and removed. Nothing is deleted: all are rows of one pool.

    Attributes:
        kept: Shape (m,), ascending.
        removed: Shape (r,), in the order found.
        because_of: Shape (r,): for each removed row the better row that it duplicates. A later pass may have
            removed that one in turn: see `stands_for`.
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
        removed, because_of, distance = np.array(found, dtype=np.float64).reshape(-1, 3).T
        kept = np.setdiff1d(order, removed.astype(np.int64))
        pair = removed.astype(np.int64), because_of.astype(np.int64)
        return cls(kept, *pair, distance, (method,) * len(found))

    def stands_for(self) -> dict[int, int]:
        """Map each removed row to the row that stays in its place."""
        found = dict(zip(self.removed.tolist(), self.because_of.tolist(), strict=True))
        for row, other in found.items():
            while other in found:
                other = found[other]
            found[row] = other
        return found

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

    @classmethod
    def side_by_side(cls, found: Sequence["Duplicates"], order: Ints) -> "Duplicates":
        """The outcome of passes over separate rows, which together are those of `order`."""
        if not found:
            return cls.of(order, [], "")
        removed = np.concatenate([one.removed for one in found])
        return cls(
            np.setdiff1d(order, removed),
            removed,
            np.concatenate([one.because_of for one in found]),
            np.concatenate([one.distance for one in found]),
            tuple(method for one in found for method in one.method),
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
    """Order rows from best to worst, ties by id; without a quality by id alone.

    Raises:
        DataError: If a quality is NaN or an id repeats.
    """
    if len(set(ids)) < len(ids):
        raise DataError("an id occurs twice: --ids row numbers the rows instead")
    by_id = np.argsort(np.array(ids, dtype=object), kind="stable").astype(np.int64)
    if quality is None:
        return by_id
    if np.isnan(quality).any():
        raise DataError(
            f"{int(np.isnan(quality).sum())} rows have no quality: exclude them before deduplication"
        )
    return by_id[np.argsort(-quality[by_id], kind="stable")]


def content_key(image: str, *texts: str) -> str:
    """Hash the content of a row: its image and its texts, without case, spacing and Unicode form.

    Args:
        image: A hash of the image file or of its pixels; empty for a text-only row.
        texts: The texts to compare, such as instruction and answer.

    Returns:
        A sha256 as 64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    plain = (" ".join(unicodedata.normalize("NFKC", text).casefold().split()) for text in texts)
    for part in (image, *plain):
        encoded = part.encode("utf-8", "surrogatepass")
        # The length keeps ("ab", "c") apart from ("a", "bc").
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()


def question_key(kind: str | None, question: str) -> str:
    """What two rows must share to be duplicates by their images: the same question, or that none counts.

    Descriptions of an image are duplicates whatever the words are that ask for them.
    """
    return "description" if kind in DESCRIPTIONS else content_key("", question)


def exact_duplicates(keys: Sequence[str], order: Ints) -> Duplicates:
    """Keep the first row of each key.

    Args:
        keys: One key per row of the pool; rows with equal keys are duplicates.
        order: The rows to compare, best first (`best_first`).
    """
    first: dict[str, int] = {}
    found = []
    for row in order.tolist():
        kept = first.setdefault(keys[row], row)
        if kept != row:
            found.append((row, kept, 0.0))
    return Duplicates.of(order, found, "exact")
