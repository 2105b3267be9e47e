"""`finegold evaluate` and `finegold compare-results`: benchmarks answered, scored and compared."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from finegold.cli import options
from finegold.cli.output import OutputOptions
from finegold.cli.show import say


@options.grouped
def evaluate(
    out: Annotated[Path, typer.Option(help="Folder for answers and results.")],
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help=options.MODEL_HELP)] = None,
    tasks: Annotated[
        str,
        typer.Option(
            help="Names separated by commas; `all` for every benchmark whose files are there. NAME=FILES "
            "says where a task's files are: questions=FILE and caption=FILE take rows of your own."
        ),
    ] = "all",
    task_data: Annotated[
        Path | None, typer.Option(help="Folder with a folder for each task that is named without files.")
    ] = None,
    prompts: options.Prompts = None,
    split: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK=SPLIT", help="Split of a task, such as vsr=zeroshot-test; repeatable."),
    ] = None,
    profile: options.Profile = "greedy",
    decode: options.Decode = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Use only the first items of each task.")] = None,
    shard: Annotated[
        str | None, typer.Option(help="I/N: answer one part of the items; the last one to end scores all.")
    ] = None,
    half: Annotated[
        Literal["a", "b"] | None,
        typer.Option(help="Use half of the images: fit a selection on `a`, report results on `b`."),
    ] = None,
    max_new_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Number of tokens at which an answer is cut. [default: the prompt's]"),
    ] = None,
    batch_size: options.Questions = 16,
    seed: options.Seed = 0,
    retry_failed: options.RetryFailed = False,
    rescore: Annotated[
        bool, typer.Option("--rescore", help="Score the answers in --out again; answer nothing.")
    ] = False,
    selection: Annotated[
        Path | None,
        typer.Option(
            help="selection.json of the training rows: marks the tasks that its preset was fitted on."
        ),
    ] = None,
    fitted_on: Annotated[
        str | None, typer.Option(help="Tasks whose results the selection was fitted on, with commas.")
    ] = None,
    lmms_eval: Annotated[
        Path | None, typer.Option(help="*_results.json of lmms-eval for this model, shown in the same table.")
    ] = None,
    draws: options.Draws = 1000,
    bootstrap_seed: options.BootstrapSeed = 0,
    *,
    loading: options.ModelOptions,
    computing: options.EngineOptions,
    endpoint: options.EndpointOptions,
    output: OutputOptions,
) -> None:
    """Answer benchmarks and score them twice: as LVLM-eHub published, and read strictly.

    The same command continues where a killed one stopped. `finegold tasks` lists the benchmarks, which files
    are missing, and where to get them.
    """
    from finegold.errors import ConfigError
    from finegold.evaluation.answering import EvaluationOptions, find_profile
    from finegold.evaluation.evaluate import evaluate as evaluate_model
    from finegold.evaluation.notes import keep_fitted, keep_lmms_results
    from finegold.evaluation.results import score_folder
    from finegold.run import Shard
    from finegold.statistics import Bootstrap

    keep_fitted(out, selection, options.names(fitted_on))
    if lmms_eval is not None:
        keep_lmms_results(out, lmms_eval)
    bootstrap = Bootstrap(draws, bootstrap_seed)
    if rescore:
        endpoint.refuse("--rescore")
        with output.printing() as facts:
            facts |= score_folder(out, bootstrap)
            _show(facts, out)
        return
    if model is None or (task_data is None and tasks == "all"):
        raise ConfigError("a MODEL and --task-data are needed, or --rescore to score what --out holds")
    chosen = EvaluationOptions(
        prompts=prompts,
        splits=tuple(
            options.pair(text, "--split", "TASK=SPLIT such as vsr=zeroshot-test") for text in split or ()
        ),
        limit=limit,
        half=half,
        shard=Shard.parse(shard),
        profile=find_profile(profile),
        decoding=decode,
        max_new_tokens=max_new_tokens,
        seed=seed,
        batch_size=batch_size,
        retry_failed=retry_failed,
    )
    engine = computing.on(loading.device)
    with output.printing() as facts:
        with loading.load(model, endpoint, out / "audit.jsonl", retry=retry_failed, shard=shard) as answering:
            facts |= evaluate_model(
                answering,
                options.names(tasks),
                task_data,
                out,
                chosen,
                bootstrap=bootstrap,
                engine=engine,
                say=say,
            )
        endpoint.say_spent(facts)
        if facts.get("tasks"):
            _show(facts, out)
        else:
            say(f"shard {shard} is done; the last one to end scores all answers")


@options.grouped
def compare_results(
    first: Annotated[Path, typer.Argument(metavar="FIRST", help="Folder that `finegold evaluate` wrote.")],
    others: Annotated[list[Path], typer.Argument(metavar="OTHER...", help="Folders compared with it.")],
    out: Annotated[Path | None, typer.Option(help="JSON file for the comparison.")] = None,
    draws: options.Draws = 1000,
    bootstrap_seed: options.BootstrapSeed = 0,
    *,
    output: OutputOptions,
) -> None:
    """Compare the answers of two or more models to the same items, with paired bootstrap intervals."""
    from finegold.evaluation.compare import compare_folders
    from finegold.run import write_json
    from finegold.statistics import Bootstrap

    found = compare_folders(first, others, Bootstrap(draws, bootstrap_seed))
    if out is not None:
        write_json(out, found)
    with output.printing() as facts:
        facts |= found
        _show_comparisons(found)


def _show_comparisons(found: dict[str, Any]) -> None:
    from finegold.cli.show import show_table
    from finegold.evaluation.results import interval_text, times_100

    heads = (
        "task",
        "scoring",
        "metric",
        "first",
        "second",
        "second - first",
        "95 % interval",
        "n",
        "excluded",
    )
    for comparison in found["comparisons"]:
        rows = []
        for name, task in comparison["tasks"].items():
            for key, (one, two) in task["differing_settings"].items():
                say(f"{name}: {key} differs: {one} and {two}")
            counts = (f"{task['items']:,}", f"{sum(task['left_out'].values()):,}")
            for scoring, scores in task["scores"].items():
                for score in scores:
                    values = [times_100(score[key]) for key in ("first", "second", "value")]
                    rows.append((name, scoring, score["metric"], *values, interval_text(score), *counts))
        show_table(f"{comparison['second']['folder']} minus {found['first']['folder']}", heads, rows)


def _show(results: dict[str, Any], out: Path) -> None:
    from finegold.cli.show import printable, show_table
    from finegold.evaluation.results import COLUMNS, failure_reasons, table_rows

    title = f"{results['model']['name']} (values times 100, 95 % intervals over images)"
    show_table(printable(title), COLUMNS, table_rows(results))
    for name, task in results["tasks"].items():
        for reason, number in failure_reasons(out, name)[:3] if task["failed"] else ():
            say(f"{name}: {number:,} failed: {reason}")
        if task.get("earlier_turns") == "not shown":
            say(f"{name}: each question stands alone, since the model cannot be shown earlier turns")
    if results["tasks"] and not any(task["answered"] for task in results["tasks"].values()):
        say("no item has an answer")
        raise typer.Exit(1)
