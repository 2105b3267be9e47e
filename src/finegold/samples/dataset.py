"""What every dataset format offers: rows in, a subset out."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from finegold.samples.sample import Row

Ids = Literal["record", "row"]
"""Where ids come from: the record's own (a hash of the record where it has none), or its position."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How records are read.

    Attributes:
        instruction: The user's turn of rows that have none; None for the recipe's.
        ids: Where ids come from.
        allow_urls: Whether images may be fetched from http(s) addresses.
    """

    instruction: str | None = None
    ids: Ids = "record"
    allow_urls: bool = False


@dataclass(frozen=True, slots=True)
class WrittenSubset:
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
    """A dataset on disk, opened but not loaded.

    Attributes:
        format: The registered name: `minigpt4`, `llava`, `messages`, `parquet`, `huggingface`, `webdataset`.
        path: What the user named.
        options: How its records are read.
        image_root: Folder that image paths are relative to and may not leave; None if the format holds bytes.
    """

    format: ClassVar[str]
    path: Path
    image_root: Path | None
    options: ReadOptions

    @abstractmethod
    def rows(self, start: int = 0) -> Iterator[Row]:
        """Yield every record from position `start` on, in file order, bad ones included.

        Streaming formats hold one record batch at a time. Raises DataError only where nothing more can be
        read.
        """

    def rows_at(self, positions: Collection[int]) -> Iterator[Row]:
        """Yield the records at some positions, in file order; a format that need not read others does not."""
        return (row for row in self.rows() if row.index in positions)

    @abstractmethod
    def count(self) -> int:
        """Number of records, without decoding them."""

    @abstractmethod
    def files(self) -> list[Path]:
        """The data files (not the images), in reading order."""

    def locate(self, name: str) -> Path | None:
        """The file that an image name of this dataset means now; None if it names none.

        Args:
            name: `ImageRef.name` of one of its samples.
        """
        del name
        return None

    @abstractmethod
    def write(self, out: Path, keep: Sequence[int], *, link: bool = False) -> WrittenSubset:
        """Write the records at the positions `keep` to folder `out` in this format, in file order.

        Each record is written exactly as it came. Image files are copied, or hard-linked with `link`
        (copied where the file system refuses).

        Args:
            out: An existing folder; other files in it are left alone.
            keep: Distinct positions (`Row.index`), any order.
            link: Hard-link image files instead of copying them.

        Raises:
            DataError: If a position does not exist or an image cannot be copied.
        """
