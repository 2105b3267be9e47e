"""Open a dataset by looking at what is in it.

- A folder with `state.json` and `dataset_info.json` is a saved Hugging Face dataset. Any other folder must
  hold one dataset: one JSON or JSONL file, or `.parquet` files, or `.tar` files. What a finegold run leaves
  beside a subset (`selection.json`, `report.html`) and hidden files are passed over.
- A file is recognised by its first bytes: Parquet, tar, or JSON text. One JSON value is a document, an
  object in each line is JSONL.
- JSON records: the first of the leading 100 that has a known shape decides. `image_id` and `caption` is
  `minigpt4`. `conversations` whose first turn has `from` and `value` is `llava`, unless the images are in
  `images` or there is a `system` field or the roles are `user` and `assistant`, which LLaVA never writes.
  All else is `messages`.
"""

import glob
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from finegold.errors import ConfigError, DataError
from finegold.samples.dataset import Dataset, Ids, ReadOptions
from finegold.samples.exclusions import RowError
from finegold.samples.formats.json_text import decode_line, detect_encoding, read_json, read_lines
from finegold.samples.formats.jsonfile import JsonDataset
from finegold.samples.formats.llava import LlavaDataset
from finegold.samples.formats.messages import MessagesDataset
from finegold.samples.formats.minigpt4 import MiniGPT4Dataset
from finegold.samples.formats.records import parse_record
from finegold.samples.formats.rows import first_names
from finegold.samples.roots import ImageRoot, choose_root

FORMATS = ("minigpt4", "llava", "messages", "parquet", "huggingface", "webdataset")
NOT_DATA = frozenset(
    {"selection.json", "selection.parquet", "report.html", "manifest.json", "dataset_infos.json"}
)
_JSON_FORMATS: dict[str, type[JsonDataset]] = {
    "minigpt4": MiniGPT4Dataset,
    "llava": LlavaDataset,
    "messages": MessagesDataset,
}
_SUFFIXES = {".json", ".jsonl", ".ndjson", ".parquet", ".tar"}
_LEADING = 100
Layout = Literal["array", "lines", "annotations"]


def open_dataset(
    path: str | Path,
    *,
    images: str | Path | None = None,
    format: str | None = None,
    instruction: str | None = None,
    ids: Ids = "record",
    allow_urls: bool = False,
) -> Dataset:
    """Open a dataset without loading it.

    Args:
        path: A file, a folder, or a glob pattern of Parquet or tar files.
        images: Folder that image paths are relative to and may not leave. Default: the folder `images` or
            `image` beside the data in which the first records' images are, else the data's own folder.
        format: One of `FORMATS`; None to find out.
        instruction: The user's turn of rows that have none; None for MiniGPT-4's
            `Describe this image in detail.`
        ids: `record` takes each row's own id, or a hash of the record where it has none; `row` numbers the
            rows from 0.
        allow_urls: Whether images may be fetched from http(s) addresses.

    Raises:
        ConfigError: If `format` or `ids` is unknown.
        DataError: If there is no dataset that can be understood; one sentence says what was found.
    """
    if format is not None and format not in FORMATS:
        raise ConfigError(f"the format '{format}' is unknown, expected one of {', '.join(FORMATS)}")
    if ids not in ("record", "row"):
        raise ConfigError(f"ids are taken from '{ids}', expected 'record' or 'row'")
    named, options = Path(path), ReadOptions(instruction, ids, allow_urls)
    root = None if images is None else ImageRoot.at(Path(images), allow_urls=allow_urls)
    files = _find_files(named)
    kind = "huggingface" if _is_saved(files[0]) else _kind(files[0])
    if format is not None and kind != ("json" if format in _JSON_FORMATS else format):
        raise DataError(
            f"{files[0].name} is {_NAMES[kind]}, expected the format '{format}': leave out --format"
        )
    if kind == "json":
        return _open_json(named, files[0], root, format, options)
    return _open_table(named, files, kind, root, options)


