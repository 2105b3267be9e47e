"""`finegold score`: one indicator of a run folder's rows."""

from pathlib import Path
from typing import Annotated

import typer

from finegold.cli import llm_options as llm
from finegold.cli import options


def score(
    run: options.RunPath,
    scorer: Annotated[
        str, typer.Option("--scorer", help="A name that `finegold scorers` lists, or module:Class.")
    ],
    param: Annotated[
        list[str] | None,
        typer.Option("--param", help="A parameter of the scorer, as name=value; repeatable."),
    ] = None,
    encoder: options.Encoder = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Score the rows again on which it failed before.")
    ] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="The dataset, if the run folder is yet to be made.")
    ] = None,
    images: options.Images = None,
    format: options.DataFormat = None,
    instruction: options.Instruction = None,
    ids: options.IdsFrom = options.Ids.record,
    allow_urls: options.AllowUrls = False,
    strict: options.Strict = False,
    device: options.Device = "auto",
    batch_size: options.BatchSize = 32,
    workers: options.Workers = None,
    with_image: Annotated[
        bool, typer.Option("--with-image", help="For `llm`: show the model the row's first image.")
    ] = False,
    model: llm.Model = None,
    base_url: llm.BaseUrl = None,
    api_key: llm.ApiKey = None,
    show_plan: llm.ShowPlan = False,
    max_calls: llm.MaxCalls = None,
    max_usd: llm.MaxUsd = None,
    usd_per_m_prompt: llm.UsdPerMPrompt = None,
    usd_per_m_completion: llm.UsdPerMCompletion = None,
    concurrency: llm.Concurrency = None,
    timeout: llm.Timeout = None,
    requests_per_minute: llm.RequestsPerMinute = None,
    tokens_per_minute: llm.TokensPerMinute = None,
    cache: llm.CacheFile = None,
) -> None:
    """Compute one indicator for every usable row and keep it in the run folder.

    The options from --base-url on are for scorers that ask an OpenAI-compatible endpoint, such as `llm`: a
    call that was paid for is never paid for again.
    """
    from functools import partial

    from finegold.cli.show import show_plan_lines, show_scores
    from finegold.errors import ConfigError
    from finegold.llm import session_from
    from finegold.scorers import Context, parameter_names, scorer_class, scorer_from_text
    from finegold.scorers.llm import LlmScorer
    from finegold.workflow import Compute, DataSource, Run
    from finegold.workflow.tables import find_encoder

    if with_image:
        if scorer != "llm":
            raise typer.BadParameter("--with-image is for --scorer llm")
        scorer = "llm-image"
    source = None if data is None else DataSource.of(data, images, format, instruction, ids, allow_urls)
    opened = Run.open(
        run, source, encoder=encoder, compute=Compute(device, batch_size, workers), strict=strict
    )
    defaults = {"model": model} if model else {}
    if "encoder" in parameter_names(scorer_class(scorer)):
        defaults["encoder"] = find_encoder(opened.folder, encoder, "missing")
    made = scorer_from_text(scorer, dict(_parameter(text) for text in param or ()), defaults)
    open_session = partial(
        session_from,
        base_url=base_url,
        api_key=api_key,
        concurrency=concurrency,
        timeout=timeout,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        max_calls=max_calls,
        max_usd=max_usd,
        usd_per_m_prompt=usd_per_m_prompt,
        usd_per_m_completion=usd_per_m_completion,
        cache=cache,
        audit=None if show_plan else run / "audit-llm.jsonl",
    )
    context = Context(retry=retry_failed, open_session=open_session)
    if show_plan:
        if not isinstance(made, LlmScorer):
            raise ConfigError(f"the scorer '{scorer}' has no plan: --plan is for --scorer llm")
        show_plan_lines(opened.plan(made, context))
        return
    table = opened.score(made, context)
    show_scores(made.name, table, context.notes)


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"'{text}' is not name=value", param_hint="--param")
    return name.strip(), value.strip()
