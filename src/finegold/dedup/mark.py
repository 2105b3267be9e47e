"""Mark the rows that duplicate a better one, and say of each why and which row stays."""

from collections import Counter
from collections.abc import Sequence

from finegold.arrays import Floats, Vectors
from finegold.dedup.duplicates import Duplicates, best_first
from finegold.dedup.perceptual import BITS
from finegold.dedup.semantic import semantic_cells
from finegold.dedup.settings import Dedup
from finegold.dedup.stages import deduplicate
from finegold.dedup.table import Contents
from finegold.errors import ConfigError
from finegold.samples import Exclusion


def mark_duplicates(
    settings: Dedup,
    ids: Sequence[str],
    quality: Floats | None,
    contents: Contents | None,
    embeddings: Vectors | None,
) -> tuple[dict[int, Exclusion], tuple[str, ...]]:
    """Find the duplicates among rows; the best of each group stays, without a quality the smallest id.

    Args:
        settings: The passes to make.
        ids: The n rows' ids.
        quality: Shape (n,), no NaN; or None.
        contents: Hashes of the same rows, for the exact and the perceptual pass.
        embeddings: Shape (n, d), NaN where a row has no image; for the semantic pass.

    Returns:
        Why each duplicate is out, by row, and a sentence or two on how many there are.

    Raises:
        ConfigError: If a pass lacks what it compares.
    """
    if settings.reads_images and contents is None:
        raise ConfigError("the images are to be compared, and no image was hashed: hash them first")
    if settings.threshold is not None and embeddings is None:
        raise ConfigError(
            "semantic duplicates are found by comparing embeddings, and no image was embedded: run "
            "`finegold cluster` first, or give --dedup without 'semantic'"
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
    )
    stays = found.stands_for()
    marked = {
        row: Exclusion(
            f"duplicate-{method}", _reason(method, distance, ids[other], ids[stays[row]]), ids[stays[row]]
        )
        for row, other, distance, method in zip(
            found.removed.tolist(), found.because_of.tolist(), found.distance, found.method, strict=True
        )
    }
    return marked, _notes(settings, found, contents)


def _reason(method: str, distance: float, other: str, stays: str) -> str:
    how = {
        "exact": f"has the images and the text of row {other}",
        "perceptual": f"has an image whose hash is {distance:.0f} of {BITS} bits from that of row {other}",
        "semantic": f"has an image embedding of cosine {1 - distance:.3f} with that of row {other}",
    }[method]
    chain = "" if other == stays else f", for which row {stays} stands"
    return f"the row {how}{chain}"


def _notes(settings: Dedup, found: Duplicates, contents: Contents | None) -> tuple[str, ...]:
    counts = Counter(found.method)
    shares = ", ".join(f"{counts[kind]:,} {kind}" for kind in settings.kinds)
    notes = [
        f"Excluded as duplicates: {shares}; the best of each of {len(found.groups()):,} groups stays. "
        "Without --dedup they take part."
    ]
    if contents is not None:
        other_text = sum(
            method != "exact" and bool(contents.images[row]) and contents.images[row] == contents.images[kept]
            for (row, kept), method in zip(found.stands_for().items(), found.method, strict=True)
        )
        if other_text:
            notes.append(
                f"{other_text:,} of them have the same image as the row that stays and other text: where an "
                "image has several questions, exclude exact duplicates only (--dedup exact)."
            )
    return tuple(notes)
