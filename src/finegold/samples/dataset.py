"""What every dataset format does: recognise its files, read rows, write a subset. See docs/extend.md."""

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from finegold.errors import ConfigError, DataError
from finegold.registry import Registry
from finegold.run.cards import FieldCard, card
from finegold.samples.data_files import DataFiles as DataFiles
from finegold.samples.data_files import Ids as Ids
from finegold.samples.exclusions import RowError
from finegold.samples.image_fields import RawImage
from finegold.samples.kinds import KindRules, kind_rules
from finegold.samples.reading import write_map
from finegold.samples.records import Parsed, drawn_positions, hashed_id, parse_record, record_id
from finegold.samples.roots import ImageRoot, find_image_root, write_images
from finegold.samples.sample import ImageRef, Row, Sample
from finegold.samples.sources import find_source
from finegold.samples.values import MAX_HELD, MAX_TEXT, first_of, held_bytes

PLACES, PLACES_SECONDS = 65_536, 30.0
"""Images whose place is remembered, and for how long."""


@dataclass(frozen=True, slots=True)
class WrittenSubset(FieldCard):
    """What `Dataset.write` left behind.

    Attributes:
        data: The file or folder to open as a dataset again.
        images: Image root to give with it, None where images need none (bytes inside the records).
        rows: Number of records written.
        files: Number of image files copied or linked.
    """

    data: Path
    images: Path | None
    rows: int
    files: int


