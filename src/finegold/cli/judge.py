"""`finegold judge`: two sets of answers compared by a language model, in both orders."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finegold.cli import llm_options as llm

if TYPE_CHECKING:
    from finegold.judging import Judgement


def judge(
    out: Annotated[Path, typer.Option("--out", help="Folder for judge.json, judge.html and audit.jsonl.")],
    a: Annotated[Path | None, typer.Argument(metavar="A.jsonl", help="Answers; wins are theirs.")] = None,
    b: Annotated[Path | None, typer.Argument(metavar="B.jsonl", help="The answers to compare with.")] = None,
    questions: Annotated[
        Path | None, typer.Option("--questions", help="LLaVA-Bench questions.jsonl; joined on question_id.")
    ] = None,
    context: Annotated[
        Path | None,
        typer.Option("--context", help="What the judge is told about each image (context.jsonl)."),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            "--replay", help="Count the verdicts of this audit again, without a call; needs no A and B."
        ),
    ] = None,
    model: llm.Model = None,
    base_url: llm.BaseUrl = None,
    api_key: llm.ApiKey = None,
    temperature: Annotated[
        float, typer.Option("--temperature", help="Of the judge; negative leaves it to the endpoint.")
    ] = 0.0,
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=1, help="Longest reply.")] = 512,
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
    seed: Annotated[int, typer.Option("--seed", help="Of the bootstrap.")] = 0,
    max_invalid: Annotated[
        float,
        typer.Option("--max-invalid", min=0, max=1, help="Share of invalid questions that is a failure."),
    ] = 0.1,
) -> None:
    """Ask a judge which of two answers to each question is better, once in either order.

    A win is two wins, or a win and a tie; a win and a loss is a tie. Verdicts that cannot be read are asked
    for again and then reported apart. A call that was paid for is never paid for again.
    """
    from finegold.cli.show import show_plan_lines
    from finegold.errors import ConfigError
    from finegold.judging import JudgeSettings, judge_in_session, plan, read_answers, read_questions
    from finegold.judging import replay as replay_verdicts
    from finegold.llm import model_from, session_from

    if replay is not None:
        _show(replay_verdicts(replay, seed=seed), out, max_invalid)
        return
    if a is None or b is None or questions is None:
        raise ConfigError(
            "two files of answers and --questions are needed, or --replay with an earlier audit"
        )
    asked = read_questions(questions, context)
    sets = (read_answers(a, asked), read_answers(b, asked))
    settings = JudgeSettings(
        model_from(model), None if temperature < 0 else temperature, max_tokens, seed=seed
    )
    session = session_from(
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
        audit=out / "audit.jsonl",
    )
    if show_plan:
        show_plan_lines(plan(*sets, asked, session, settings).lines())
        return
    _show(judge_in_session(*sets, asked, session, settings), out, max_invalid)


def _show(result: "Judgement", out: Path, max_invalid: float) -> None:
    from rich.console import Console

    from finegold.report.judge import section, table
    from finegold.run import write_json, write_text

    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "judge.json", result.as_json())
    page = f'<!doctype html><meta charset="utf-8"><title>finegold judge</title>{section(result)}'
    write_text(out / "judge.html", page)
    Console().print(table(result))
    invalid = result.overall().invalid
    if invalid > max_invalid * len(result.comparisons):
        print(f"{invalid} of {len(result.comparisons)} questions have no readable verdict in both orders")
        raise typer.Exit(1)
