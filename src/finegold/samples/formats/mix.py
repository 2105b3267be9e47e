"""Mix: several datasets as one, each in its own format, named by a TOML file.

    [[sources]]
    name = "captions"
    path = "captions.json"
    images = "photos"
    weight = 0.3

    [[sources]]
    name = "vqa"
    path = "vqa-*.parquet"
    weight = 0.7

The id of a row is the name of its source, a slash, and its id there: `vqa/17`. Its source is that name. A
subset has a folder for each source, in the format of the source, and a file of the same form beside them.
"""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from finegold.errors import ConfigError, DataError, did_you_mean
from finegold.registry import parse_toml
from finegold.run import write_text
from finegold.run.addresses import RemoteAddress, read_address
from finegold.samples.columns import Columns
from finegold.samples.dataset import FORMATS, DataFiles, Dataset, Ids, WrittenSubset
from finegold.samples.opening import found_revision, open_dataset
from finegold.samples.remote import image_address
from finegold.samples.roots import ImageRoot
from finegold.samples.sample import Row, Sample
from finegold.samples.sources import field_text


def _columns_text(given: Any) -> Any:
    """A table of columns as the text of `--columns`; anything else as it is."""
    try:
        return Columns.of(given).text if isinstance(given, dict) else given
    except ConfigError as error:
        raise ValueError(str(error)) from None


@dataclass(frozen=True, slots=True)
class MixSource:
    """One of the datasets of a mix; paths are relative to the folder of the file.

    Attributes:
        name: Letters, digits, `-` and `_`; begins the ids of its rows and names its folder in a subset.
        path: The dataset: a file, a folder or a pattern, `FOLDER#NAME`, a hub id or an address.
        images: Folder of its images, or its address; None to find it.
        weight: Its share of a selection, in proportion to the other weights; None if no source has one.
        format: Its format; None to find it.
        split: The split to read, of a folder that holds several.
        instruction: Instruction of rows that have none; None for that of the whole mix.
        ids: Where its ids come from; None for what the whole mix has.
        columns: Which fields hold what, as `--columns` takes it, or a table; None for the usual names.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: str
    path: str
    images: str | None = None
    weight: float | None = None
    format: str | None = None
    split: str | None = None
    instruction: str | None = None
    ids: Ids | None = None
    columns: Annotated[str | None, BeforeValidator(_columns_text)] = None


_OPENING: ContextVar[bool] = ContextVar("whether the sources of a mix are being opened", default=False)


@FORMATS.register("mix")
class MixDataset(Dataset):
    """The datasets of a mix, one after the other.

    Attributes:
        sources: What the file says of each.
        parts: The datasets.
    """

    content = "a file of sources"

    def __init__(self, source: DataFiles, root: ImageRoot | None = None) -> None:
        """Open every source; raises DataError if one cannot be opened."""
        file = source.files[0]
        if root is not None:
            raise ConfigError(
                f"{file} names the images of each source: write `images` there, and omit --images"
            )
        self.sources = read_sources(file)
        pins = _read_pins(source.revision, file)
        if _OPENING.get():  # the folder of a source holds a mix, perhaps this one
            raise DataError(f"{file} is a file of sources itself: name its sources here")
        token = _OPENING.set(True)
        try:
            self.parts = [_open(file, one, source, pins.get(one.name)) for one in self.sources]
        finally:
            _OPENING.reset(token)
        if self.weights and source.source_field:
            raise ConfigError(
                f"{file} has weights for its sources, and --source-field names others: omit one"
            )
        super().__init__(source, ImageRoot(None))

    @classmethod
    def find(cls, folder: Path) -> list[Path]:
        """The TOML file with `[[sources]]` in a folder, if there is one."""
        return [file for file in sorted(folder.glob("*.toml")) if _is_mix(file)][:1]

    @classmethod
    def fit(cls, source: DataFiles) -> float:
        """Whether it is one TOML file."""
        return float(len(source.files) == 1 and source.files[0].suffix.lower() == ".toml")

    @property
    def weights(self) -> dict[str, float] | None:
        """The weight of each source; None if they have none."""
        found = {one.name: one.weight for one in self.sources if one.weight is not None}
        return found or None

    @cached_property
    def _counts(self) -> list[int]:
        return [part.count() for part in self.parts]

    def count(self) -> int:
        """Number of records of all sources."""
        return sum(self._counts)

    def files(self) -> list[Path]:
        """The file itself, then the files of each source."""
        return [self.source.files[0], *(file for part in self.parts for file in part.files())]

    def written_names(self) -> set[str]:
        """The file and the folders of the sources."""
        return {self.source.files[0].name, *(one.name for one in self.sources)}

    def records(self, start: int = 0) -> Iterator[tuple[str, Any]]:
        """Yield the records of the sources in turn, each with its source's number and its position there."""
        for number, (part, count) in enumerate(zip(self.parts, self._counts, strict=True)):
            if start < count:
                name = self.sources[number].name
                for position, (place, record) in enumerate(part.records(start), start):
                    yield f"{name}: {place}", (number, position, record)
            start = max(0, start - count)

    def row(self, index: int, place: str, record: Any) -> Row:
        """One row as its source reads it, with an id and image names that begin with the source's name."""
        number, position, inner = record
        part: Dataset = self.parts[number]
        name = self.sources[number].name
        found = part.row(position, place, inner)
        sample = found.sample
        if sample is not None:
            images = tuple(replace(image, name=f"{name}/{image.name}") for image in sample.images)
            field = self.source.source_field
            source = (field_text(part.fields(inner), field) if field else None) or name
            sample = Sample(f"{name}/{sample.id}", images, sample.turns, sample.record, source)
        return replace(found, index=index, sample=sample, id=f"{name}/{found.id}")

    def fields(self, record: Any) -> Any:
        """The fields of the record in its source."""
        number, _, inner = record
        return self.parts[number].fields(inner)

    def locate(self, name: str) -> Path | None:
        """The image file of a source that an image name means now."""
        head, _, rest = name.partition("/")
        parts = {one.name: part for one, part in zip(self.sources, self.parts, strict=True)}
        return parts[head].locate(rest) if head in parts else None

    def write_records(self, out: Path, keep: set[int]) -> tuple[Path, int]:
        """Write the kept records, as `write` does."""
        subset = self.write(out, sorted(keep))
        return subset.data, subset.rows

    def write(self, out: Path, keep: Sequence[int], *, link: bool = False) -> WrittenSubset:
        """Write the kept records of each source to a folder of its name, and a file that names the folders.

        A source of which nothing is kept is left out.

        Raises:
            DataError: If a position does not exist, or `out` has the file or a folder of a source already.
        """
        if len(set(keep)) != len(keep) or min(keep, default=0) < 0 or max(keep, default=-1) >= self.count():
            raise DataError("the positions to keep are not all distinct and in the dataset")
        data = out / self.source.files[0].name
        for target in (data, *(out / one.name for one in self.sources)):
            if target.exists():
                what = "the dataset itself" if target.samefile(self.source.files[0]) else "there already"
                raise DataError(f"{target} is {what}: choose another folder to write the subset to")
        first, kept, files = 0, [], 0
        for one, part, count in zip(self.sources, self.parts, self._counts, strict=True):
            positions = sorted(position - first for position in keep if first <= position < first + count)
            first += count
            if not positions:
                continue
            folder = out / one.name
            folder.mkdir()
            subset = part.write(folder, positions, link=link)
            files += subset.files
            images = None if subset.images is None else subset.images.relative_to(out).as_posix()
            path = subset.data.relative_to(out).as_posix()
            kept.append(replace(one, path=path, images=images, format=part.format, split=None))
        write_text(data, "\n".join(map(_toml, kept)))
        return WrittenSubset(data, None, len(keep), files)


