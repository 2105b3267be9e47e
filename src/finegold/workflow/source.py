"""Where the rows come from."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from finegold.errors import ConfigError, DataError
from finegold.run import cache_folder, fingerprint, mirror_of, slug
from finegold.run.addresses import read_address
from finegold.run.cards import FieldCard
from finegold.samples import Dataset, open_dataset
from finegold.samples.dataset import Ids
from finegold.samples.formats.mix import pin_sources
from finegold.samples.memory import is_path, store_rows
from finegold.samples.opening import found_revision
from finegold.samples.reading import ColumnNames, resolve_reading
from finegold.samples.remote import image_address


@dataclass(frozen=True, slots=True)
class DataSource(FieldCard):
    """How a dataset is opened: the arguments of `open_dataset`, as a run folder remembers them."""

    path: str
    images: str | None = None
    format: str | None = None
    instruction: str | None = None
    ids: Ids = "record"
    allow_urls: bool = False
    source_field: str | None = None
    kinds: str | None = None
    allow_links: str | None = None
    split: str | None = None
    revision: str | None = None
    download_limit: str | None = None
    columns: str | None = None

    @classmethod
    def of(
        cls,
        data: Any,
        images: str | Path | None = None,
        format: str | None = None,
        instruction: str | None = None,
        ids: str = "record",
        allow_urls: bool = False,
        source_field: str | None = None,
        kinds: str | Path | None = None,
        allow_links: str | Path | None = None,
        split: str | None = None,
        download_limit: str | None = None,
        columns: ColumnNames | None = None,
        *,
        rows: Path | None = None,
    ) -> "DataSource":
        """A source with absolute paths, so that a run folder can be used from anywhere.

        Remote data is looked up, and its revision is part of the source.

        Args:
            data: Path, or rows in memory, as `open_dataset` takes them; or what it opened, which keeps its
                own options.
            images: Folder of the images.
            format: Format of the data.
            instruction: The user's turn of rows that have none.
            ids: Where ids come from.
            allow_urls: Whether images may be fetched.
            source_field: Field of the records that names their source.
            kinds: TOML file of rules for the kinds.
            allow_links: Folder outside of the dataset into which its links may lead.
            split: The split or configuration, where there are several.
            download_limit: Most that is downloaded of remote data, such as `20GB`.
            columns: Which fields hold what, where the records have names of their own.
            rows: Folder where rows in memory are kept; the user's cache folder if None.
        """
        if isinstance(data, Dataset) and data.asked:
            return cls.of(**data.asked, rows=rows)
        if ids not in ("record", "row"):
            raise ConfigError(f"ids come from 'record' or 'row', not from '{ids}'")
        if not is_path(data):
            if rows is not None and mirror_of(rows) is not None:
                raise DataError(
                    "the rows are in memory and the run folder is in a store, where other computers look for "
                    "them: write them to a file in the store first"
                )
            data, images = store_rows(data, rows or cache_folder() / "rows"), images or Path.cwd()
        kept: Ids = "row" if ids == "row" else "record"
        rules = None if kinds is None else str(Path(kinds).absolute())
        links = None if allow_links is None else str(Path(allow_links).absolute())
        reading = resolve_reading(
            data, images, split, columns, format=format, allow_links=None if links is None else Path(links)
        )
        data, images, split = reading.data, reading.images, reading.split
        address = read_address(data)
        found = cls(
            str(Path(data).absolute()) if address is None else str(data),
            None if images is None else _absolute(images),
            format,
            instruction,
            kept,
            allow_urls,
            source_field,
            rules,
            links,
            split,
            download_limit=download_limit,
            columns=None if reading.columns is None else reading.columns.text,
        )
        if address is None:
            return replace(found, revision=pin_sources(Path(found.path), download_limit))
        path, revision = found_revision(address, format, split, download_limit)
        return replace(found, path=path, revision=revision)

    def to_json(self) -> dict[str, Any]:
        """What `run/manifest.json` holds under `data`; what older finegolds did not know is there if set."""
        newer = ("source_field", "kinds", "allow_links", "split", "revision", "download_limit", "columns")
        return {key: value for key, value in asdict(self).items() if key not in newer or value is not None}

    def open(self) -> Dataset:
        """Open the dataset; raises DataError if there is none that can be understood."""
        options = asdict(self)
        return open_dataset(options.pop("path"), **options)

    @property
    def local(self) -> Path | None:
        """The path of data on this machine; None of remote data."""
        return None if read_address(self.path) else Path(self.path)


def _absolute(images: str | Path) -> str:
    return str(images) if image_address(images) else str(Path(images).absolute())


def remote_run(source: DataSource) -> Path:
    """The run folder of remote data, if the user names none."""
    name = slug(source.path.rpartition("/")[2])
    return cache_folder() / "runs" / f"{name}-{fingerprint(source.to_json())}.run"