class Dataset(ABC):
    """A dataset on disk, opened but not loaded. A subclass is a format: one file in `samples/formats`.

    Attributes:
        format: Name of the format in `FORMATS`.
        content: What a file of this format is called in messages: `a Parquet file`.
        suffixes: Suffixes of its data files in lower case: in a folder only these are looked at.
        sharded: Whether several files make one dataset.
        image_folders: Folders beside the data that may hold the images; a subset's images go to the first.
        source: The data files, and how their records are read.
        root: The image folder, without a folder if the format holds bytes.
        parts: The datasets that it consists of, if it is one of several.
        asked: The arguments of `open_dataset` that it was opened with; empty if it was opened otherwise.
    """

    format: ClassVar[str]
    content: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = ()
    sharded: ClassVar[bool] = False
    image_folders: ClassVar[tuple[str, ...]] = ("images", "image")
    parts: Sequence["Dataset"] = ()
    asked: Mapping[str, Any] = MappingProxyType({})
    _places: tuple[dict[str, ImageRef], float] = ({}, 0.0)

    def __init__(self, source: DataFiles, root: ImageRoot | None = None) -> None:
        self.source = source
        self.path = source.path
        self.root = root or self.find_root()

    @classmethod
    def find(cls, folder: Path) -> list[Path]:
        """The data files of a folder whose content marks it as this format; empty if nothing does."""
        del folder
        return []

    @classmethod
    def is_one_dataset(cls, files: list[Path]) -> bool:
        """Whether several files may be one dataset of this format: by their suffixes, if it is sharded."""
        return cls.sharded and all(file.suffix.lower() in cls.suffixes for file in files)

    @classmethod
    @abstractmethod
    def fit(cls, source: DataFiles) -> float:
        """How surely files are of this format; the surest format opens them.

        Returns:
            0 if they are not, 1 if they bear a mark of the format, between if other formats may fit too.
        """

    @abstractmethod
    def records(self, start: int = 0) -> Iterator[tuple[str, Any]]:
        """Yield each record from position `start` on as (place, record), in file order.

        A place is where a person finds the record: `a.jsonl line 7`. A record is a JSON-like value, or the
        RowError that kept it from being decoded. Streaming formats hold one record batch at a time.

        Raises:
            DataError: If nothing more can be read.
        """

    @abstractmethod
    def write_records(self, out: Path, keep: set[int]) -> tuple[Path, int]:
        """Write the records at the positions `keep` to folder `out`, in file order, each exactly as it came.

        The files keep the names of the input files, so that a second run may replace them.

        Returns:
            What to open as a dataset again, and how many records were written.

        Raises:
            DataError: If a file would replace its own input (`output_names` finds that).
        """

    def parse(self, record: Any) -> Parsed:
        """The id, image names and turns of a record; raises RowError if it is no sample."""
        return parse_record(record, self.source.instruction, columns=self.source.columns)

    def locate_image(self, image: RawImage) -> ImageRef:
        """Where an image of a record is; raises RowError if it may not be read."""
        return self.root.ref(image)

    def locate(self, name: str) -> Path | None:
        """The file that an `ImageRef.name` of this dataset means now; None if it means none."""
        return self.root.find(name)

    def own_id(self, record: Any) -> str | None:
        """The id that a record carries, also one that is not a sample; None if there is none."""
        return record_id(record, self.source.columns) if isinstance(record, dict) else None

    def fields(self, record: Any) -> Any:
        """The fields that a record carries, as a JSON-like object."""
        return record

    @cached_property
    def name(self) -> str:
        """The name of the file or folder, without the ending of a file."""
        return (self.source.title or self.path.name) if self.path.is_dir() else self.path.stem

    def find_source(self, record: Any, images: Sequence[str]) -> str:
        """The source of a record with these image names: see `sources.find_source`."""
        field = self.source.source_field
        return find_source(None if field is None else self.fields(record), images, field, self.name)

    @cached_property
    def kinds(self) -> KindRules:
        """The rules by which rows get their kind."""
        return kind_rules(self.source.kinds)

    def first_records(self) -> Sequence[Any]:
        """Some of the first records, by whose images the image folder is chosen."""
        return first_of(record for _, record in islice(self.records(), 16))

    def files(self) -> list[Path]:
        """The data files (not the images), in reading order."""
        return list(self.source.files)

    def written_names(self) -> set[str]:
        """Names of the files and folders that `write` leaves, besides an image folder."""
        return {file.name for file in self.files()}

    @property
    def weights(self) -> dict[str, float] | None:
        """Shares of a selection that the data states for its sources; None if it states none."""
        return None

    def count(self) -> int:
        """Number of records, without decoding them where the format allows it."""
        return sum(1 for _ in self.records())

    def find_root(self) -> ImageRoot:
        """The image folder when the user names none: one of `image_folders`, or the data's own folder.

        The one that has most of the first records' images; without any, the first that exists.
        """
        names = []
        for record in self.first_records():
            if isinstance(record, RowError):
                continue
            try:
                names += [image.name for image in self.parse(record).images if image.data is None]
            except RowError:
                continue
        first = self.source.files[0].absolute()
        # A dataset that was fetched as a whole may have its images above the folder of its data.
        bases = [first if first.is_dir() else first.parent]
        bases += [self.path.absolute()] if self.path.is_dir() else []
        return find_image_root(
            list(dict.fromkeys(bases)),
            self.image_folders,
            names,
            allow_urls=self.source.allow_urls,
            allow_links=self.source.allow_links,
        )

    @cached_property
    def _drawn(self) -> frozenset[int] | None:
        """The positions of the rows that are drawn; None for all."""
        draw = self.source.columns and self.source.columns.draw
        return drawn_positions(self.records(), draw) if draw else None

    @cached_property
    def _length(self) -> int:
        return self.count()

    def __len__(self) -> int:
        """Number of records, bad ones included; counted once."""
        return self._length

    def __iter__(self) -> Iterator[Row]:
        """Every record as a row, bad ones included."""
        return self.rows()

    def __getitem__(self, position: int) -> Row:
        """The row at a position; raises IndexError if there is none. A file of text is read up to it."""
        if not -len(self) <= position < len(self):
            raise IndexError(f"the dataset has {len(self):,} rows and none at position {position}")
        return next(self.rows_at([position % len(self)]))

    def to_arrow(self) -> Any:
        """Every row as a `pyarrow.Table`; see `finegold.samples.frames`."""
        from finegold.samples.frames import to_arrow

        return to_arrow(self)

    def to_pandas(self) -> Any:
        """The table of `to_arrow` as a pandas frame."""
        from finegold.extras import to_frame

        return to_frame(self.to_arrow())

    def to_hf(self) -> Any:
        """The readable rows as a `datasets.Dataset` with `id`, `images` and `messages`."""
        from finegold.samples.frames import to_hugging_face

        return to_hugging_face(self)

    def __repr__(self) -> str:
        """Format, path and number of rows."""
        return f"Dataset({str(self.path)!r}, format={self.format!r}, rows={len(self)})"

    def _repr_html_(self) -> str:
        facts = {"rows": f"{len(self):,}", "format": self.format, "images": self.root.folder or "in the data"}
        cells = (row.cells() for row in islice(self.rows(), 6))
        return card(str(self.path), facts, ("id", "image", "instruction", "answer"), cells)

    def rows(self, start: int = 0) -> Iterator[Row]:
        """Yield every record from position `start` on as a row, bad ones included; raises as `records`."""
        return (self.row(index, *found) for index, found in enumerate(self.records(start), start))

    def rows_at(self, positions: Collection[int]) -> Iterator[Row]:
        """Yield the records at some positions as rows, in file order; the others are not parsed."""
        return (self.row(*found) for found in self.records_at(set(positions)))

    def records_at(self, wanted: set[int]) -> Iterator[tuple[int, str, Any]]:
        """Yield (position, place, record) of the records at some positions, in file order."""
        start, left = min(wanted, default=0), len(wanted)
        for index, found in enumerate(self.records(start) if wanted else (), start):
            if index in wanted:
                yield index, *found
                left -= 1
                if not left:
                    return

    def row(self, index: int, place: str, record: Any) -> Row:
        """One row from one record: a sample, or why there is none."""
        try:
            if isinstance(record, RowError):
                raise record
            if (held := held_bytes([record], (str,))) > MAX_HELD:
                raise RowError(f"its texts take {held:,} bytes of memory, expected at most {MAX_HELD:,}")
            parsed = self.parse(record)
            if (length := sum(len(turn.text) for turn in parsed.turns)) > MAX_TEXT:
                raise RowError(f"its turns hold {length:,} characters, expected at most {MAX_TEXT:,}")
            if self._drawn is not None and index not in self._drawn:
                raise RowError(f"it is not among the {len(self._drawn):,} rows that are drawn", "not-drawn")
            images = tuple(self._located(image) for image in parsed.images)
            row_id = str(index) if self.source.ids == "row" else parsed.id or hashed_id(record)
            source = self.find_source(record, [image.name for image in images])
            sample = Sample(row_id, images, parsed.turns, record, source)
            return Row(index, place, sample, None, row_id)
        except RowError as error:
            return Row(index, place, None, error.exclusion, self._readable_id(index, record))
        except RecursionError:
            deep = RowError("the record is nested too deeply to be read")
            return Row(index, place, None, deep.exclusion, f"row {index}")

    def _located(self, image: RawImage) -> ImageRef:
        """What `locate_image` says, and said lately: rows share images, and links change."""
        if image.data is not None:
            return self.locate_image(image)
        known, until = self._places
        if time.monotonic() > until or len(known) >= PLACES:
            known = {}
            self._places = known, time.monotonic() + PLACES_SECONDS
        found = known.get(image.name)
        if found is None:
            found = known[image.name] = self.locate_image(image)
        return found

    def _readable_id(self, index: int, record: Any) -> str:
        """The id of a record that is no sample: the one it carries, its hash, or its position."""
        try:
            if not isinstance(record, RowError):
                return str(index) if self.source.ids == "row" else self.own_id(record) or hashed_id(record)
        except (RowError, TypeError, ValueError, RecursionError):
            pass
        return f"row {index}"

    def write(self, out: Path, keep: Sequence[int], *, link: bool = False) -> WrittenSubset:
        """Write the records at the positions `keep` to folder `out` in this format, in file order.

        Each record is written exactly as it came. Image files are copied, or hard-linked with `link` (copied
        where the file system refuses). The subset opens without an image folder: absolute paths in it are
        found through the note that `roots` describes.

        Args:
            out: An existing folder; other files in it are left alone.
            keep: Distinct positions (`Row.index`), any order.
            link: Hard-link image files instead of copying them.

        Raises:
            DataError: If a position does not exist, an image cannot be copied, or `out` holds the dataset
                itself.
        """
        wanted = {int(index) for index in keep}
        if len(wanted) != len(keep) or min(wanted, default=0) < 0:
            raise DataError(
                "the positions to keep hold a negative or repeated number, expected distinct positions"
            )
        data, written = self.write_records(out, wanted)
        if written != len(wanted):
            raise DataError(
                f"{self.path.name} has no record at position {max(wanted)}, expected every kept position to "
                "exist"
            )
        images, files = out / self.image_folders[0], 0
        if self.root.folder is not None:
            kept = (row.sample for row in self.rows_at(wanted) if row.sample is not None)
            files = write_images(self.root, (ref for one in kept for ref in one.images), images, link=link)
        if self.source.columns is not None:
            files_of_it = [data] if data.is_file() else self.output_names(out)
            write_map(self.source.columns, out, [one for one in files_of_it if one.is_file()])
        return WrittenSubset(data, images if files else None, written, files)

    def output_names(self, out: Path) -> list[Path]:
        """Where each data file's kept part goes: its own name in `out`, after its folders' if names repeat.

        Raises:
            DataError: If one of them is its own input file.
        """
        files = self.files()
        names = [file.name for file in files]
        if len(set(names)) < len(files):
            common = os.path.commonpath([file.absolute().parent for file in files])
            names = ["-".join(file.absolute().relative_to(common).parts) for file in files]
        targets = [out / name for name in names]
        for file, target in zip(files, targets, strict=True):
            if target.exists() and target.samefile(file):
                raise DataError(
                    f"{target} is the dataset itself: choose another folder to write the subset to"
                )
        return targets


def _check_format(name: str, plugin: object) -> type[Dataset]:
    if not (isinstance(plugin, type) and issubclass(plugin, Dataset)):
        raise ConfigError(f"the format '{name}' is {plugin!r}, expected a subclass of finegold's Dataset")
    plugin.format = name
    return plugin


FORMATS: Registry[type[Dataset]] = Registry(
    "format", "finegold.formats", "finegold.samples.formats", check=_check_format
)
"""The dataset formats by name."""