def read_sources(file: Path) -> tuple[MixSource, ...]:
    """What a file says of its sources.

    Raises:
        DataError: If it cannot be read, or says something else.
    """
    try:
        content = parse_toml(file, "file of sources")
        found = TypeAdapter(dict[str, tuple[MixSource, ...]]).validate_python(content)
    except ValidationError as error:
        raise DataError(f"{file} {_fault(error)}") from None
    except ConfigError as error:
        raise DataError(str(error)) from None
    sources = found.get("sources", ())
    if not sources or len(found) > 1:
        near = "".join(did_you_mean(name, ["sources"]) for name in found if name != "sources")
        raise DataError(f"{file} holds {', '.join(found) or 'nothing'}{near}, expected [[sources]] alone")
    names = [one.name.lower() for one in sources]
    for one in sources:
        if not re.fullmatch(r"[A-Za-z0-9][\w-]*", one.name, re.ASCII):
            raise DataError(
                f"{file} has a source '{one.name}', expected a name of letters, digits, '-' and '_'"
            )
        if names.count(one.name.lower()) > 1:
            raise DataError(f"{file} has two sources '{one.name}', expected each name once")
        if one.weight is not None and not (isfinite(one.weight) and one.weight >= 0):
            raise DataError(f"{file}: the weight of '{one.name}' is {one.weight}, expected 0 or more")
    weights = [one.weight for one in sources]
    if any(weight is not None for weight in weights) and (None in weights or not any(weights)):
        raise DataError(
            f"{file} has weights for some of its sources, or only 0, expected one for each source or none"
        )
    return sources


