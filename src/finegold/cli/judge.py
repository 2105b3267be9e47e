"""`finegold judge`: two sets of answers compared by a language model, in both orders."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finegold.cli import options
from finegold.cli.output import OutputOptions
from finegold.cli.show import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from finegold.judging import Judgement
    from finegold.report.judge import JudgedQuestion


@options.grouped
def judge(
    out: Annotated[Path, typer.Option(help="Folder for judge.json, judge.html and audit.jsonl.")],
    a: Annotated[
        Path | None, typer.Argument(metavar="A.jsonl", help="Answers; a win is a win of these.")
    ] = None,
    b: Annotated[Path | None, typer.Argument(metavar="B.jsonl", help="Answers to compare with.")] = None,
    questions: Annotated[
        Path | None, typer.Option(help="questions.jsonl of LLaVA-Bench, joined on question_id.")
    ] = None,
    context: Annotated[
        Path | None, typer.Option(help="context.jsonl: descriptions of the images for the judge.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the images: they are shown to the judge and on the page.")
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(help="Count the verdicts of this audit.jsonl again; calls nothing, needs no A and B."),
    ] = None,
    model: options.JudgeModel = None,
    temperature: Annotated[
        float, typer.Option(help="Temperature of the judge; a negative value uses the endpoint's default.")
    ] = 0.0,
    max_tokens: Annotated[int, typer.Option(min=1, help="Largest number of tokens of a reply.")] = 512,
    retry_failed: options.RetryFailed = False,
    canary: Annotated[
        str | None,
        typer.Option(
            help="A share of the questions, such as 2%, on which a wrong answer and a demand for a verdict "
            "are planted, to see whether the judge obeys answers. Four more calls for each of them."
        ),
    ] = None,
    show_plan: options.ShowPlan = False,
    seed: options.BootstrapSeed = 0,
    max_invalid: Annotated[
        float, typer.Option(min=0, max=1, help="Share of invalid questions above which the exit code is 1.")
    ] = 0.1,
    *,
    endpoint: options.EndpointOptions,
    output: OutputOptions,
) -> None:
    """Ask a judge which of two answers to each question is better, in both orders.

    A wins a question with two wins, or with a win and a tie; a win and a loss is a tie. If a verdict cannot
    be read, the judge is called again; if none can, the question is invalid. Replies are kept, so that no
    call is paid for twice.
    """
    from finegold.cli.show import show_plan_lines
    from finegold.errors import ConfigError
    from finegold.judging import (
        JudgeSettings,
        canary_questions,
        canary_sets,
        judge_canaries,
        judge_in_session,
        plan_judging,
        read_answer_set,
        read_judge_questions,
        replay_verdicts,
    )
    from finegold.llm import model_from
    from finegold.report.judge import judged_questions
    from finegold.run import folder_lock
    from finegold.scorers.canary import parse_share

    if replay is not None:
        endpoint.refuse("--replay")
        if canary is not None:
            raise ConfigError("--canary needs calls and --replay makes none: leave one of them out")
        verdicts = replay_verdicts(replay, seed=seed)
        with output.printing() as facts:
            facts |= verdicts.as_json()
            _show(verdicts, out, max_invalid)
        return
    if a is None or b is None or questions is None:
        raise ConfigError(
            "two files of answers and --questions are needed, or --replay with an earlier audit"
        )
    judged = read_judge_questions(questions, context, images)
    sets = (read_answer_set(a, judged), read_answer_set(b, judged))
    settings = JudgeSettings(
        model_from(model),
        None if temperature < 0 else temperature,
        max_tokens,
        seed=seed,
        with_images=images is not None,
    )
    planted = [] if canary is None else canary_questions(judged, parse_share(canary))
    session = endpoint.session(out / "audit.jsonl", retry=retry_failed)
    if show_plan:
        plan = plan_judging(*sets, judged, session, settings)
        for other in canary_sets(sets[0], planted) if planted else ():
            plan_judging(sets[0], other, planted, session, settings, plan)
        with output.printing() as facts:
            facts |= show_plan_lines(plan.lines())
    else:
        # Before the first call: two judges at once would both pay for the same verdicts.
        with folder_lock(out, "give --out another folder"):
            found = judge_in_session(*sets, judged, session, settings)
            if planted:
                # Not in the audit of the verdicts, which --replay counts.
                apart = replace(session, audit=out / "canary.jsonl")
                found = replace(found, canaries=judge_canaries(sets[0], planted, apart, settings))
            with output.printing() as facts:
                facts |= found.as_json()
                _show(found, out, max_invalid, judged_questions(found, *sets, judged))


def _show(
    result: "Judgement", out: Path, max_invalid: float, questions: "Sequence[JudgedQuestion]" = ()
) -> None:
    from rich.console import Console

    from finegold.report.html import write_html
    from finegold.report.judge import judgement_page, judgement_table
    from finegold.run import write_sealed

    out.mkdir(parents=True, exist_ok=True)
    write_sealed(out / "judge.json", result.as_json())
    write_html(judgement_page(result, questions), out / "judge.html")
    Console().print(judgement_table(result))
    invalid = result.overall().invalid
    if invalid > max_invalid * len(result.comparisons) or invalid == len(result.comparisons):
        say(f"{invalid} of {len(result.comparisons)} questions have no readable verdict in both orders")
        raise typer.Exit(1)