_NAMES = {
    "json": "JSON text",
    "parquet": "a Parquet file",
    "webdataset": "a tar file",
    "huggingface": "a saved Hugging Face dataset",
}


def _open_table(
    named: Path, files: list[Path], kind: str, root: ImageRoot | None, options: ReadOptions
) -> Dataset:
    from finegold.samples.formats.huggingface import HuggingFaceDataset
    from finegold.samples.formats.parquet import ParquetDataset
    from finegold.samples.formats.webdataset import WebDataset

    if kind == "webdataset":
        return WebDataset(named, files, options)
    if kind == "huggingface":
        return HuggingFaceDataset.open(named, files[0], root, options)
    return ParquetDataset.open(named, files, root, options)


def _find_files(path: Path) -> list[Path]:
    """The data files that `path` means, or the one folder of a saved Hugging Face dataset."""
    if path.is_dir():
        return [path] if _is_saved(path) else _in_folder(path)
    if path.exists():
        return [path]
    if glob.has_magic(str(path)):
        found = sorted(Path(name) for name in glob.glob(str(path), recursive=True))  # noqa: PTH207 - the pattern may be absolute
        return _one_kind([file for file in found if file.is_file()], path)
    raise DataError(f"there is nothing at {path}, expected a dataset file, folder or pattern")


def _is_saved(path: Path) -> bool:
    return (path / "state.json").is_file() and (path / "dataset_info.json").is_file()


def _in_folder(folder: Path) -> list[Path]:
    splits = folder / "dataset_dict.json"
    if splits.is_file():
        names = sorted(child.name for child in folder.iterdir() if _is_saved(child))
        raise DataError(
            f"{folder} holds several splits of a Hugging Face dataset, expected one: name one of "
            f"{', '.join(str(folder / name) for name in names) or 'its folders'}"
        )
    if (folder / "filter_cap.json").is_file():
        return [folder / "filter_cap.json"]
    files = sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in _SUFFIXES
        and file.name not in NOT_DATA
        and not file.name.startswith(".")
        and file.is_file()
    )
    return _one_kind(files, folder)


def _one_kind(files: list[Path], where: Path) -> list[Path]:
    if not files:
        raise DataError(
            f"{where} holds no dataset, expected a .json, .jsonl, .parquet or .tar file or a saved Hugging "
            "Face dataset: name the file or folder that holds it"
        )
    kinds = {".parquet" if file.suffix.lower() == ".parquet" else ".tar" for file in files}
    shards = all(file.suffix.lower() in (".parquet", ".tar") for file in files) and len(kinds) == 1
    if len(files) > 1 and not shards:
        names = ", ".join(file.name for file in files[:5]) + (" and more" if len(files) > 5 else "")
        raise DataError(
            f"{where} holds {len(files)} data files ({names}), expected one dataset: name the file"
        )
    return files


def _kind(file: Path) -> str:
    """`json`, `parquet` or `webdataset`, from the first bytes of a file."""
    try:
        with file.open("rb") as opened:
            head = opened.read(512)
    except OSError as error:
        raise DataError(
            f"{file} cannot be read ({error.strerror}): check that it is a file you may read"
        ) from None
    if head.startswith(b"PAR1"):
        return "parquet"
    if head[257:262] == b"ustar" or (file.suffix.lower() == ".tar" and len(head) == 512):
        return "webdataset"
    for magic, what in _ELSEWHERE.items():
        if head.startswith(magic):
            raise DataError(f"{file.name} is {what}")
    if not head.strip():
        raise DataError(f"{file.name} is empty, expected a dataset")
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(
            f"{file.name} is a binary file, expected JSON text, Parquet or tar: name the dataset itself"
        )
    return "json"


