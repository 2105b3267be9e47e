"""Open a dataset by looking at what is in it.

`layout` finds the files of one dataset in a folder. What a finegold run leaves beside a subset
(`selection.json`, `report.html`) and hidden files are ignored. The content of the files decides on their
format (`Dataset.fit`).
"""

from pathlib import Path
from typing import Any

from finegold.errors import ConfigError, DataError
from finegold.run import cache_folder
from finegold.samples.dataset import FORMATS, DataFiles, Dataset, Ids
from finegold.samples.kinds import kind_rules
from finegold.samples.layout import find_files
from finegold.samples.memory import is_path, store_rows
from finegold.samples.roots import ImageRoot

_ELSEWHERE = {
    b"\x1f\x8b": "compressed with gzip, expected a plain file: unpack it first",
    b"PK\x03\x04": "a zip archive, expected a dataset file: unpack it first",
    b"\x28\xb5\x2f\xfd": "compressed with zstd, expected a plain file: unpack it first",
    b"ARROW1": "one Arrow file, expected a dataset: name the folder that save_to_disk made",
    b"\xff\xff\xff\xff": "one Arrow stream, expected a dataset: name the folder that save_to_disk made",
    b"\xff\xd8\xff": "a JPEG image, expected a dataset: name the data file and give the images with --images",
    b"\x89PNG": "a PNG image, expected a dataset: name the data file and give the images with --images",
}
"""What files that are no dataset begin with."""


def open_dataset(
    data: Any,
    *,
    images: str | Path | None = None,
    format: str | None = None,
    instruction: str | None = None,
    ids: Ids = "record",
    allow_urls: bool = False,
    allow_links: str | Path | None = None,
    source_field: str | None = None,
    kinds: str | Path | None = None,
) -> Dataset:
    """Open a dataset without loading it.

    Args:
        data: A file, a folder, or a glob pattern of Parquet, JSONL or tar files; or rows in memory: a
            `datasets.Dataset`, a pandas or polars frame, an Arrow table, an iterable of dicts. Rows are kept
            in the user's cache folder, and their image paths are relative to the working folder.
        images: Folder that image paths are relative to and may not leave. Default: the folder `images` or
            `image` beside the data in which the first records' images are, else the data's own folder.
        format: One of `FORMATS`; None to find out.
        instruction: The user's turn of rows that have none; None for MiniGPT-4's
            `Describe this image in detail.`
        ids: `record` takes the id of each record, or a hash of it where it has none; `row` numbers the
            rows from 0.
        allow_urls: Whether images may be fetched from http(s) addresses.
        allow_links: A folder outside of the dataset into which its links may lead.
        source_field: Field of the records that names a row's source, such as `meta.dataset`; None for the
            first folder of the image's path, or the name of the data.
        kinds: TOML file of rules on kinds of instruction that come before finegold's own.

    Raises:
        ConfigError: If `format` or `ids` is unknown, or `kinds` is no file of rules.
        DataError: If there is no dataset that can be understood; one sentence says what was found.
    """
    if format is not None:
        FORMATS.get(format)
    if ids not in ("record", "row"):
        raise ConfigError(f"ids are taken from '{ids}', expected 'record' or 'row'")
    if not is_path(data):
        data, images = store_rows(data, cache_folder() / "rows"), images or Path.cwd()
    path = Path(data)
    links = None if allow_links is None else Path(allow_links)
    root = None if images is None else ImageRoot.at(Path(images), allow_urls=allow_urls, allow_links=links)
    formats = FORMATS.usable(format)
    files = find_files(path, list(formats.values()), links)
    own = None if kinds is None else Path(kinds)
    kind_rules(own)  # a fault in the rules is found at once
    source = DataFiles(path, files, format, instruction, ids, allow_urls, source_field, own, links)
    fits = {name: one.fit(source) for name, one in formats.items()}
    surest = max(fits, key=fits.__getitem__)
    if fits[surest] < 1:
        _refuse_other_files(source, fits[surest] > 0)
    if format is not None and not fits[format]:
        raise DataError(
            f"{source.files[0].name} is {formats[surest].content}, expected the format '{format}': omit "
            "--format"
        )
    return formats[format or surest](source, root)


def _refuse_other_files(source: DataFiles, text: bool) -> None:
    name, head = source.files[0].name, source.head
    for magic, what in _ELSEWHERE.items():
        if head.startswith(magic):
            raise DataError(f"{name} is {what}")
    if not head.strip():
        raise DataError(f"{name} is empty, expected a dataset")
    if not text:
        raise DataError(
            f"{name} is a binary file, expected JSON text, Parquet or tar: name the dataset itself"
        )
