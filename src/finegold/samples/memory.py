"""Rows that a program holds become a file: frames, Arrow tables, Hugging Face datasets, iterables of dicts.

A run folder must find its rows again tomorrow, so rows are written once, under a name that their content
gives. Rows of JSON values become JSON lines; rows that hold images or bytes, and tables, become Parquet.
"""

import json
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from finegold.errors import ConfigError, DataError, with_article
from finegold.run import arrow_file, file_sha256
from finegold.samples.pixels import to_rgb

BATCH = 1024
"""Rows that are converted at a time."""
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16")
"""Pixel layouts that a PNG holds as they are."""


def is_path(data: object) -> bool:
    """Whether data is a name of files rather than rows."""
    return isinstance(data, str | Path)


def store_rows(data: Any, folder: Path) -> Path:
    """Write rows to a file whose name is a hash of its content; rows stored before are found again.

    Args:
        data: A `datasets.Dataset`, a pandas or polars frame, an Arrow table, or an iterable of dicts. Its
            columns are those of any format that finegold reads. An image is a PIL image, bytes, a dict of
            `bytes` and `path`, or a path.
        folder: Where the file goes; made if it is missing.

    Returns:
        The file: `rows-<hash>.parquet` or `rows-<hash>.jsonl`.

    Raises:
        ConfigError: If data is none of these.
        DataError: If there are no rows, or a row cannot be stored.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        written = _write(data, Path(scratch))
        target = folder / f"rows-{file_sha256(written)[:16]}{written.suffix}"
        if not target.exists():
            written.replace(target)
    return target


def _write(data: Any, folder: Path) -> Path:
    kind = f"{type(data).__module__}.{type(data).__name__}"
    if isinstance(data, Mapping) and kind.startswith("datasets."):
        splits = ", ".join(data) or "none"
        raise ConfigError(f"the data is a dataset dict with the splits {splits}, expected one of them")
    if kind.startswith("datasets.") and hasattr(data, "with_format"):
        return _write_parquet(_of_hugging_face(data), folder)
    if isinstance(data, pa.Table):
        return _write_parquet(iter([data]), folder)
    if hasattr(data, "to_arrow") and callable(data.to_arrow):
        return _write_parquet(iter([data.to_arrow()]), folder)
    if kind.startswith("pandas."):
        return _write_rows(_of_pandas(data), folder)
    if isinstance(data, Mapping) or not isinstance(data, Iterable):
        raise ConfigError(
            f"the data is {with_article(type(data).__name__)}, expected a path, a datasets.Dataset, a pandas "
            "or polars frame, an Arrow table, or an iterable of dicts"
        )
    return _write_rows(iter(data), folder)


def _of_hugging_face(data: Any) -> Iterator[pa.Table]:
    """Tables of a dataset's rows, in its own order, with the bytes of images that it keeps as paths."""
    from datasets.table import embed_table_storage

    for table in data.with_format("arrow").iter(BATCH):
        yield embed_table_storage(table if isinstance(table, pa.Table) else pa.Table.from_batches([table]))


def _of_pandas(frame: Any) -> Iterator[dict[str, Any]]:
    columns = [str(name) for name in frame.columns]
    if len(set(columns)) < len(columns):
        raise DataError("the frame has two columns of one name: rename one")
    for values in frame.itertuples(index=False, name=None):
        yield dict(zip(columns, values, strict=True))


def _write_rows(rows: Iterator[Any], folder: Path) -> Path:
    """JSON lines as long as every value is one of JSON, else Parquet."""
    lines = folder / "rows.jsonl"
    held: list[Any] = []
    with lines.open("w", encoding="utf-8", newline="\n") as file:
        for number, row in enumerate(rows):
            if not isinstance(row, Mapping):
                raise ConfigError(
                    f"row {number} is {with_article(type(row).__name__)}, expected a dict of the row's fields"
                )
            try:
                text = _line(_plain(row))
            except (TypeError, ValueError):
                held = [row]
                break
            file.write(text + "\n")
    if held:
        with lines.open(encoding="utf-8", newline="\n") as before:
            return _write_parquet(_united(_tables(chain(map(json.loads, before), held, rows))), folder)
    if not lines.stat().st_size:
        raise DataError("the data has no rows, expected at least one")
    return lines


