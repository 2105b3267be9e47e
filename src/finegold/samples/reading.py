"""What the name of data and the files beside it say of how its records are read.

`FOLDER#NAME` is a dataset of LLaMA-Factory's `dataset_info.json`, which may lie elsewhere. A subset that
finegold wrote of mapped records has a note of the map (`NOTE`), so that it opens by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from finegold.errors import ConfigError, DataError
from finegold.run import write_json, write_text
from finegold.run.addresses import read_address
from finegold.samples.columns import Columns, FieldMap
from finegold.samples.llama_factory import FILE, LlamaFactoryMap, NamedDataset, find_named, only_name
from finegold.samples.remote import fetch_file

NOTE = ".columns"
"""The file beside a subset that holds the map of its records."""
ColumnNames = str | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DataReading:
    """Where data lies and how it is read.

    Attributes:
        data: A path or an address.
        images: Folder of the images, or its address; None to find it.
        split: Split or configuration; None for the only one.
        columns: Which fields hold what; None for the usual names.
    """

    data: str | Path
    images: str | Path | None = None
    split: str | None = None
    columns: FieldMap | None = None


def read_map(columns: ColumnNames | None) -> FieldMap | None:
    """The map of a text or mapping; raises ConfigError if it is none."""
    if columns is None:
        return None
    if isinstance(columns, str) and columns.lstrip().startswith("{"):
        return LlamaFactoryMap.read_text(columns)
    return Columns.of(columns)


def resolve_reading(
    data: str | Path,
    images: str | Path | None,
    split: str | None,
    columns: ColumnNames | None,
    *,
    format: str | None = None,
    allow_links: Path | None = None,
) -> DataReading:
    """Follow a name in `dataset_info.json`, or the note beside a subset.

    Raises:
        ConfigError: If the columns are no map, or are mapped twice.
        DataError: If there is no dataset of that name, or it is of a kind that is not read.
    """
    given = DataReading(data, images, split, read_map(columns))
    folder, name = _split_name(str(data))
    if name:
        if columns is not None:
            raise ConfigError(f"the columns of '{name}' are those of {FILE}: omit --columns")
        return _named(given, folder, name, allow_links)
    if columns is not None or read_address(data) is not None:
        return given
    path = _folder(Path(str(data).removeprefix("file://")))
    note = (path if path.is_dir() else path.parent) / NOTE
    if _is_file(note):
        try:
            return replace(given, columns=read_map(note.read_text("utf-8").strip()))
        except (OSError, ValueError, ConfigError) as error:
            raise DataError(f"{note} is no map of columns ({error}): delete it, and give --columns") from None
    if split is None and format is None and path.is_dir() and (only := only_name(path)) is not None:
        return _named(given, str(path), only, allow_links)
    return given


def write_map(columns: FieldMap, out: Path, files: Sequence[Path]) -> None:
    """Write what opens a subset again: the note, and `dataset_info.json` for files of LLaMA-Factory.

    An entry has the name of the dataset; of several files, each has an entry `NAME-FILE`.
    """
    write_text(out / NOTE, columns.text + "\n")
    if isinstance(columns, LlamaFactoryMap) and files:
        names = [f"{columns.name}-{file.stem}" if len(files) > 1 else columns.name for file in files]
        entries = [{"file_name": str(file.relative_to(out))} | columns.entry() for file in files]
        write_json(out / FILE, dict(zip(names, entries, strict=True)))


def _named(given: DataReading, folder: str, name: str, allow_links: Path | None) -> DataReading:
    address = read_address(folder)
    found: NamedDataset
    if address is None:
        found = find_named(_folder(Path(folder.removeprefix("file://"))), name, allow_links)
    else:
        info, url = fetch_file(address, FILE)
        found = find_named(info.parent, name, url=url)
    return DataReading(found.data, given.images or found.images, given.split or found.split, found.columns)


def _split_name(text: str) -> tuple[str, str]:
    """The folder and the name of `FOLDER#NAME`; no name of a path that exists, or of a web page."""
    folder, mark, name = text.rpartition("#")
    if not mark or not folder or _exists(text) or text.startswith(("http://", "https://")):
        return text, ""
    if not name:
        raise DataError(f"'{text}' ends with '#', expected FOLDER#NAME with a name of {FILE}")
    return folder, name


def _folder(path: Path) -> Path:
    """The folder of a `dataset_info.json`; another path as it is."""
    return path.parent if path.name == FILE and _is_file(path) else path


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