def _fault(error: ValidationError) -> str:
    """What is wrong in a file of sources, in words; an unknown field explains a missing one."""
    known = [one.name for one in fields(MixSource)]
    faults = sorted(error.errors(), key=lambda one: one["type"] != "unexpected_keyword_argument")
    first = faults[0]
    table, *place = first["loc"]
    where = f"source {int(place[0]) + 1}" if place else f"'{table}'"
    name = str(place[1]) if len(place) > 1 else ""
    if table != "sources":
        return f"holds '{table}'{did_you_mean(str(table), ['sources'])}, expected [[sources]] alone"
    if first["type"] == "unexpected_keyword_argument":
        return f"has the field '{name}'{did_you_mean(name, known)} in {where}, expected {', '.join(known)}"
    if first["type"] == "missing":
        return f"has no '{name}' in {where}, expected a name and a path for each source"
    return (
        f"has a wrong '{name}' in {where}: {first['msg'].removeprefix('Value error, ')}"
        if name
        else (f"has a wrong {where}: expected tables [[sources]]")
    )


def pin_sources(path: Path, download_limit: str | None) -> str | None:
    """The addresses and revisions of a mix's remote sources, as a text that opens them again.

    Args:
        path: Any data on this machine.
        download_limit: Most that is downloaded of each source.

    Returns:
        JSON of `{SOURCE: [ADDRESS, REVISION]}`; None if it is no mix, or has no remote source.

    Raises:
        DataError: If a source cannot be reached.
    """
    files = MixDataset.find(path) if path.is_dir() else [path]
    if not files or files[0].suffix.lower() != ".toml" or not _is_mix(files[0]):
        return None
    pins = {}
    for one in read_sources(files[0]):
        where = _place(files[0], one.path)
        if isinstance(where, RemoteAddress):
            try:
                pins[one.name] = found_revision(where, one.format, one.split, download_limit)
            except (DataError, ConfigError) as error:
                raise type(error)(f"{files[0]}: the source '{one.name}': {error}") from None
    return json.dumps(pins, sort_keys=True) if pins else None


def _read_pins(revision: str | None, file: Path) -> dict[str, list[str]]:
    try:
        return dict(json.loads(revision or "{}"))
    except ValueError:
        raise ConfigError(
            f"the revision of {file} is '{revision}', expected none: write OWNER/NAME@REVISION at the source"
        ) from None


def _place(file: Path, name: str) -> Path | RemoteAddress:
    """What a source names: a path relative to the folder of the file, or an address."""
    beside = file.parent / name
    return beside if beside.exists() else read_address(name) or beside


def _open(file: Path, one: MixSource, mix: DataFiles, pin: list[str] | None) -> Dataset:
    try:
        where = _place(file, one.path)
        path, split = (one.path, one.split) if isinstance(where, RemoteAddress) else _split(where, one.split)
        if Path(path).suffix.lower() == ".toml" and Path(path).is_file():
            raise DataError(f"{path} is a file of sources itself: name its sources here")
        images = None if one.images is None or image_address(one.images) else file.parent / one.images
        return open_dataset(
            pin[0] if pin else path,
            images=images or one.images,
            columns=one.columns,
            split=split,
            revision=pin[1] if pin else None,
            download_limit=mix.download_limit,
            format=one.format,
            instruction=mix.instruction if one.instruction is None else one.instruction,
            ids=one.ids or mix.ids,
            allow_urls=mix.allow_urls,
            allow_links=mix.allow_links,
            source_field=mix.source_field,
            kinds=mix.kinds,
        )
    except (DataError, ConfigError) as error:
        raise type(error)(f"{file}: the source '{one.name}': {error}") from None


def _split(path: Path, split: str | None) -> tuple[Path, str | None]:
    """The folder `PATH/SPLIT`, or the files that begin with its name; else what `--split` finds."""
    if split is None:
        return path, None
    if (path / split).is_dir():
        return path / split, None
    for folder in (path, path / "data"):
        for pattern in (f"{split}-*", f"{split}.*"):
            if any(folder.glob(pattern)):
                return folder / pattern, None
    return path, split


def _is_mix(file: Path) -> bool:
    with suppress(DataError):
        return bool(read_sources(file))
    return False


def _toml(source: MixSource) -> str:
    """A source as it stands in the file; JSON strings and numbers are TOML too."""
    given = {key: value for key, value in asdict(source).items() if value is not None}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in given.items()]
    return "\n".join(["[[sources]]", *lines, ""])