def _line(row: Any) -> str:
    text = json.dumps(row, ensure_ascii=False, allow_nan=False)
    # JSON can hold half a surrogate pair, as an escape, and UTF-8 cannot.
    return text if text.isascii() or _encodable(text) else json.dumps(row, allow_nan=False)


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: Any) -> Any:
    """A value as JSON has it: numpy scalars and arrays become numbers and lists, a missing number null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        if _is_picture(value):
            raise TypeError("an image is no value of JSON")
        return _plain(value.tolist())
    if isinstance(value, float) and math.isnan(value):
        return None
    return str(value) if isinstance(value, Path) else value


def _is_picture(value: Any) -> bool:
    """Whether an array is an image: height x width x 3 or 4, one byte a channel."""
    return (
        isinstance(value, np.ndarray)
        and value.ndim == 3
        and value.dtype == np.uint8
        and value.shape[2] in (3, 4)
    )


def _stored(value: Any) -> Any:
    """A value as Parquet has it: an image becomes its encoded bytes."""
    if _is_picture(value):
        value = Image.fromarray(value)
    if isinstance(value, Image.Image):
        return {"bytes": _encoded(value), "path": None}
    if isinstance(value, Mapping):
        return {str(key): _stored(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_stored(item) for item in value]
    return value if isinstance(value, bytes | bytearray | memoryview) else _plain(value)


def _encoded(image: Image.Image) -> bytes:
    source = getattr(image, "filename", "")
    if source and image.format is not None and _is_as_on_disk(image, source):
        return Path(source).read_bytes()
    buffer = BytesIO()
    try:
        (image if image.mode in _PNG_MODES else to_rgb(image)).save(buffer, "PNG")
    except ValueError as error:
        raise DataError(f"an image cannot be stored ({error}): convert it to RGB") from None
    return buffer.getvalue()


def _is_as_on_disk(image: Image.Image, source: str) -> bool:
    """Whether an image that was opened from a file has the file's pixels: it may be shrunk or painted on."""
    try:
        with Image.open(source) as file:
            if (file.mode, file.size) != (image.mode, image.size):
                return False
            # One that is not loaded yet stays so, since the caller may hold very many.
            return bool(getattr(image, "tile", None)) or file.tobytes() == image.tobytes()
    except (OSError, ValueError):
        return False


def _tables(rows: Iterator[Mapping[str, Any]]) -> Iterator[pa.Table]:
    start = 0
    while batch := [_stored(row) for row in islice(rows, BATCH)]:
        names = list(dict.fromkeys(name for row in batch for name in row))
        try:
            yield pa.table({name: pa.array([row.get(name) for row in batch]) for name in names})
        except (pa.ArrowException, OverflowError) as error:
            first = str(error).splitlines()[0]
            raise DataError(
                f"rows {start} to {start + len(batch) - 1} do not fit one table ({first}): give each field "
                "one type in all rows"
            ) from None
        start += len(batch)


def _united(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """One table of all, whose schemas are united; null columns take the type of a later table."""
    try:
        yield pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        first = str(error).splitlines()[0]
        raise DataError(
            f"the rows do not fit one table ({first}): give each field one type in all rows"
        ) from None


def _write_parquet(tables: Iterator[pa.Table], folder: Path) -> Path:
    """One Parquet file of tables with one schema, of which one is held at a time."""
    first = next((table for table in tables if table.num_rows), None)
    if first is None:
        raise DataError("the data has no rows, expected at least one")
    path = folder / "rows.parquet"
    with arrow_file(path, "wb") as sink, pq.ParquetWriter(sink, first.schema) as file:
        for table in chain([first], tables):
            file.write_table(table, row_group_size=BATCH)
    return path