_ELSEWHERE = {
    b"\x1f\x8b": "compressed with gzip, expected a plain file: unpack it first",
    b"PK\x03\x04": "a zip archive, expected a dataset file: unpack it first",
    b"\x28\xb5\x2f\xfd": "compressed with zstd, expected a plain file: unpack it first",
    b"ARROW1": "one Arrow file, expected a dataset: name the folder that save_to_disk made",
    b"\xff\xff\xff\xff": "one Arrow stream, expected a dataset: name the folder that save_to_disk made",
    b"\xff\xd8\xff": "a JPEG image, expected a dataset: name the data file and give the images with --images",
    b"\x89PNG": "a PNG image, expected a dataset: name the data file and give the images with --images",
}


def _open_json(
    named: Path, file: Path, root: ImageRoot | None, format: str | None, options: ReadOptions
) -> Dataset:
    layout, document, leading = _leading_records(file)
    name = format or _recognise(file, leading)
    if root is None:
        names = _image_names(name, leading)
        order = ("image", "images") if name == "minigpt4" else ("images", "image")
        root = ImageRoot.at(choose_root(file.absolute().parent, names, order), allow_urls=options.allow_urls)
    return _JSON_FORMATS[name](named, file, layout, root, options, document)


def _leading_records(file: Path) -> tuple[Layout, Any, Sequence[Any]]:
    """The layout of a JSON file, its decoded document unless it is JSONL, and its first records."""
    by_name = file.suffix.lower() in (".jsonl", ".ndjson")
    if by_name or next(read_lines(file), (0, b""))[1].lstrip()[:1] != b"[":
        objects, lines = _leading_objects(file)
        wrapped = lines == 1 and bool(objects) and isinstance(objects[0].get("annotations"), list)
        # Few lines of a pretty-printed document are whole objects; most lines of a JSONL file are.
        if objects and not wrapped and (by_name or 2 * len(objects) > lines):
            return "lines", None, objects
    document = read_json(file)
    if isinstance(document, list):
        return "array", document, document[:_LEADING]
    if isinstance(document, dict) and isinstance(document.get("annotations"), list):
        return "annotations", document, document["annotations"][:_LEADING]
    keys = ", ".join(map(repr, list(document)[:6])) if isinstance(document, dict) else type(document).__name__
    raise DataError(
        f"{file.name} holds one JSON value with {keys}, expected an array of records, one record a line, or "
        '{"annotations": [...]}'
    )


def _leading_objects(file: Path) -> tuple[list[dict[str, Any]], int]:
    """The objects among the first lines, and how many lines there were."""
    encoding, objects, lines = detect_encoding(file), [], 0
    for _, line in islice(read_lines(file), _LEADING):
        lines += 1
        try:
            value = decode_line(line, encoding)
        except ValueError:
            continue
        if isinstance(value, dict):
            objects.append(value)
    return objects, lines


def _recognise(file: Path, records: Sequence[Any]) -> str:
    if not records:
        raise DataError(f"{file.name} holds no records, expected at least one")
    for record in records:
        if (name := recognise_record(record)) is not None:
            return name
    sample = next((record for record in records if isinstance(record, dict)), None)
    found = "no objects" if sample is None else f"objects with {', '.join(map(repr, list(sample)[:8]))}"
    raise DataError(
        f"{file.name} holds {found}, expected 'conversations', 'messages', 'prompt' and 'completion', "
        "'instruction' and 'output', or 'image_id' and 'caption': name the format with --format"
    )


def recognise_record(record: Any) -> str | None:
    """The JSON format that a record belongs to, by the module's rule; None without a known shape."""
    if not isinstance(record, dict):
        return None
    if "image_id" in record and "caption" in record:
        return "minigpt4"
    turns = record.get("conversations")
    if isinstance(turns, list) and turns and isinstance(turns[0], dict) and "from" in turns[0]:
        from_llava = turns[0].get("from") not in ("user", "assistant", "system")
        return "llava" if from_llava and "images" not in record and "system" not in record else "messages"
    try:
        parse_record(record)
    except RowError:
        return None
    return "messages"


def _image_names(format: str, records: Sequence[Any]) -> list[str]:
    if format == "minigpt4":
        found = (record.get("image_id") for record in records if isinstance(record, dict))
        return [f"{name}.jpg" for name in found if isinstance(name, int | str)]
    return first_names(records)
