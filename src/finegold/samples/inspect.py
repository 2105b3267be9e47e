"""What a dataset holds, in numbers: the arithmetic behind `finegold inspect`."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from finegold.engines import map_ordered
from finegold.run import progress
from finegold.run.cards import card
from finegold.samples.check import Checked, check, row_bytes
from finegold.samples.dataset import Dataset
from finegold.samples.kinds import KindRules
from finegold.samples.opening import open_dataset
from finegold.samples.order import find_notes
from finegold.samples.remote_images import fetch_ahead
from finegold.samples.repeats import Repeats
from finegold.samples.sample import Row


@dataclass(frozen=True, slots=True)
class Spread:
    """The smallest, middle and largest of some numbers; the mean of two middle ones."""

    min: int
    median: float
    max: int

    @classmethod
    def of(cls, values: Sequence[int]) -> "Spread | None":
        """The spread of some integers; None if there are none."""
        if not len(values):
            return None
        numbers = np.asarray(values, np.int64)
        return cls(int(numbers.min()), float(np.median(numbers)), int(numbers.max()))


@dataclass(frozen=True, slots=True)
class Inspection:
    """Counts over checked rows. Figures other than `rows` and `bad` are of the usable rows.

    Attributes:
        rows: Number of all rows.
        usable: Number of rows with nothing wrong.
        images: Image references; one image in two rows counts twice.
        text_only: Rows without an image.
        image_bytes: Encoded bytes of the images.
        turns: User and assistant turns a row.
        answer_chars: Characters of the answers.
        width: Widths of the upright images in pixels.
        height: Heights of the upright images in pixels.
        sources: Number of usable rows of each source, the most frequent first, then by name.
        kinds: The same for each kind of instruction.
        notes: Number of usable rows by what is done with them, see `order.find_notes`.
        bad: The rows that cannot be used, in order, without their samples.
    """

    rows: int
    usable: int
    images: int
    text_only: int
    image_bytes: int
    turns: Spread | None
    answer_chars: Spread | None
    width: Spread | None
    height: Spread | None
    sources: dict[str, int]
    kinds: dict[str, int]
    notes: dict[str, int]
    bad: list[Row]

    @property
    def codes(self) -> dict[str, int]:
        """Number of bad rows by code, the most frequent first, then by name."""
        return _most_first(Counter(row.exclusion.code for row in self.bad if row.exclusion))

    def _repr_html_(self) -> str:
        facts = {"usable": f"{self.usable:,}", "bad": f"{len(self.bad):,}", "images": f"{self.images:,}"}
        cells = [(row.id, row.place, out.code, out.reason) for row in self.bad[:20] if (out := row.exclusion)]
        return card(f"{self.rows:,} rows", facts, ("id", "place", "code", "reason") if cells else (), cells)

    def as_json(self, format: str, files: Sequence[str]) -> dict[str, Any]:
        """The object that `finegold inspect --json` prints.

        Its keys: `format`; `files`; the counts and spreads above; `excluded`, the number of bad rows by code;
        `bad`, each bad row as `{row, id, place, code, reason}` with `row` counted from 0.
        """
        bad = [
            {"row": row.index, "id": row.id, "place": row.place, "code": out.code, "reason": out.reason}
            for row in self.bad
            if (out := row.exclusion)
        ]
        counts = asdict(replace(self, bad=[]))
        return {"format": format, "files": list(files)} | counts | {"excluded": self.codes, "bad": bad}


def _most_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def inspect(data: Any, *, strict: bool = False, workers: int | None = None, **reading: Any) -> Inspection:
    """Read a dataset, and say what is in it and what is wrong with it. Changes nothing.

    Args:
        data: A `Dataset`, or what `open_dataset` takes.
        strict: Whether to stop at the first bad row.
        workers: Threads that read images; the cores of the process if None.
        reading: Further arguments of `open_dataset`, such as `images`.

    Raises:
        DataError: If there is no dataset that can be understood.
    """
    dataset = data if isinstance(data, Dataset) else open_dataset(data, **reading)
    fetch_ahead(dataset)
    with progress("Checking rows", len(dataset), "rows") as advance:
        judged = map(Repeats().judge, map_ordered(check, dataset.rows(), workers=workers, weigh=row_bytes))
        return inspect_rows(judged, dataset.kinds, strict=strict, advance=advance)


def inspect_rows(
    checked: Iterable[Checked],
    kinds: KindRules,
    *,
    strict: bool = False,
    advance: Callable[[int], None] | None = None,
) -> Inspection:
    """Count rows that are checked and judged, with `strict` up to the first bad one.

    `kinds` tells the kinds apart. `advance` is called with 1 at each row, to show the progress.
    """
    bad: list[Row] = []
    by_source, by_kind, notes = Counter[str](), Counter[str](), Counter[str]()
    images, turns, chars, sizes, widths, heights = (array("q") for _ in range(6))
    for one in checked:
        if advance is not None:
            advance(1)
        sample = one.row.sample
        if one.exclusion is not None or sample is None:
            bad.append(replace(one.row, sample=None))
            if strict:
                break
            continue
        by_source[sample.source] += 1
        by_kind[kinds.kind(sample)] += 1
        notes.update(find_notes(sample))
        images.append(len(sample.images))
        turns.append(sum(turn.role != "system" for turn in sample.turns))
        chars.append(len(sample.answer))
        sizes.extend(image.file_bytes for image in one.images)
        widths.extend(image.width for image in one.images)
        heights.extend(image.height for image in one.images)
    return Inspection(
        rows=len(images) + len(bad),
        usable=len(images),
        images=sum(images),
        text_only=images.count(0),
        image_bytes=sum(sizes),
        turns=Spread.of(turns),
        answer_chars=Spread.of(chars),
        width=Spread.of(widths),
        height=Spread.of(heights),
        sources=_most_first(by_source),
        kinds=_most_first(by_kind),
        notes=_most_first(notes),
        bad=bad,
    )
