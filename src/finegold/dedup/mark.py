"""Mark the rows that duplicate a better one, and say of each why and which row stays."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finegold.arrays import Floats, Ints, Vectors
from finegold.dedup.duplicates import Duplicates, Keys, as_labels, best_first, exact_duplicates
from finegold.dedup.hash_index import BITS
from finegold.dedup.perceptual import RADIUS, Hashes, perceptual_duplicates
from finegold.dedup.semantic import THRESHOLD, semantic_cells, semantic_duplicates
from finegold.dedup.settings import Dedup
from finegold.dedup.table import Contents
from finegold.errors import ConfigError
from finegold.run import TextColumn
from finegold.samples.excluded import ExcludedRows

METHODS = ("exact", "perceptual", "semantic")
_AT_ONCE = 65_536


def mark_duplicates(
    settings: Dedup,
    ids: Sequence[str],
    quality: Floats | None,
    contents: Contents | None,
    embeddings: Vectors | None,
    questions: Keys | None = None,
) -> tuple[ExcludedRows, tuple[str, ...]]:
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
        The duplicates, each with the reason why it is excluded, and a sentence or two on how many there are.

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
        cells=None if vectors is None else semantic_cells(vectors, ids),
        threshold=settings.threshold or 1.0,
        questions=questions,
    )
    return _reasons(found, TextColumn(ids)), _notes(settings, found, contents)


def _reasons(found: Duplicates, ids: TextColumn) -> ExcludedRows:
    """Why each duplicate is excluded."""
    stays, reasons = ids.take(found.stays).array, []
    for start in range(0, len(found.removed), _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        other, better = (
            ids.take(found.because_of[some]).array.cast(pa.string()),
            stays[some].cast(pa.string()),
        )
        chain = pc.binary_join_element_wise(", for which row ", better, " stands", "")
        how = pa.array(map(_how, found.method[some], found.distance[some].tolist()), pa.string())
        chain = pc.if_else(pc.equal(other, better), "", chain)
        reasons.append(pc.binary_join_element_wise("the row ", how, other, chain, ""))
    code = np.zeros(len(found.removed), np.int32)
    for number, method in enumerate(METHODS):
        code[found.method == method] = number
    named = pa.DictionaryArray.from_arrays(code, pa.array([f"duplicate-{method}" for method in METHODS]))
    return ExcludedRows.of(found.removed, named, pa.chunked_array(reasons, pa.string()), stays)


def _how(method: str, distance: float) -> str:
    if method == "exact":
        return "has the images and the text of row "
    if method == "perceptual":
        return f"has an image whose hash is {distance:.0f} of {BITS} bits from that of row "
    return f"has an image embedding of cosine {1 - distance:.3f} with that of row "


def deduplicate(
    order: Ints,
    *,
    keys: Keys | None = None,
    hashes: Hashes | None = None,
    radius: int = RADIUS,
    embeddings: Vectors | None = None,
    cells: Ints | None = None,
    threshold: float = THRESHOLD,
    questions: Keys | None = None,
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
    found = Duplicates.none(order)
    if keys is not None:
        found = found.then(exact_duplicates(keys, order))
    if hashes is not None:
        left = order[np.isin(order, found.kept)]
        found = found.then(perceptual_duplicates(hashes, left, radius, questions))
    if embeddings is not None:
        if cells is None:
            raise ConfigError(
                "semantic deduplication found embeddings without cells: make them with semantic_cells"
            )
        left = order[np.isin(order, found.kept)]
        found = found.then(semantic_duplicates(embeddings, cells, left, threshold, questions))
    return found


def _notes(settings: Dedup, found: Duplicates, contents: Contents | None) -> tuple[str, ...]:
    counts = {kind: np.count_nonzero(found.method == kind) for kind in settings.kinds}
    shares = ", ".join(f"{number:,} {kind}" for kind, number in counts.items())
    stays = found.stays
    note = (
        f"Excluded as duplicates: {shares}; the best of each of {len(np.unique(stays)):,} groups stays. "
        "Without --dedup they take part."
    )
    if contents is None:
        return (note,)
    images = as_labels(contents.images)
    same = images[found.removed] == images[stays]
    shown = same & (images[found.removed] >= 0) & (found.method != "exact")
    if not (other_text := np.count_nonzero(shown)):
        return (note,)
    return note, (
        f"{other_text:,} of them have the same image as the row that stays and another answer to the same "
        "question, or another description: --dedup exact keeps these."
    )
