"""Options of the verbs that ask a model."""

from typing import Annotated

import typer

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
