"""The step that checks every row once and keeps what it found: the samples table of a run folder."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import lru_cache, partial
from itertools import chain, count, groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from finegold.engines.threads import map_ordered
from finegold.errors import DataError
from finegold.run import (
    BLOCK_ROWS,
    Blocks,
    PartTable,
    RunFolder,
    TextColumn,
    canonical_json,
    fill,
    fingerprint,
)
from finegold.run.stores import remote_cache
from finegold.samples.check import (
    Checked,
    ImageChecks,
    check,
    content_may_be_equal,
    file_stamp,
    image_stamp,
    row_bytes,
    together,
)
from finegold.samples.data_files import DataFiles
from finegold.samples.dataset import Dataset
from finegold.samples.image_cache import is_remote
from finegold.samples.images import DEFAULT_LIMITS
from finegold.samples.remote_images import fetch_ahead
from finegold.samples.repeats import Repeats
from finegold.samples.sample import Row, Sample

T = TypeVar("T")

VERSION = 3
"""Version of this step: raised whenever the same data would give another table."""
SCHEMA = pa.schema(
    [
        ("row", pa.int64()),
        ("sample_id", pa.string()),
        ("place", pa.string()),
        ("status", pa.string()),
        ("code", pa.string()),
        ("reason", pa.string()),
        ("instruction", pa.list_(pa.string())),
        ("answer", pa.list_(pa.string())),
        ("turns", pa.int32()),
        ("n_images", pa.int32()),
        ("images", pa.list_(pa.string())),
        ("image_stamps", pa.list_(pa.string())),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("answer_chars", pa.int64()),
        ("content_hash", pa.string()),
        ("image_bytes", pa.int64()),
        ("source", pa.string()),
        ("kind", pa.string()),
    ]
)
"""One row a record, in dataset order.

