"""Options of the verbs that ask a model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from finegold import models

MODEL_HELP = (
    "`offline`, a folder that `finegold tune` wrote, a Hugging Face folder or hub id, `endpoint:NAME`, "
    "or blind: `constant:TEXT`, `spelling-rule`."
)
MAX_NEW_TOKENS_HELP = "Number of tokens at which an answer is cut."

Model = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)]
MaxNewTokens = Annotated[int, typer.Option("--max-new-tokens", min=1, help=MAX_NEW_TOKENS_HELP)]
Temperature = Annotated[
    float, typer.Option("--temperature", min=0, help="0 takes the likeliest token each time; more draws.")
]
TopP = Annotated[
    float,
    typer.Option("--top-p", help="Draw from the likeliest tokens that together have this probability."),
]
DrawSeed = Annotated[int, typer.Option("--seed", help="Seed of the draws.")]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, help="Number of questions in a forward pass.")]
Dtype = Annotated[
    str, typer.Option("--dtype", help="Precision of the weights: `auto`, `float32`, `bfloat16` or `float16`.")
]


def open_model(
    name: str,
    device: str,
    dtype: str,
    base_url: str | None,
    max_calls: int | None,
    concurrency: int | None = None,
    audit: Path | None = None,
) -> "models.Model":
    """The model that the options name; an endpoint gets its settings from them and from the environment."""
    from finegold.llm import session_from
    from finegold.models import load_model

    return load_model(
        name,
        device=device,
        dtype=dtype,
        session=lambda: session_from(
            base_url=base_url, concurrency=concurrency, max_calls=max_calls, audit=audit
        ),
    )
