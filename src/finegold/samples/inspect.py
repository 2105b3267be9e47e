"""What a dataset holds, in numbers: the arithmetic behind `finegold inspect`."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from finegold.samples.check import Checked


@dataclass(frozen=True, slots=True)
class Spread:
    """Smallest, middle and largest of some numbers; of two middle ones the median is the mean."""

    min: int
    median: float
    max: int

    @classmethod
    def of(cls, values: Sequence[int]) -> "Spread | None":
        """The spread of integers; None of none."""
        if not len(values):
            return None
        numbers = np.asarray(values, np.int64)
        return cls(int(numbers.min()), float(np.median(numbers)), int(numbers.max()))


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used.

    Attributes:
        row: 0-based position.
        id: Its id, or what could be read of it.
        place: Where a person finds it.
        code: Of the problem.
        reason: One sentence.
    """

    row: int
    id: str
    place: str
    code: str
    reason: str


@dataclass
class Inspection:
    """Counts over checked rows. Figures other than `rows` and `bad` are of the usable rows.

    Attributes:
        rows: All of them.
        usable: Those with nothing wrong.
        images: Image references; one image in two rows counts twice.
        text_only: Rows without an image.
        image_bytes: Encoded bytes of the images.
        bad: The rows that cannot be used, in order.
    """

    rows: int = 0
    usable: int = 0
    images: int = 0
    text_only: int = 0
    image_bytes: int = 0
    bad: list[BadRow] = field(default_factory=list)
    _turns: "array[int]" = field(default_factory=lambda: array("q"), repr=False)
    _chars: "array[int]" = field(default_factory=lambda: array("q"), repr=False)
    _widths: "array[int]" = field(default_factory=lambda: array("q"), repr=False)
    _heights: "array[int]" = field(default_factory=lambda: array("q"), repr=False)

    def add(self, checked: Checked) -> None:
        """Count one row."""
        self.rows += 1
        row, sample = checked.row, checked.row.sample
        if checked.problem is not None or sample is None:
            assert checked.problem is not None
            problem = checked.problem
            self.bad.append(BadRow(row.index, row.id, row.place, problem.code, problem.reason))
            return
        self.usable += 1
        self.images += len(sample.images)
        self.text_only += not sample.images
        self._turns.append(sum(turn.role != "system" for turn in sample.turns))
        self._chars.append(len(sample.answer))
        for image in checked.images:
            self.image_bytes += image.file_bytes
            self._widths.append(image.width)
            self._heights.append(image.height)

    @property
    def turns(self) -> Spread | None:
        """User and assistant turns a row."""
        return Spread.of(self._turns)

    @property
    def answer_chars(self) -> Spread | None:
        """Characters of the answers."""
        return Spread.of(self._chars)

    @property
    def widths(self) -> Spread | None:
        """Pixels, upright."""
        return Spread.of(self._widths)

    @property
    def heights(self) -> Spread | None:
        """Pixels, upright."""
        return Spread.of(self._heights)

    @property
    def codes(self) -> dict[str, int]:
        """Number of bad rows by code, the most frequent first, then by name."""
        counts = Counter(row.code for row in self.bad)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def inspect_rows(checked: Iterable[Checked]) -> Inspection:
    """Count rows that are checked and judged."""
    found = Inspection()
    for row in checked:
        found.add(row)
    return found


def stop_at_bad(checked: Iterable[Checked]) -> Iterator[Checked]:
    """The rows up to the first bad one, that one included."""
    for row in checked:
        yield row
        if row.problem is not None:
            return


def as_json(found: Inspection, format: str, files: Sequence[str]) -> dict[str, Any]:
    """The object that `finegold inspect --json` prints.

    Its keys: `format`; `files`; `rows`; `usable`; `images`; `text_only`; `image_bytes`; `turns`,
    `answer_chars`, `width` and `height`, each `{min, median, max}` or null; `excluded`, the number of bad
    rows by code; `bad`, each bad row as `{row, id, place, code, reason}` with `row` counted from 0.
    """
    return {
        "format": format,
        "files": list(files),
        "rows": found.rows,
        "usable": found.usable,
        "images": found.images,
        "text_only": found.text_only,
        "image_bytes": found.image_bytes,
        "turns": _spread(found.turns),
        "answer_chars": _spread(found.answer_chars),
        "width": _spread(found.widths),
        "height": _spread(found.heights),
        "excluded": found.codes,
        "bad": [
            {"row": row.row, "id": row.id, "place": row.place, "code": row.code, "reason": row.reason}
            for row in found.bad
        ],
    }


def _spread(spread: Spread | None) -> dict[str, float] | None:
    return None if spread is None else {"min": spread.min, "median": spread.median, "max": spread.max}