`status` is `ok` or `excluded`; `code` and `reason` are null for `ok`. What could not be read of an excluded
row is null. `instruction` and `answer` hold one text a (question, answer) pair: see `Sample.pairs`. `turns`
counts user and assistant turns; `width` and `height` are of the first image, upright;
`answer_chars` counts Unicode characters of `answer`; `image_bytes` adds up the encoded images;
`image_stamps` is as in `check.Checked`; `source` and `kind` are what rows are grouped by.
"""


def ingest(
    run: RunFolder, dataset: Dataset, *, strict: bool = False, workers: int | None = None
) -> PartTable:
    """Check every row and write the samples table of `SCHEMA`, or find that an earlier one is still valid.

    A table is valid if the data files have the same size and times, and the image files too: both are checked
    each time. An image of which only the last change of status differs, as after a hard link, is hashed
    again. From the first part with a changed image on, the parts are made anew, since which of two equal rows
    is the later one may have changed. Images behind addresses are not checked again. The images are checked
    in `workers` threads, by default one for each core.

    Raises:
        DataError: If `strict` and a row is bad, or the dataset cannot be read on.
    """
    if not (run.path / "samples").exists():
        run.size_parts(len(dataset), sum(file.stat().st_size for file in dataset.files() if file.is_file()))
    table = samples_table(run, dataset)
    kept = _kept_parts(table, dataset, strict)
    if kept < len(table.paths()):
        _discard(table, kept)
    if table.done:
        return table
    repeats, first = _repeats_of(table, kept), kept * table.blocks

    def make(missing: list[int], advance: Callable[[int], None]) -> Blocks:
        fetch_ahead(dataset)
        groups, checks = together(dataset.rows(first * BLOCK_ROWS)), ImageChecks()
        checked = map_ordered(
            partial(_check_rows, checks), groups, workers=workers, weigh=itemgetter(1), quick=checks.knows
        )
        judged = map(repeats.judge, chain.from_iterable(checked))
        for block in count(first):
            rows = []
            for one in islice(judged, BLOCK_ROWS):
                if strict and one.exclusion is not None:
                    raise _strict_error(one.row.place, one.row.id, one.exclusion.reason)
                advance(1)
                rows.append(_table_row(one, dataset))
            if not rows and block not in missing:
                break
            yield block, pa.Table.from_pylist(rows, schema=SCHEMA)
            for row in rows:
                if row["code"] is not None:
                    why = {name: row[name] for name in ("place", "code", "reason")}
                    run.log("excluded", row=row["row"], id=row["sample_id"], **why)

    every = np.broadcast_to(np.True_, len(dataset))  # no byte a row
    return fill(run, table, make, usable=every, step="ingest", label="Checking rows", by_block=False)


def _check_rows(checks: ImageChecks, run: tuple[list[Row], int]) -> list[Checked]:
    """Check a run of rows, each by itself."""
    return [check(row, checks=checks) for row in run[0]]


def samples_table(run: RunFolder, dataset: Dataset) -> PartTable:
    """The samples table of a dataset as its files are now, finished or not."""
    parameters = {
        "version": VERSION,
        "source": stamp(dataset),
        "limits": asdict(DEFAULT_LIMITS),
        "kinds": fingerprint(dataset.kinds.content()),
    }
    return run.table("samples", "ingest", parameters, SCHEMA)


def _strict_error(place: str, sample_id: str, reason: str) -> DataError:
    """The error that `--strict` stops with."""
    return DataError(
        f"{place} (id '{sample_id}') cannot be used: {reason}; without --strict it is excluded and counted"
    )


def _table_row(checked: Checked, dataset: Dataset) -> dict[str, Any]:
    row, sample, exclusion = checked.row, checked.row.sample, checked.exclusion
    found: dict[str, Any] = {
        "row": row.index,
        "sample_id": _printable(row.id),
        "place": _printable(row.place),
        "status": "ok" if exclusion is None else "excluded",
        "code": exclusion and exclusion.code,
        "reason": exclusion and _printable(exclusion.reason),
    }
    if sample is not None:
        pairs = sample.pairs
        found |= {
            "instruction": [pair.question for pair in pairs],
            "answer": [pair.answer for pair in pairs],
            "turns": sum(turn.role != "system" for turn in sample.turns),
            "n_images": len(sample.images),
            "images": [image.name for image in sample.images],
            "image_stamps": list(checked.stamps),
            "answer_chars": len(sample.answer),
            "content_hash": checked.content_hash,
            "image_bytes": sum(image.file_bytes for image in checked.images),
            "source": _printable(sample.source),
            "kind": dataset.kinds.kind(sample, pairs),
        }
    if checked.images:
        found |= {"width": checked.images[0].width, "height": checked.images[0].height}
    return found


def _printable(text: str) -> str:
    """Text of a bad row may hold half characters, which no file can."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


_IMAGES = ("row", "images", "image_stamps")
_KEPT = ("sample_id", "place", "status", "reason", *_IMAGES)
_AT_ONCE = 65_536
IMAGES_REMEMBERED = 1 << 18
"""Images whose state is remembered while the parts of a table are looked at."""


def _kept_parts(table: PartTable, dataset: Dataset, strict: bool) -> int:
    """Number of leading parts that are still valid.

    An image that many rows share is looked at once. A row whose images were only touched is checked again;
    if its content is the same, its part stays.
    """
    kept = 0
    touched: dict[int, int] = {}
    change_of = lru_cache(maxsize=IMAGES_REMEMBERED)(partial(_change, dataset))
    whole = table.done
    for part, path in enumerate(table.paths()):
        if path != table.part_path(part) or not (whole or table.is_whole(part)):
            break
        found = table.part(part, _KEPT)
        changes = {pair: change_of(*pair) for pair in _stamped_images(found)}
        if "changed" in changes.values():
            break
        if "touched" in changes.values():
            for row, names, stamps in zip(*(found[name].to_pylist() for name in _IMAGES), strict=True):
                pairs = zip(names or (), stamps or (), strict=True)
                if any(changes.get(pair) == "touched" for pair in pairs):
                    touched[row] = part
        if strict and len(bad := found.filter(pc.not_equal(found["status"], "ok")).slice(0, 1)):
            first = bad.to_pylist()[0]
            raise _strict_error(first["place"], first["sample_id"], first["reason"])
        kept = part + 1
    renewed = {}
    for checked in map_ordered(check, dataset.rows_at(touched), weigh=row_bytes):
        part = touched[checked.row.index]
        if part < kept and not _same_content(table.part(part), checked):
            kept = part
        renewed[checked.row.index] = list(checked.stamps)
    for part in sorted(set(touched.values())):
        if part < kept:
            _renew_stamps(table, part, renewed)
    return kept


