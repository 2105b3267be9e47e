"""Outcome of deduplication: rows that stay, removed rows, the better row that each repeats; exact pass.

Every pass is greedy: from the best row to the worst, a row is removed if it duplicates one that stays. So
each removed row resembles the row that stays in its place (no chains), no two rows that stay resemble one
another, and the result depends on quality and ids alone, not on the order of the file.
"""

import hashlib
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from finegold.arrays import Floats, Ints
from finegold.errors import DataError
from finegold.run import TextColumn

DESCRIPTIONS = frozenset({"short-caption", "detailed-description"})
"""Kinds of rows whose question says nothing but that the image is to be described."""


Keys: TypeAlias = Sequence[str] | Ints
"""What must be equal for two rows to be compared, or to be duplicates: texts, or whole numbers."""


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Rows that one or several passes kept and removed. Nothing is deleted: all are rows of one pool.

    Attributes:
        kept: Shape (m,), ascending.
        removed: Shape (r,), in the order found.
        because_of: Shape (r,): for each removed row the better row that it duplicates. A later pass may have
            removed that one in turn: see `stays`.
        distance: Shape (r,): 0 for exact, differing bits for perceptual, 1 - cosine for semantic.
        method: Shape (r,): `exact`, `perceptual` or `semantic`.
    """

    kept: Ints
    removed: Ints
    because_of: Ints
    distance: Floats
    method: npt.NDArray[np.object_]

    @classmethod
    def of(cls, order: Ints, removed: Ints, because_of: Ints, distance: Floats, method: str) -> "Duplicates":
        """The outcome of one pass over the rows of `order`; the other arguments are the attributes."""
        kept = np.sort(order[~np.isin(order, removed)])
        return cls(kept, removed, because_of, distance, np.full(len(removed), method, np.object_))

    @classmethod
    def none(cls, order: Ints) -> "Duplicates":
        """The outcome of no pass."""
        return cls.of(order, np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), "")

    @property
    def stays(self) -> Ints:
        """The row that stays in the place of each removed row, shape (r,)."""
        found, place = self.because_of, np.argsort(self.removed, kind="stable")
        while len(found):
            at = place[np.searchsorted(self.removed, found, sorter=place).clip(max=len(place) - 1)]
            again = self.removed[at] == found
            if not again.any():
                break
            found = np.where(again, self.because_of[at], found)
        return found

    def stands_for(self) -> dict[int, int]:
        """Map each removed row to the row that stays in its place, for few rows."""
        return dict(zip(self.removed.tolist(), self.stays.tolist(), strict=True))

    def groups(self) -> dict[int, list[int]]:
        """Map each kept row that has duplicates to them, ascending, for few rows."""
        groups: dict[int, list[int]] = {}
        for row, kept in sorted(self.stands_for().items()):
            groups.setdefault(kept, []).append(row)
        return groups

    def restore(self, rows: Collection[int]) -> "Duplicates":
        """The same outcome with these removed rows kept after all.

        Raises:
            DataError: If a row was not removed.
        """
        back = np.array(sorted(rows), dtype=np.int64)
        strangers = np.setdiff1d(back, self.removed)
        if len(strangers):
            raise DataError(f"row {strangers[0]} was not removed as a duplicate, so it cannot be restored")
        still = ~np.isin(self.removed, back)
        kept = np.union1d(self.kept, back)
        return Duplicates(
            kept, self.removed[still], self.because_of[still], self.distance[still], self.method[still]
        )

    def then(self, later: "Duplicates") -> "Duplicates":
        """This outcome followed by that of a pass over the rows that stay."""
        return Duplicates(
            later.kept,
            np.concatenate([self.removed, later.removed]),
            np.concatenate([self.because_of, later.because_of]),
            np.concatenate([self.distance, later.distance]),
            np.concatenate([self.method, later.method]),
        )


def best_first(quality: Floats | None, ids: Sequence[str]) -> Ints:
    """Order rows from best to worst, ties by id; without a quality by id alone.

    Raises:
        DataError: If a quality is NaN or an id repeats.
    """
    names = TextColumn(ids)
    if names.repeated():
        raise DataError("an id occurs twice: --ids row numbers the rows instead")
    by_id = names.order()
    if quality is None:
        return by_id
    if np.isnan(quality).any():
        raise DataError(
            f"{int(np.isnan(quality).sum())} rows have no quality: exclude them before deduplication"
        )
    return by_id[np.argsort(-quality[by_id], kind="stable")]


def as_labels(keys: Keys) -> Ints:
    """Whole numbers that are equal where the keys are."""
    if isinstance(keys, np.ndarray):
        return keys
    found: Ints = TextColumn(keys).array.dictionary_encode().indices.to_numpy().astype(np.int64)
    return found


def labels_of(columns: npt.NDArray[np.uint64]) -> Ints:
    """Whole numbers from 0 on that are equal where the rows of a matrix are, shape (n,)."""
    order = np.lexsort(columns.T)
    new = np.zeros(len(columns), np.bool_)
    for column in columns.T:
        new[1:] |= column[order[1:]] != column[order[:-1]]
    found = np.empty(len(columns), np.int64)
    found[order] = np.cumsum(new)
    return found


def firsts(labels: Ints) -> Ints:
    """Places at which a label comes for the first time, ascending."""
    return np.sort(np.unique(labels, return_index=True)[1])


def by_question(order: Ints, questions: Keys | None) -> tuple[Ints, Ints]:
    """Rows question by question, each in the order of `order`, and the number of each row's question.

    Questions come in the order of their first rows; a question of a single row is left out. Without
    questions all rows have the same.
    """
    if questions is None:
        return order, np.zeros(len(order), np.int64)
    _, first, asked, counts = np.unique(
        as_labels(questions)[order], return_index=True, return_inverse=True, return_counts=True
    )
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    several = np.flatnonzero(counts[asked] > 1)
    several = several[np.argsort(rank[asked[several]], kind="stable")]
    return order[several], rank[asked[several]]


def content_key(image: str, *texts: str) -> str:
    """Hash the content of a row: its image and its texts, without case, spacing and Unicode form.

    Args:
        image: A hash of the image file or of its pixels; empty for a text-only row.
        texts: The texts to compare, such as instruction and answer.

    Returns:
        A sha256 as 64 hexadecimal digits.
    """
    return content_digest(image, *texts).hex()


def content_digest(image: str, *texts: str) -> bytes:
    """The sha256 of `content_key`."""
    digest = hashlib.sha256()
    plain = (" ".join(unicodedata.normalize("NFKC", text).casefold().split()) for text in texts)
    for part in (image, *plain):
        encoded = part.encode("utf-8", "surrogatepass")
        # The length keeps ("ab", "c") apart from ("a", "bc").
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.digest()


def question_key(kind: str | None, question: str) -> str:
    """What two rows must share to be duplicates by their images: the same question, or that none counts.

    Descriptions of an image are duplicates whatever the words are that ask for them.
    """
    return "description" if kind in DESCRIPTIONS else content_key("", question)


def exact_duplicates(keys: Keys, order: Ints) -> Duplicates:
    """Keep the first row of each key.

    Args:
        keys: One key per row of the pool; rows with equal keys are duplicates.
        order: The rows to compare, best first (`best_first`).
    """
    _, first, key = np.unique(as_labels(keys)[order], return_index=True, return_inverse=True)
    better = first[key]
    gone = np.flatnonzero(better != np.arange(len(order)))
    return Duplicates.of(order, order[gone], order[better[gone]], np.zeros(len(gone)), "exact")
