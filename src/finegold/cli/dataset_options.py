"""Options of the verbs that read a dataset."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from finegold.workflow import DataSource

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help="Dataset: a file, a folder, a pattern of shards, FOLDER#NAME of a dataset_info.json, "
        "a hub id OWNER/NAME, or an address such as s3://.",
    ),
]
Images = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="Folder of the images, or its address; image paths may not leave it."),
]
Format = Annotated[str | None, typer.Option(help="Format, such as `llava`. [default: found by the content]")]
AllowLinks = Annotated[
    Path | None,
    typer.Option(
        help="Folder outside of the dataset into which its symbolic links may lead, for data that you trust."
    ),
]
AllowUrls = Annotated[
    bool, typer.Option("--allow-urls", help="Fetch images that are URLs; public addresses only.")
]
Split = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Split or configuration to read, or CONFIGURATION/SPLIT."),
]
Ids = Annotated[
    Literal["record", "row"], typer.Option(help="`record`: the ids of the records; `row`: the row numbers.")
]


@dataclass(frozen=True)
class DatasetOptions:
    """How the dataset is read."""

    images: Images = None
    format: Format = None
    instruction: Annotated[
        str | None, typer.Option(help="Instruction of the rows that have only a caption.")
    ] = None
    ids: Ids = "record"
    allow_urls: AllowUrls = False
    source_field: Annotated[
        str | None,
        typer.Option(
            help="Field of the records that names a row's source, such as `dataset` or `meta.dataset`. "
            "[default: first folder of the image's path, or the name of the data]"
        ),
    ] = None
    kinds: Annotated[
        Path | None,
        typer.Option(help="TOML file of rules on kinds of instruction, which come before finegold's own."),
    ] = None
    allow_links: AllowLinks = None
    split: Split = None
    download_limit: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Most that is downloaded of remote data, and again of its images. [default: 50GB]",
        ),
    ] = None
    image_cache: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Most that images of remote folders take on this machine; the least recently read go "
            "first. [default: FINEGOLD_IMAGE_CACHE, or 50GB]",
        ),
    ] = None
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=FIELD,...",
            help="Which fields of the records hold what, such as "
            "`question=prompt,answer=response,image=photo`. [default: the usual names]",
        ),
    ] = None

    def source(self, data: str | Path) -> "DataSource":
        """The dataset of a path."""
        from finegold.workflow import DataSource

        return DataSource.of(data, **self.reading())

    def reading(self) -> dict[str, Any]:
        """The arguments of `open_dataset`; the limit of the image cache is set for the process."""
        from finegold.samples.image_cache import LIMIT_VARIABLE, image_cache_limit

        options = asdict(self)
        if (limit := options.pop("image_cache")) is not None:
            os.environ[LIMIT_VARIABLE] = limit  # for the processes of --devices too
        image_cache_limit()  # a size that is none is refused at once
        return options
