"""Mark the rows that duplicate a better one, and say of each why and which row stays."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from finegold.arrays import Floats, Ints, Vectors
from finegold.dedup.duplicates import Duplicates, best_first, exact_duplicates
from finegold.dedup.perceptual import BITS, RADIUS, perceptual_duplicates
from finegold.dedup.semantic import THRESHOLD, semantic_cells, semantic_duplicates
from finegold.dedup.settings import Dedup
from finegold.dedup.table import Contents
from finegold.errors import ConfigError
from finegold.samples import Exclusion


def mark_duplicates(
    settings: Dedup,
    ids: Sequence[str],
    quality: Floats | None,
    contents: Contents | None,
    embeddings: Vectors | None,
    questions: Sequence[str] | None = None,
) -> tuple[dict[int, Exclusion], tuple[str, ...]]:
    """Find the duplicates among rows. The best row of each group stays, without a quality the smallest id.

    Args:
        settings: The passes to make.
        ids: The n rows' ids.
        quality: Shape (n,), no NaN; or None.
        contents: Hashes of the same rows, for the exact and the perceptual pass.
        embeddings: Shape (n, d), NaN where a row has none; for the semantic pass.
        questions: What each row asks (`question_key`): rows that ask other things are no duplicates by their
            images. None compares all.

    Returns:
        Why each duplicate is excluded, by row, and a sentence or two on how many there are.

    Raises:
        ConfigError: If a pass lacks what it compares.
    """
    if settings.reads_images and contents is None:
        raise ConfigError(
            "exact and perceptual duplicates need image hashes, found none: hash the images first"
        )
    if settings.threshold is not None and embeddings is None:
        raise ConfigError(
            "semantic duplicates need image embeddings, found none: run `finegold cluster` first, or give "
            "--dedup without 'semantic'"
        )
    vectors = None if settings.threshold is None else embeddings
    found = deduplicate(
        best_first(quality, ids),
        keys=contents.keys if contents is not None and settings.exact else None,
        hashes=contents.hashes if contents is not None and settings.radius is not None else None,
        radius=settings.radius or 0,
        embeddings=vectors,
        cells=None if vectors is None else semantic_cells(vectors, tuple(ids)),
        threshold=settings.threshold or 1.0,
        questions=questions,
    )
    stands_for = found.stands_for()
    marked = {}
    for row, better, distance, method in zip(
        found.removed.tolist(), found.because_of.tolist(), found.distance, found.method, strict=True
    ):
        other = ids[better]
        difference = f"{distance:.0f} of {BITS} bits"
        how = {
            "exact": f"has the images and the text of row {other}",
            "perceptual": f"has an image whose hash is {difference} from that of row {other}",
            "semantic": f"has an image embedding of cosine {1 - distance:.3f} with that of row {other}",
        }[method]
        stays = ids[stands_for[row]]
        chain = "" if other == stays else f", for which row {stays} stands"
        marked[row] = Exclusion(f"duplicate-{method}", f"the row {how}{chain}", stays)
    return marked, _notes(settings, found, contents)


def deduplicate(
    order: Ints,
    *,
    keys: Sequence[str] | None = None,
    hashes: Sequence[int | None] | None = None,
    radius: int = RADIUS,
    embeddings: Vectors | None = None,
    cells: Ints | None = None,
    threshold: float = THRESHOLD,
    questions: Sequence[str] | None = None,
) -> Duplicates:
    """Remove duplicates in three passes, cheapest first, each over the rows that the one before kept.

    Args:
        order: The rows to compare, best first (`best_first`).
        keys: Content keys for the exact pass; None for no such pass.
        hashes: Image hashes for the perceptual pass; None for no such pass.
        radius: Differing bits of the perceptual pass.
        embeddings: Raw embeddings for the semantic pass; None for no such pass.
        cells: Cell of each embedding (`semantic_cells`).
        threshold: Smallest cosine of two duplicates in the semantic pass.
        questions: What each row asks; the perceptual and the semantic pass compare rows that ask the same.

    Raises:
        ConfigError: If there are embeddings without cells: comparing all pairs would be quadratic.
    """
    found = Duplicates.of(order, [], "")
    if keys is not None:
        found = found.then(exact_duplicates(keys, order))
    if hashes is not None:
        left = order[np.isin(order, found.kept)]
        passes = [perceptual_duplicates(hashes, rows, radius) for rows in _by_question(left, questions)]
        found = found.then(Duplicates.side_by_side(passes, left))
    if embeddings is not None:
        if cells is None:
            raise ConfigError(
                "semantic deduplication found embeddings without cells: make them with semantic_cells"
            )
        left = order[np.isin(order, found.kept)]
        passes = [
            semantic_duplicates(embeddings, cells, rows, threshold) for rows in _by_question(left, questions)
        ]
        found = found.then(Duplicates.side_by_side(passes, left))
    return found


def _by_question(order: Ints, questions: Sequence[str] | None) -> list[Ints]:
    """Rows that ask the same, at least two of them, each in the order of `order`."""
    if questions is None:
        return [order]
    groups: dict[str, list[int]] = {}
    for row in order.tolist():
        groups.setdefault(questions[row], []).append(row)
    return [np.array(rows, dtype=np.int64) for rows in groups.values() if len(rows) > 1]


def _notes(settings: Dedup, found: Duplicates, contents: Contents | None) -> tuple[str, ...]:
    counts = Counter(found.method)
    shares = ", ".join(f"{counts[kind]:,} {kind}" for kind in settings.kinds)
    note = (
        f"Excluded as duplicates: {shares}; the best of each of {len(found.groups()):,} groups stays. "
        "Without --dedup they take part."
    )
    images = () if contents is None else contents.images
    other_text = sum(
        method != "exact" and bool(images) and bool(images[row]) and images[row] == images[kept]
        for (row, kept), method in zip(found.stands_for().items(), found.method, strict=True)
    )
    if not other_text:
        return (note,)
    return note, (
        f"{other_text:,} of them have the same image as the row that stays and another answer to the same "
        "question, or another description: --dedup exact keeps these."
    )
