"""The files of a dataset, whose format may not be known yet."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from finegold.errors import DataError
from finegold.samples.columns import FieldMap
from finegold.samples.shapes import has_shape

T = TypeVar("T")
Ids = Literal["record", "row"]
"""Where ids come from: the record itself (a hash of it where it has none), or its position."""


@dataclass(frozen=True)
class DataFiles:
    """The files of a dataset, whose format may not be known yet, and how their records are read.

    Attributes:
        path: What the user named: a file, a folder or a pattern.
        files: The data files, in reading order, or the one folder that `Dataset.find` gave.
        format: The format that the user named; None to find out.
        instruction: The user's turn of rows that have none; None for the default one.
        ids: Where ids come from.
        allow_urls: Whether images may be fetched from http(s) addresses.
        allow_links: A folder outside of the dataset into which its links may lead.
        source_field: Field of the records that names a row's source; None for the image's folder.
        kinds: File of rules on kinds of instruction that come before finegold's own; None for those alone.
        title: Name of data that was fetched; empty for the name of `path`.
        columns: Which fields of the records hold what; None for the usual names.
        revision: The revision of remote data; of a mix, what `mix.pin_sources` gave. None for the newest.
        download_limit: Most that is downloaded of remote data; None for the default.
    """

    path: Path
    files: list[Path]
    format: str | None = None
    instruction: str | None = None
    ids: Ids = "record"
    allow_urls: bool = False
    source_field: str | None = None
    kinds: Path | None = None
    allow_links: Path | None = None
    title: str = ""
    columns: FieldMap | None = None
    revision: str | None = None
    download_limit: str | None = None
    _read: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def head(self) -> bytes:
        """The first 512 bytes of the first file, none of a folder; raises DataError if it cannot be read."""
        if self.files[0].is_dir():
            return b""
        try:
            with self.files[0].open("rb") as opened:
                return opened.read(512)
        except OSError as error:
            raise DataError(
                f"{self.files[0]} cannot be read ({error.strerror}): check that it is a file you may read"
            ) from None

    def has_shape(self, record: Any, *, columns: bool = False) -> bool:
        """Whether a record has the fields of a shape; any object may have, if its fields are mapped."""
        return has_shape(record, columns=columns) if self.columns is None else isinstance(record, dict)

    def once(self, read: Callable[["DataFiles"], T]) -> T:
        """The result of a function of these files, which is called once however many formats need it."""
        if read not in self._read:
            self._read[read] = read(self)
        return cast("T", self._read[read])
