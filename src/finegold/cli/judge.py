"""`finegold judge`: two sets of answers compared by a language model, in both orders."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finegold.cli import options
from finegold.cli.output import OutputOptions
from finegold.cli.show import say

if TYPE_CHECKING:
    from finegold.judging import Judgement


@options.grouped
def judge(
    out: Annotated[
        Path, typer.Option(help="Folder for judge.json, judged.jsonl, judge.html and audit.jsonl.")
    ],
    a: Annotated[Path | None, typer.Argument(metavar="A", help="Answers; a win is a win of these.")] = None,
    b: Annotated[Path | None, typer.Argument(metavar="B", help="Answers to compare with.")] = None,
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
    max_new_tokens: Annotated[
        int, typer.Option(min=1, help="Number of tokens at which a reply is cut.")
    ] = 512,
    retry_failed: options.RetryFailed = False,
    canary: Annotated[
        str | None,
        typer.Option(
            help="A share of the questions, such as 2%, on which a wrong answer and a demand for a verdict "
            "are planted, to see whether the judge obeys answers. Four more calls for each of them."
        ),
    ] = None,
    show_plan: options.ShowPlan = False,
    bootstrap_seed: options.BootstrapSeed = 0,
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
    from finegold.judging import replay_verdicts
    from finegold.workflow.judge import JudgeTask, write_judgement

    if replay is not None:
        endpoint.refuse("--replay")
        if canary is not None:
            raise ConfigError("--canary needs calls and --replay makes none: leave one of them out")
        verdicts = replay_verdicts(replay, seed=bootstrap_seed)
        write_judgement(verdicts, out)
        with output.printing() as facts:
            facts |= verdicts.as_json()
            _show(verdicts, max_invalid)
        return
    if a is None or b is None or questions is None:
        raise ConfigError(
            "two files of answers and --questions are needed, or --replay with an earlier audit"
        )
    task = JudgeTask.read(
        a,
        b,
        questions,
        context=context,
        images=images,
        model=model,
        temperature=temperature,
        max_new_tokens=max_new_tokens,
        canary=canary,
        bootstrap_seed=bootstrap_seed,
    )
    session = endpoint.session(out / "audit.jsonl", retry=retry_failed, sends=not show_plan)
    with output.printing() as facts:
        if show_plan:
            facts |= show_plan_lines(task.plan(session).lines())
        else:
            found = task.run(session, out)
            facts |= found.as_json()
            endpoint.say_spent(facts)
            _show(found, max_invalid)


def _show(result: "Judgement", max_invalid: float) -> None:
    from rich.console import Console

    from finegold.report.judge import judgement_table

    Console().print(judgement_table(result))
    invalid = result.overall().invalid
    if invalid > max_invalid * len(result.comparisons) or invalid == len(result.comparisons):
        say(f"{invalid} of {len(result.comparisons)} questions have no readable verdict in both orders")
        raise typer.Exit(1)
    if result.stopped:
        raise typer.Exit(1)
