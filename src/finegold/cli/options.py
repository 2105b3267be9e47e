"""Options that several verbs share."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from finegold.workflow import SelectionFiles

DEFAULT_PRESET = "sound"


class Ids(StrEnum):
    """Where sample ids come from."""

    record = "record"
    row = "row"


Data = Annotated[Path, typer.Argument(help="Dataset: a file, a folder or a pattern of shards.")]
Images = Annotated[
    Path | None,
    typer.Option("--images", help="Folder that image paths are relative to; they may not leave it."),
]
DataFormat = Annotated[
    str | None,
    typer.Option(
        "--format", help="Format of the dataset, such as `llava`; found by its content if not given."
    ),
]
Instruction = Annotated[
    str | None, typer.Option("--instruction", help="Instruction of rows that have only a caption.")
]
IdsFrom = Annotated[
    Ids, typer.Option("--ids", help="Take ids from the records, or number the rows where ids repeat.")
]
AllowUrls = Annotated[
    bool, typer.Option("--allow-urls", help="Fetch images that are given as URLs (public addresses only).")
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Stop at the first bad row instead of excluding and counting it.")
]
Link = Annotated[bool, typer.Option("--link", help="Hard-link image files instead of copying them.")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")]
Encoder = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        help="Image-text model: a Hugging Face CLIP or SigLIP by id or folder; `offline` needs only PyPI. "
        "Without it, the one that the run folder has, or CLIP ViT-L/14.",
    ),
]
Device = Annotated[str, typer.Option("--device", help="`auto`, `cpu`, `cuda`, `cuda:1` or `mps`.")]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="Images a forward pass.")]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Threads that decode images; all cores if not given.")
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of every random choice.")]
Size = Annotated[str, typer.Option("--size", help="Rows to pick: a number, or a share such as 6%.")]
Preset = Annotated[
    str, typer.Option("--preset", help="How to select: a name that `finegold presets` lists, or a TOML file.")
]
Weights = Annotated[
    str | None,
    typer.Option("--weights", help="Indicator weights instead of the preset's, such as clip=1,length=0.5."),
]
Clusters = Annotated[
    int | None, typer.Option("--clusters", min=1, help="Number of image clusters instead of the preset's.")
]
Clustering = Annotated[
    str | None,
    typer.Option(
        "--clustering", help="Clusters that `finegold cluster` made, by name, in place of the preset's."
    ),
]
Scores = Annotated[
    str | None,
    typer.Option(
        "--scores", help="Score tables to use, by name with commas, where there are several of one."
    ),
]
Dedup = Annotated[
    str,
    typer.Option(
        "--dedup",
        help="Exclude duplicates first: `exact`, `perceptual`, `semantic`, with limits as in "
        "`exact,perceptual=10,semantic=0.95`; `all`; or `none`. The best of each group stays.",
    ),
]
Targets = Annotated[
    Path | None,
    typer.Option("--targets", help="Dataset, image or folder of images to move towards (preset `rds`)."),
]
TargetImages = Annotated[
    Path | None, typer.Option("--target-images", help="Folder that image paths of --targets are relative to.")
]
Pairs = Annotated[
    Path | None,
    typer.Option("--pairs", help="JSON lines of measured subsets to learn from (preset `learned`)."),
]
Selector = Annotated[
    Path | None,
    typer.Option("--selector", help="Checkpoint in the published layout (preset `mm-lima`)."),
]


def files(
    targets: Path | None, target_images: Path | None, pairs: Path | None, selector: Path | None
) -> "SelectionFiles":
    """The files that a preset needs."""
    from finegold.workflow import SelectionFiles

    return SelectionFiles(targets, target_images, pairs, selector)


def names(text: str | None) -> tuple[str, ...]:
    """Names from `a,b,c`."""
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())
