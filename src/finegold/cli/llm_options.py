"""Options of the verbs that call an OpenAI-compatible endpoint."""

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    str | None, typer.Option("--model", help="As the endpoint names it; else FINEGOLD_LLM_MODEL.")
]
BaseUrl = Annotated[
    str | None, typer.Option("--base-url", help="Endpoint; else FINEGOLD_LLM_BASE_URL, else OpenAI.")
]
ApiKey = Annotated[
    str | None, typer.Option("--api-key", help="Better set FINEGOLD_LLM_API_KEY (or OPENAI_API_KEY).")
]
ShowPlan = Annotated[bool, typer.Option("--plan", help="Print calls, tokens and price, and send nothing.")]
MaxCalls = Annotated[int | None, typer.Option("--max-calls", help="Stop after so many requests.")]
MaxUsd = Annotated[float | None, typer.Option("--max-usd", help="Stop before this is passed.")]
UsdPerMPrompt = Annotated[
    float | None, typer.Option("--usd-per-m-prompt", help="Dollars per million prompt tokens.")
]
UsdPerMCompletion = Annotated[
    float | None, typer.Option("--usd-per-m-completion", help="Dollars per million reply tokens.")
]
Concurrency = Annotated[int | None, typer.Option("--concurrency", min=1, help="Calls in flight; else 16.")]
Timeout = Annotated[float | None, typer.Option("--timeout", help="Seconds that one try may take; else 120.")]
RequestsPerMinute = Annotated[
    float | None, typer.Option("--requests-per-minute", help="At most so many requests a minute.")
]
TokensPerMinute = Annotated[
    float | None, typer.Option("--tokens-per-minute", help="At most so many tokens a minute.")
]
CacheFile = Annotated[
    Path | None, typer.Option("--cache", help="SQLite file of replies; else in the user's cache folder.")
]
