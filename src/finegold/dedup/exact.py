"""Exact duplicates: rows with the same content."""

import hashlib
import unicodedata
from collections.abc import Sequence

from finegold.arrays import Ints
from finegold.dedup.duplicates import Duplicates


def content_key(image: str, *texts: str) -> str:
    """Hash the content of a row: its image and its texts, without case, spacing and Unicode form.

    Args:
        image: A hash of the image file or of its pixels; empty for a text-only row.
        texts: The texts to compare, such as instruction and answer.

    Returns:
        A sha256 as 64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for part in (
        image,
        *(" ".join(unicodedata.normalize("NFKC", text).casefold().split()) for text in texts),
    ):
        encoded = part.encode("utf-8", "surrogatepass")
        # The length keeps ("ab", "c") apart from ("a", "bc").
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()


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
