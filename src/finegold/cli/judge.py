"""`finegold judge`: two sets of answers compared by a language model, in both orders."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finegold.cli import llm_options as llm

if TYPE_CHECKING:
    from finegold.judging import Judgement


def judge(
    out: Annotated[Path, typer.Option("--out", help="Folder for judge.json, judge.html and audit.jsonl.")],
    a: Annotated[
        Path | None, typer.Argument(metavar="A.jsonl", help="Answers; wins are wins of these.")
    ] = None,
    b: Annotated[Path | None, typer.Argument(metavar="B.jsonl", help="The answers to compare with.")] = None,
    questions: Annotated[
        Path | None, typer.Option("--questions", help="LLaVA-Bench questions.jsonl, joined on question_id.")
    ] = None,
    context: Annotated[
        Path | None,
        typer.Option("--context", help="Descriptions of the images for the judge (context.jsonl)."),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            "--replay", help="Count the verdicts of this audit again, without a call; A and B are not needed."
        ),
    ] = None,
    model: llm.Model = None,
    base_url: llm.BaseUrl = None,
    api_key: llm.ApiKey = None,
    temperature: Annotated[
        float,
        typer.Option("--temperature", help="Temperature of the judge; negative leaves it to the endpoint."),
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
    seed: Annotated[int, typer.Option("--seed", help="Seed of the bootstrap.")] = 0,
    max_invalid: Annotated[
        float,
        typer.Option(
            "--max-invalid", min=0, max=1, help="Share of invalid questions above which the command fails."
        ),
    ] = 0.1,
) -> None:
    """Ask a judge which of two answers to each question is better, once in either order.

    A win is two wins, or a win and a tie; a win and a loss is a tie. A verdict that cannot be read is
    requested again, and then counted apart. A call that was paid for is never paid for again.
    """
    from finegold.cli.show import show_plan_lines
    from finegold.errors import ConfigError
    from finegold.judging import (
        JudgeSettings,
        judge_in_session,
        plan_judging,
        read_answer_set,
        read_judge_questions,
        replay_verdicts,
    )
    from finegold.llm import model_from, session_from

    if replay is not None:
        _show(replay_verdicts(replay, seed=seed), out, max_invalid)
        return
    if a is None or b is None or questions is None:
        raise ConfigError(
            "two files of answers and --questions are needed, or --replay with an earlier audit"
        )
    judged = read_judge_questions(questions, context)
    sets = (read_answer_set(a, judged), read_answer_set(b, judged))
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
        show_plan_lines(plan_judging(*sets, judged, session, settings).lines())
        return
    _show(judge_in_session(*sets, judged, session, settings), out, max_invalid)


def _show(result: "Judgement", out: Path, max_invalid: float) -> None:
    from rich.console import Console

    from finegold.report.html import write_html
    from finegold.report.judge import judgement_page, judgement_table
    from finegold.run import write_json

    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "judge.json", result.as_json())
    write_html(judgement_page(result), out / "judge.html")
    Console().print(judgement_table(result))
    invalid = result.overall().invalid
    if invalid > max_invalid * len(result.comparisons):
        print(f"{invalid} of {len(result.comparisons)} questions have no readable verdict in both orders")
        raise typer.Exit(1)
