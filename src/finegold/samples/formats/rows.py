"""What readers and writers of every format share: building one Row, and the positions that are kept."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from finegold.errors import DataError
from finegold.samples.dataset import ReadOptions
from finegold.samples.exclusions import Exclusion, RowError
from finegold.samples.formats.records import Parsed, hashed_id, parse_record, record_id
from finegold.samples.sample import ImageRef, Row, Sample

TOO_DEEP = Exclusion("malformed-row", "the record is nested too deeply to be read")


def build_row(
    index: int,
    place: str,
    record: Any,
    options: ReadOptions,
    parse: Callable[[], tuple[Parsed, tuple[ImageRef, ...]]],
) -> Row:
    """One Row from one record: what `parse` returns, or the exclusion that it raised."""
    try:
        parsed, images = parse()
        row_id = str(index) if options.ids == "row" else parsed.id or hashed_id(record)
        sample = Sample(row_id, images, parsed.turns, record)
        return Row(index, place, sample, None, row_id)
    except RowError as error:
        return Row(index, place, None, error.exclusion, _readable_id(index, record, options))
    except RecursionError:
        return Row(index, place, None, TOO_DEEP, f"row {index}")


def _readable_id(index: int, record: Any, options: ReadOptions) -> str:
    """The id of a record that could not be read whole: its own, or its hash, or its position."""
    if options.ids == "row":
        return str(index)
    try:
        return (record_id(record) if isinstance(record, dict) else None) or hashed_id(record)
    except (RowError, TypeError, ValueError, RecursionError):
        return f"row {index}"


def check_positions(keep: Sequence[int]) -> set[int]:
    """The positions as a set.

    Raises:
        DataError: If one is negative or named twice.
    """
    wanted = {int(index) for index in keep}
    if len(wanted) != len(keep) or min(wanted, default=0) < 0:
        raise DataError(
            "the positions to keep hold a negative or repeated number, expected distinct positions"
        )
    return wanted


def check_all_written(wanted: set[int], written: int, name: str) -> None:
    """Raise DataError if fewer records were found than are wanted."""
    if written != len(wanted):
        raise DataError(
            f"{name} has no record at position {max(wanted)}, expected every kept position to exist"
        )


def first_names(records: Sequence[Any]) -> list[str]:
    """Relative image paths of some records, to find the image folder by; unreadable records give none."""
    names = []
    for record in records:
        try:
            names += [image.name for image in parse_record(record).images if image.data is None]
        except RowError:
            continue
    return [name for name in names if not Path(name).is_absolute()]
