"""Where the rows come from."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from finegold.errors import ConfigError
from finegold.run import cache_folder
from finegold.samples import Dataset, open_dataset
from finegold.samples.dataset import Ids
from finegold.samples.memory import is_path, store_rows


@dataclass(frozen=True, slots=True)
class DataSource:
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
        *,
        rows: Path | None = None,
    ) -> "DataSource":
        """A source with absolute paths, so that a run folder can be used from anywhere.

        Args:
            data: Path, or rows in memory, as `open_dataset` takes them.
            images: Folder of the images.
            format: Format of the data.
            instruction: The user's turn of rows that have none.
            ids: Where ids come from.
            allow_urls: Whether images may be fetched.
            source_field: Field of the records that names their source.
            kinds: TOML file of rules for the kinds.
            allow_links: Folder outside of the dataset into which its links may lead.
            rows: Folder where rows in memory are kept; the user's cache folder if None.
        """
        if ids not in ("record", "row"):
            raise ConfigError(f"ids come from 'record' or 'row', not from '{ids}'")
        if not is_path(data):
            data, images = store_rows(data, rows or cache_folder() / "rows"), images or Path.cwd()
        images = None if images is None else str(Path(images).absolute())
        kept: Ids = "row" if ids == "row" else "record"
        rules = None if kinds is None else str(Path(kinds).absolute())
        links = None if allow_links is None else str(Path(allow_links).absolute())
        return cls(
            str(Path(data).absolute()),
            images,
            format,
            instruction,
            kept,
            allow_urls,
            source_field,
            rules,
            links,
        )

    def to_json(self) -> dict[str, Any]:
        """What `run/manifest.json` holds under `data`; what older finegolds did not know is there if set."""
        newer = ("source_field", "kinds", "allow_links")
        return {key: value for key, value in asdict(self).items() if key not in newer or value is not None}

    def open(self) -> Dataset:
        """Open the dataset; raises DataError if there is none that can be understood."""
        options = asdict(self)
        return open_dataset(options.pop("path"), **options)
