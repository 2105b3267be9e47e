"""Open a dataset by looking at what is in it.

`layout` finds the files of one dataset in a folder. What a finegold run leaves beside a subset
(`selection.json`, `report.html`) and hidden files are ignored. The content of the files decides on their
format (`Dataset.fit`).
"""

from pathlib import Path
from typing import Any

from finegold.errors import ConfigError, DataError
from finegold.run import cache_folder
from finegold.run.addresses import RemoteAddress, read_address
from finegold.samples.dataset import FORMATS, DataFiles, Dataset, Ids
from finegold.samples.exclusions import RowError
from finegold.samples.kinds import kind_rules
from finegold.samples.layout import find_files
from finegold.samples.memory import is_path, store_rows
from finegold.samples.reading import ColumnNames, resolve_reading
from finegold.samples.remote import FetchedData, download_bytes, fetch_data, image_address
from finegold.samples.remote_images import remote_images
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
_SPREADSHEETS = {".csv": "csv", ".xlsx": "excel", ".xls": "excel", ".ods": "excel"}
"""Suffixes of tables that no format reads, with the function of pandas, `read_NAME`, that does."""


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
    split: str | None = None,
    revision: str | None = None,
    download_limit: str | None = None,
    columns: ColumnNames | None = None,
) -> Dataset:
    """Open a dataset without loading it.

    Args:
        data: A file, a folder, or a glob pattern of Parquet, JSONL or tar files; `FOLDER#NAME` for a dataset
            of LLaMA-Factory's `dataset_info.json`; a hub id `OWNER/NAME`,
            `hf://datasets/OWNER/NAME[@REVISION][/PATH]`, or an address such as `s3://`, `gs://` or
            `https://`, whose files are downloaded into the user's cache folder; or rows in memory: a
            `datasets.Dataset`, a pandas or polars frame, an Arrow table, an iterable of dicts. Rows are kept
            in the user's cache folder, and their image paths are relative to the working folder.
        images: Folder that image paths are relative to and may not leave. Default: the folder `images` or
            `image` beside the data in which the first records' images are, else the data's own folder. Of
            a remote folder the images that records name are downloaded.
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
        split: The split or configuration to read, or `CONFIGURATION/SPLIT`, where there are several.
        revision: The revision that remote data must have: a commit, or what an earlier opening found.
        download_limit: Most that is downloaded of the data, and again of the images, such as `20GB`.
        columns: Which fields of the records hold what, where they have names of their own: a text such as
            `question=prompt,answer=response,image=photo`, or a mapping; see `columns.MEANINGS`.

    Raises:
        ConfigError: If `format` or `ids` is unknown, `kinds` is no file of rules, or `columns` no map.
        DataError: If there is no dataset that can be understood; one sentence says what was found.
    """
    if format is not None:
        FORMATS.get(format)
    if ids not in ("record", "row"):
        raise ConfigError(f"ids are taken from '{ids}', expected 'record' or 'row'")
    if not is_path(data):
        data, images = store_rows(data, cache_folder() / "rows"), images or Path.cwd()
    asked = {
        **{"data": data, "images": images, "format": format, "instruction": instruction, "ids": ids},
        **{"allow_urls": allow_urls, "allow_links": allow_links, "source_field": source_field},
        **{"kinds": kinds, "split": split, "download_limit": download_limit, "columns": columns},
    }
    links = None if allow_links is None else Path(allow_links)
    formats = FORMATS.usable(format)
    reading = resolve_reading(data, images, split, columns, format=format, allow_links=links)
    data, images, split = reading.data, reading.images, reading.split
    limit, address = download_bytes(download_limit), read_address(data)
    title, fetched = "", None
    if address is None:
        path = Path(str(data).removeprefix("file://"))
        files = find_files(path, list(formats.values()), links, split)
    else:
        fetched = _fetch(address, format, split, revision, limit)
        path, files, title = fetched.path, fetched.files, fetched.title
    elsewhere = image_address(images)
    root = None
    if images is not None and elsewhere is None:
        root = ImageRoot.at(Path(images), allow_urls=allow_urls, allow_links=links)
    own = None if kinds is None else Path(kinds)
    kind_rules(own)  # a fault in the rules is found at once
    source = DataFiles(
        *(path, files, format, instruction, ids, allow_urls, source_field, own, links, title),
        columns=reading.columns,
        revision=revision,
        download_limit=download_limit,
    )
    fits = {name: one.fit(source) for name, one in formats.items()}
    surest = max(fits, key=fits.__getitem__)
    if fits[surest] < 1:
        _refuse_other_files(source, fits[surest] > 0, json=formats[surest].content == "JSON text")
    if format is not None and not fits[format]:
        raise DataError(
            f"{source.files[0].name} is {formats[surest].content}, expected the format '{format}': omit "
            "--format"
        )
    opened = formats[format or surest]
    away = elsewhere is not None or (fetched is not None and root is None)
    if reading.columns is not None or away:
        plain = opened(source, ImageRoot(None))
        if reading.columns is not None:
            records = (plain.fields(one) for one in plain.first_records() if not isinstance(one, RowError))
            reading.columns.check(records, title or path.name)
        if away:
            root = remote_images(plain, elsewhere, fetched, limit, allow_urls=allow_urls)
    dataset = opened(source, root)
    dataset.asked = asked
    return dataset


def found_revision(
    address: RemoteAddress, format: str | None, split: str | None, download_limit: str | None
) -> tuple[str, str]:
    """The pinned address of remote data and its revision; its files are downloaded.

    Raises:
        DataError: If it cannot be reached, or holds no dataset.
    """
    fetched = _fetch(address, format, split, None, download_bytes(download_limit))
    return fetched.address, fetched.revision


def _fetch(
    address: RemoteAddress, format: str | None, split: str | None, revision: str | None, limit: int
) -> FetchedData:
    formats = list(FORMATS.usable(format).values())
    return fetch_data(
        address,
        lambda outline: find_files(outline, formats, None, split),
        split=split,
        revision=revision,
        limit=limit,
    )


def _refuse_other_files(source: DataFiles, text: bool, *, json: bool) -> None:
    name, head = source.files[0].name, source.head
    reader = _SPREADSHEETS.get(source.files[0].suffix.lower())
    if reader is not None and head.strip() and (json or not text):
        raise DataError(
            f"{name} is a table of the kind '{source.files[0].suffix}', expected JSON text, Parquet or tar: "
            f"save it as Parquet, as pandas.read_{reader}(...).to_parquet(...) does"
        )
    if json and source.files[0].suffix.lower() == ".tsv" and (header := _tab_header(head)):
        raise DataError(
            f"{name} is tab-separated text with the columns {header}, expected those of VLMEvalKit such as "
            "question, answer and image: say which column holds what with --columns question=COLUMN,..."
        )
    for magic, what in _ELSEWHERE.items():
        if head.startswith(magic):
            raise DataError(f"{name} is {what}")
    if not head.strip():
        raise DataError(f"{name} is empty, expected a dataset")
    if not text:
        raise DataError(
            f"{name} is a binary file, expected JSON text, Parquet or tar: name the dataset itself"
        )


def _tab_header(head: bytes) -> str:
    """The columns of tab-separated text that begins so; nothing for JSON and for bytes."""
    first = head.decode("utf-8", "replace").lstrip("\ufeff").split("\n")[0].strip()
    return (
        ""
        if (not first.isprintable() and "\t" not in first) or first[:1] in "[{"
        else ", ".join(first.split("\t"))
    )