def _stamped_images(part: pa.Table) -> list[tuple[str, str]]:
    """The distinct images of a part that lie in files, each with the stamp that it had."""
    names, stamps = (pc.list_flatten(part[name]) for name in _IMAGES[1:])
    pairs = pa.table({"name": names, "stamp": stamps}).filter(pc.not_equal(stamps, ""))
    pairs = pairs.group_by(["name", "stamp"]).aggregate([])
    return list(zip(pairs["name"].to_pylist(), pairs["stamp"].to_pylist(), strict=True))


def _change(dataset: Dataset, name: str, stamped: str) -> Literal["none", "touched", "changed"]:
    """What became of an image file since it was checked."""
    now = image_stamp(dataset.locate(name))
    if now == stamped:
        return "none"
    return "touched" if content_may_be_equal(now, stamped) else "changed"


def _repeats_of(table: PartTable, parts: int) -> Repeats:
    """What the rows after some leading parts may repeat."""
    repeats = Repeats()
    for part in range(parts):
        found = table.part(part, ["sample_id", "content_hash", "place", "status"])
        usable = found.filter(pc.equal(found["status"], "ok"))
        for row in zip(*(usable[name].to_pylist() for name in usable.column_names[:3]), strict=True):
            repeats.add(*row)
    return repeats


def _same_content(part: pa.Table, checked: Checked) -> bool:
    """Whether a row is as its part says: its content, or that it could not be used for the same reason."""
    kept = part.filter(pc.equal(part["row"], checked.row.index)).to_pylist()[0]
    if kept["content_hash"] is not None or checked.content_hash is not None:
        return bool(kept["content_hash"] == checked.content_hash)
    return checked.exclusion is not None and kept["reason"] == _printable(checked.exclusion.reason)


def _renew_stamps(table: PartTable, part: int, stamps: Mapping[int, list[str]]) -> None:
    """Write a part again with the stamps that some of its rows have now."""
    rows = table.part(part)
    old = zip(rows["row"].to_pylist(), rows["image_stamps"].to_pylist(), strict=True)
    column = pa.array([stamps.get(row, stamped) for row, stamped in old], SCHEMA.field("image_stamps").type)
    table.write(part, rows.set_column(rows.column_names.index("image_stamps"), "image_stamps", column))


def _discard(table: PartTable, first: int) -> None:
    """Delete the parts from `first` on: the mark of a whole table first, the earliest part last."""
    later = [path for path in table.paths() if path >= table.part_path(first)]
    table.drop(int(path.stem.removeprefix("part-")) for path in reversed(later))


