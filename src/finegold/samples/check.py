"""Whether a row can be used: its images, its answer, its placeholders, and whether it was there before.

Codes of the problems, beside those of `images`: `malformed-row`, `unsupported-media`, `outside-root`,
`url-not-allowed`, `unreadable-shard`, `placeholder-mismatch`, `empty-answer`, `repeated-id`, `duplicate-row`.
"""

import hashlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from finegold.samples.formats.records import canonical, without_id
from finegold.samples.images import DEFAULT_LIMITS, ImageError, ImageFacts, ImageLimits, check_image
from finegold.samples.sample import IMAGE_PLACEHOLDER, Problem, Row, Sample


@dataclass(frozen=True, slots=True)
class Checked:
    """A row and what is known about it.

    Attributes:
        row: As the reader gave it.
        problem: Why it cannot be used; None if it can.
        images: Facts of the images that were read, in order; fewer than the sample has if one is bad.
        content_hash: Hex sha256 of the canonical record without its id and of the images' bytes; None
            unless usable.
    """

    row: Row
    problem: Problem | None
    images: tuple[ImageFacts, ...] = ()
    stamps: tuple[str, ...] = ()
    content_hash: str | None = None

    @property
    def usable(self) -> bool:
        """Whether nothing is wrong with the row."""
        return self.problem is None


def check(row: Row, *, limits: ImageLimits = DEFAULT_LIMITS) -> Checked:
    """Check one row by itself; never raises on a bad one.

    What needs the other rows (repeated ids and duplicates) is `Repeats`' work.
    """
    sample = row.sample
    if sample is None:
        return Checked(row, row.problem)
    problem = _text_problem(sample)
    stamps = tuple(file_stamp(ref.path) for ref in sample.images)
    images: list[ImageFacts] = []
    for ref in sample.images:
        try:
            images.append(check_image(ref, limits=limits))
        except ImageError as error:
            problem = error.problem
            break
    content = None
    if problem is None:
        try:
            content = content_hash(sample, images)
        except RecursionError:
            problem = Problem("malformed-row", "the record is nested too deeply to be hashed")
    return Checked(row, problem, tuple(images), stamps, content)


def file_stamp(path: Path | None) -> str:
    """Tells cheaply that a file has changed: `SIZE:MTIME_NS`, `-` if it is not there, empty for no path."""
    if path is None:
        return ""
    try:
        found = os.stat(path)  # noqa: PTH116 - once an image, and half the time of pathlib
    except (OSError, ValueError):
        return "-"
    return f"{found.st_size}:{found.st_mtime_ns}"


def content_hash(sample: Sample, images: list[ImageFacts]) -> str:
    """Hex sha256 of what a row holds besides its id: the canonical record, and each image's bytes."""
    digest = hashlib.sha256(canonical(without_id(sample.record)))
    for image in images:
        digest.update(b"\n" + image.sha256.encode("ascii"))
    return digest.hexdigest()


def _text_problem(sample: Sample) -> Problem | None:
    placeholders = sum(turn.text.count(IMAGE_PLACEHOLDER) for turn in sample.turns)
    if placeholders != len(sample.images):
        return Problem(
            "placeholder-mismatch",
            f"the row has {len(sample.images)} images and {placeholders} {IMAGE_PLACEHOLDER} placeholders, "
            "expected one each",
        )
    if not sample.answer.strip():
        return Problem("empty-answer", "the row has no answer, expected text to learn from")
    return None


@dataclass
class Repeats:
    """Finds ids and rows that were there before, among the usable rows. Feed it in row order.

    Of two rows with one id the later is the bad one, and so is the later of two that are equal.
    """

    ids: dict[str, str] = field(default_factory=dict)
    contents: dict[str, str] = field(default_factory=dict)

    def add(self, sample_id: str, content: str, place: str) -> Problem | None:
        """Note a usable row; the problem if it repeats an earlier one, and is then not noted."""
        if content in self.contents:
            return Problem("duplicate-row", f"the row equals that at {self.contents[content]}")
        if sample_id in self.ids:
            return Problem(
                "repeated-id",
                f"the id '{sample_id}' is also that of another row, at {self.ids[sample_id]}: "
                "--ids row numbers the rows instead",
            )
        self.ids[sample_id] = place
        self.contents[content] = place
        return None

    def judge(self, checked: Checked) -> Checked:
        """The row, with a problem if it repeats an earlier usable one."""
        if checked.problem is not None or checked.content_hash is None:
            return checked
        problem = self.add(checked.row.id, checked.content_hash, checked.row.place)
        return checked if problem is None else replace(checked, problem=problem)
