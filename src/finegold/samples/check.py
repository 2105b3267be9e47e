"""Whether a row can be used: its images, its answer, its placeholders, and whether it repeats another."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from finegold.samples.exclusions import Exclusion, ImageError
from finegold.samples.image_cache import is_remote
from finegold.samples.images import ImageFacts, check_image
from finegold.samples.order import find_order_problem
from finegold.samples.records import canonical_record, without_id
from finegold.samples.sample import IMAGE_PLACEHOLDER, ImageRef, Row, Sample

REMOTE = "remote"
"""`image_stamp` of an image of a remote folder, whose cache holds its hash."""
RUN_ROWS, RUN_BYTES = 16, 1 << 20
"""Rows that a thread checks in one call, and their bytes."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A row and what the check found.

    Attributes:
        row: The row, with its `exclusion` if it cannot be used.
        images: Facts of the images that were read, in order; fewer than the sample has if one is bad.
        stamps: `image_stamp` of each image of the sample.
        content_hash: Hex sha256 of the canonical record without its id and of the images' bytes; None
            unless usable.
    """

    row: Row
    images: tuple[ImageFacts, ...] = ()
    stamps: tuple[str, ...] = ()
    content_hash: str | None = None

    @property
    def exclusion(self) -> Exclusion | None:
        """Why the row cannot be used; None if it can."""
        return self.row.exclusion


class ImageChecks:
    """Looks at images; of one that many rows share, once for as long as the file is the same.

    What was found of the last `MOST` images is remembered, 20 MB; threads may share it.
    """

    MOST = 65_536

    def __init__(self) -> None:
        """Nothing was looked at."""
        self._found: dict[tuple[str, str], tuple[str, ImageFacts | ImageError]] = {}

    def facts(self, ref: ImageRef, stamp: str) -> ImageFacts:
        """What `check_image` finds of an image whose file has this stamp; raises ImageError as it does."""
        if not stamp:
            return check_image(ref)
        key = (ref.name, str(ref.path))
        known, found = self._found.get(key, ("", None))
        if found is None or known != stamp:
            try:
                found = check_image(ref)
            except ImageError as error:
                found = error
            if len(self._found) >= self.MOST:
                self._found = {}
            self._found[key] = (stamp, found)
        if isinstance(found, ImageError):
            raise found.with_traceback(None)
        return found

    def knows(self, run: tuple[list[Row], int]) -> bool:
        """Whether every image of some rows was looked at; threads do not make their check faster then."""
        samples = (row.sample for row in run[0] if row.sample is not None)
        return all((ref.name, str(ref.path)) in self._found for one in samples for ref in one.images)


def check(row: Row, checks: ImageChecks | None = None) -> Checked:
    """Check one row by itself; never raises on a bad one.

    `repeats.Repeats` finds what needs the other rows: repeated ids and duplicates.

    Args:
        row: The row.
        checks: Remembers images that rows share; None looks at each image.
    """
    sample = row.sample
    if sample is None:
        return Checked(row)
    exclusion = text_exclusion(sample)
    stamps = tuple(image_stamp(ref.path) for ref in sample.images)
    images: list[ImageFacts] = []
    for ref, stamp in zip(sample.images, stamps, strict=True):
        try:
            images.append(check_image(ref) if checks is None else checks.facts(ref, stamp))
        except ImageError as error:
            exclusion = error.exclusion
            break
    content = None
    if exclusion is None:
        try:
            content = content_hash(sample, images)
        except RecursionError:
            exclusion = Exclusion("malformed-row", "the record is nested too deeply to be hashed")
    return Checked(replace(row, exclusion=exclusion), tuple(images), stamps, content)


def together(rows: Iterable[Row]) -> Iterator[tuple[list[Row], int]]:
    """The rows in short runs, each for one call of a thread, and the bytes that each holds in memory."""
    run: list[Row] = []
    held = 0
    for row in rows:
        run.append(row)
        held += row_bytes(row)
        if len(run) == RUN_ROWS or held > RUN_BYTES:
            yield run, held
            run, held = [], 0
    if run:
        yield run, held


def row_bytes(row: Row) -> int:
    """Bytes of texts and images that a row holds in memory."""
    return 0 if row.sample is None else row.sample.held_bytes


def file_stamp(path: Path | None) -> str:
    """A mark that changes with a file: `SIZE:MTIME_NS:CTIME_NS`; `-` for a missing file, empty for no path.

    The last time cannot be set by programs, so it also tells a file that was replaced by one of equal size
    and time. It changes with rights and hard links too: see `content_may_be_equal`.
    """
    if path is None:
        return ""
    try:
        found = os.stat(path)  # noqa: PTH116 - once an image, and half the time of pathlib
    except (OSError, ValueError):
        return "-"
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}"


def image_stamp(path: Path | None) -> str:
    """The `file_stamp` of an image; `REMOTE` for one of a remote folder, whether it is here or not."""
    return REMOTE if path is not None and is_remote(path) else file_stamp(path)


def content_may_be_equal(one: str, other: str) -> bool:
    """Whether two different stamps agree in size and time of change, so that only a hash can tell."""
    return "-" not in (one, other) and one.split(":")[:2] == other.split(":")[:2]


def content_hash(sample: Sample, images: list[ImageFacts]) -> str:
    """Hex sha256 of what a row holds besides its id: the canonical record, and each image's bytes."""
    digest = hashlib.sha256(canonical_record(without_id(sample.record)))
    for image in images:
        digest.update(b"\n" + image.sha256.encode("ascii"))
    return digest.hexdigest()


def text_exclusion(sample: Sample) -> Exclusion | None:
    """Why the turns of a row cannot be used; None if they can."""
    placeholders = sum(turn.text.count(IMAGE_PLACEHOLDER) for turn in sample.turns)
    if placeholders != len(sample.images):
        return Exclusion(
            "placeholder-mismatch",
            f"the row has {len(sample.images)} images and {placeholders} {IMAGE_PLACEHOLDER} placeholders, "
            "expected one each",
        )
    if not sample.answer.strip():
        return Exclusion("empty-answer", "the row has no answer, expected text to learn from")
    answers = [turn.text for turn in sample.turns if turn.role == "assistant"]
    for number, text in enumerate(answers, 1):
        if not text.strip():
            return Exclusion(
                "empty-answer", f"answer {number} of {len(answers)} is empty, expected text to learn from"
            )
    problem = find_order_problem(sample.turns)
    return None if problem is None else Exclusion("turn-order", problem)