def samples_of_blocks(
    dataset: Dataset, usable: npt.NDArray[np.bool_], blocks: list[int]
) -> Iterator[tuple[int, Sample | None]]:
    """Yield the usable samples of some blocks (sorted), each with its block, and (block, None) after it."""
    left = deque(blocks)
    rows = dataset.rows(left[0] * BLOCK_ROWS) if left else iter(())
    for block, group in groupby(rows, lambda row: row.index // BLOCK_ROWS):
        if block == left[0]:
            for row in group:
                if row.index < len(usable) and usable[row.index] and row.sample is not None:
                    yield block, row.sample
            yield left.popleft(), None
        if not left:
            break
    yield from ((block, None) for block in left)


def item_bytes(item: tuple[int, Sample | None]) -> int:
    """Bytes of texts and images that an item of `samples_of_blocks` holds in memory."""
    return 0 if item[1] is None else item[1].held_bytes


def by_block(items: Iterable[tuple[int, T | None]]) -> Iterator[tuple[int, list[T]]]:
    """Gather what was made of `samples_of_blocks`, one item a sample and None at the end of a block."""
    waiting: list[T] = []
    for block, item in items:
        if item is None:
            yield block, waiting
            waiting = []
        else:
            waiting.append(item)


def stamp(dataset: Dataset) -> dict[str, Any]:
    """Tells cheaply whether a dataset is the same: its options, and each data file's name, size and time.

    JSON-able. Image files are not part of it: `ingest` compares those that the rows name.
    """
    source = dataset.source
    return {
        "format": dataset.format,
        "options": {"instruction": source.instruction, "ids": source.ids, "allow_urls": source.allow_urls},
        "source_field": source.source_field,
        "allow_links": None if source.allow_links is None else str(source.allow_links),
        "image_root": None if dataset.root.folder is None else _root_stamp(dataset.root.folder),
        "files": [[file.name, _data_stamp(file, source)] for file in dataset.files()],
        **({"columns": source.columns.text} if source.columns else {}),
        **({"parts": [stamp(part) for part in dataset.parts]} if dataset.parts else {}),
    }


def _root_stamp(folder: Path) -> str:
    """The image folder; one of a store by its place in the cache, which is the same everywhere."""
    return str(folder.relative_to(remote_cache()) if is_remote(folder) else folder)


def _data_stamp(file: Path, source: DataFiles) -> str:
    """A mark that changes with a data file; of a remote one its revision, which is the same everywhere."""
    return source.revision if source.revision and is_remote(file) else file_stamp(file)


def dataset_fingerprint(table: pa.Table) -> str:
    """Hex sha256 over the sorted (id, content hash) pairs of the usable rows: the same in any row order.

    Args:
        table: The columns `sample_id`, `status` and `content_hash` of the samples table.
    """
    usable = pc.equal(table["status"], "ok")
    ids, content = (TextColumn(table[name].filter(usable)) for name in ("sample_id", "content_hash"))
    order = ids.order()
    digest = hashlib.sha256()
    for start in range(0, len(order), _AT_ONCE):
        part = order[start : start + _AT_ONCE]
        names, hashes = (column.take(part).array.cast(pa.string()) for column in (ids, content))
        length = pc.utf8_length(names).cast(pa.string())
        lines = pc.binary_join_element_wise(length, ":", names, "=", hashes, "\n", "")
        digest.update(_text_bytes(lines))
    return digest.hexdigest()


def columns_fingerprint(table: pa.Table) -> str:
    """What `fingerprint` gives for a mapping from the names of columns of texts to lists of their values."""
    digest = hashlib.sha256()
    for at, name in enumerate(sorted(table.column_names)):
        digest.update(f"{',' if at else '{'}{canonical_json(name)}:[".encode())
        begun = False
        for chunk in table[name].chunks:
            for start in range(0, len(chunk), _AT_ONCE):
                digest.update((b"," if begun else b"") + _json_items(chunk.slice(start, _AT_ONCE)))
                begun = True
        digest.update(b"]")
    digest.update(b"}")
    return digest.hexdigest()[:12]


def _json_items(texts: pa.Array) -> bytes:
    """At least one text as the items of canonical JSON, with commas between them."""
    plain = not texts.null_count and not pc.any(pc.match_substring_regex(texts, r'["\\\x00-\x1f]')).as_py()
    if not plain:
        return canonical_json(texts.to_pylist())[1:-1].encode()
    return b'"' + _text_bytes(pc.binary_join_element_wise(texts, '","', ""))[:-2]


def _text_bytes(texts: pa.Array) -> bytes:
    """The bytes of texts that Arrow has just made, one after the other."""
    return bytes(texts.buffers()[2] or b"")[: pc.sum(pc.binary_length(texts)).as_py()]
