"""`finegold evaluate` and `finegold compare-results`: benchmarks answered, scored and compared."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from finegold.cli import llm_options as llm
from finegold.cli import model_options as options
from finegold.cli.options import Device

_DRAWS = typer.Option("--draws", min=100, help="Bootstrap draws behind each interval.")
_BOOTSTRAP_SEED = typer.Option("--bootstrap-seed", help="Seed of the bootstrap.")


class HalfName(StrEnum):
    """Halves of the images that `--half` takes."""

    a = "a"
    b = "b"


def evaluate(
    out: Annotated[
        Path, typer.Option("--out", help="Folder for answers and results; the same command continues in it.")
    ],
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help=options.MODEL_HELP)] = None,
    tasks: Annotated[
        str,
        typer.Option(
            "--tasks", help="Names separated by commas; `all` takes every task whose files are there."
        ),
    ] = "all",
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder that holds a folder for each task.")
    ] = None,
    prompts: Annotated[
        str, typer.Option("--prompts", help="Wording: `ehub-2023-07`, `ehub-2023-04` or `direct`.")
    ] = "ehub-2023-07",
    split: Annotated[
        list[str] | None,
        typer.Option("--split", help="TASK=SPLIT, such as vsr=zeroshot-test; can be repeated."),
    ] = None,
    profile: Annotated[
        str, typer.Option("--profile", help="`greedy`, or `ehub-2023` to sample as LVLM-eHub did.")
    ] = "greedy",
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Number of items of each task, the first ones.")
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option("--shard", help="I/N: answer one part of the items; --rescore joins the parts."),
    ] = None,
    half: Annotated[
        HalfName | None,
        typer.Option("--half", help="Half of the images: fit a selection on a, report b."),
    ] = None,
    max_new_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-new-tokens",
            min=1,
            help=f"{options.MAX_NEW_TOKENS_HELP} [default: that of the prompt]",
        ),
    ] = None,
    batch_size: options.BatchSize = 16,
    device: Device = "auto",
    dtype: options.Dtype = "auto",
    seed: options.DrawSeed = 0,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Ask again where an earlier run got no answer.")
    ] = False,
    rescore: Annotated[
        bool, typer.Option("--rescore", help="Score the answers in --out again; nothing is generated.")
    ] = False,
    selection: Annotated[
        Path | None,
        typer.Option(
            "--selection", help="selection.json of the training rows: marks the tasks that it was fitted on."
        ),
    ] = None,
    fitted_on: Annotated[
        str | None, typer.Option("--fitted-on", help="Tasks whose results the selection was fitted on.")
    ] = None,
    lmms_eval: Annotated[
        Path | None,
        typer.Option("--lmms-eval", help="*_results.json of lmms-eval for this model, to show beside."),
    ] = None,
    draws: Annotated[int, _DRAWS] = 1000,
    bootstrap_seed: Annotated[int, _BOOTSTRAP_SEED] = 0,
    base_url: llm.BaseUrl = None,
    concurrency: llm.Concurrency = None,
    max_calls: llm.MaxCalls = None,
) -> None:
    """Answer benchmarks and score them twice: as LVLM-eHub published, and read strictly.

    Answers are saved as they come, so the same command continues where a killed one stopped. `finegold tasks`
    lists the benchmarks, which files are missing, and where to get them.
    """
    from finegold.errors import ConfigError
    from finegold.evaluation.answering import EvaluationOptions, find_profile
    from finegold.evaluation.answers import Shard
    from finegold.evaluation.evaluate import evaluate as evaluate_model
    from finegold.evaluation.fitted import keep_fitted
    from finegold.evaluation.lmms_results import keep_lmms_results
    from finegold.evaluation.results import score_folder
    from finegold.statistics import Bootstrap

    keep_fitted(out, selection, [] if fitted_on is None else fitted_on.split(","))
    if lmms_eval is not None:
        keep_lmms_results(out, lmms_eval)
    bootstrap = Bootstrap(draws, bootstrap_seed)
    if rescore:
        _show(score_folder(out, bootstrap))
        return
    if model is None or data is None:
        raise ConfigError("a MODEL and --data are needed, or --rescore to score what --out holds")
    chosen = EvaluationOptions(
        prompts=prompts,
        splits=tuple(_pair(text) for text in split or ()),
        limit=limit,
        half=None if half is None else half.value,
        shard=Shard.parse(shard),
        profile=find_profile(profile),
        max_new_tokens=max_new_tokens,
        seed=seed,
        batch_size=batch_size,
        retry_failed=retry_failed,
    )
    names, audit = [name.strip() for name in tasks.split(",")], out / "audit.jsonl"
    with options.open_model(model, device, dtype, base_url, max_calls, concurrency, audit) as answering:
        results = evaluate_model(answering, names, data, out, chosen, bootstrap=bootstrap, say=print)
    if results:
        _show(results)
    else:
        print(f"shard {shard} is done; when all are, score them with finegold evaluate --rescore --out {out}")


def compare_results(
    first: Annotated[Path, typer.Argument(metavar="FIRST", help="Folder of finegold evaluate.")],
    others: Annotated[list[Path], typer.Argument(metavar="OTHER...", help="Folders compared with it.")],
    out: Annotated[Path | None, typer.Option("--out", help="JSON file for the comparison.")] = None,
    draws: Annotated[int, _DRAWS] = 1000,
    bootstrap_seed: Annotated[int, _BOOTSTRAP_SEED] = 0,
) -> None:
    """Compare the answers of two or more models to the same items, with paired bootstrap intervals."""
    from rich.console import Console
    from rich.table import Table

    from finegold.evaluation.compare import compare_folders
    from finegold.evaluation.results import interval_text, times_100
    from finegold.run import write_json
    from finegold.statistics import Bootstrap

    found = compare_folders(first, others, Bootstrap(draws, bootstrap_seed))
    if out is not None:
        write_json(out, found)
    console = Console(width=max(100, Console().width))
    for comparison in found["comparisons"]:
        table = Table(title=f"{comparison['second']['folder']} minus {found['first']['folder']}", box=None)
        heads = ("task", "scoring", "metric", "first", "second", "second - first", "95 % interval", "n")
        for head in (*heads, "left out"):
            table.add_column(head, no_wrap=True)
        for name, task in comparison["tasks"].items():
            left_out = sum(task["left_out"].values())
            for scoring, scores in task["scores"].items():
                for score in scores:
                    values = [times_100(score[key]) for key in ("first", "second", "value")]
                    tail = (interval_text(score), f"{task['items']:,}", f"{left_out:,}")
                    table.add_row(name, scoring, score["metric"], *values, *tail)
            for key, (one, two) in task["differing_settings"].items():
                console.print(f"{name}: {key} differs: {one} and {two}", markup=False)
        console.print(table)


def _pair(text: str) -> tuple[str, str]:
    from finegold.errors import ConfigError

    task, equals, name = text.partition("=")
    if not equals:
        raise ConfigError(f"--split is '{text}', expected TASK=SPLIT such as vsr=zeroshot-test")
    return task, name


def _show(results: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from finegold.evaluation.results import COLUMNS, table_rows

    table = Table(
        title=f"{results['model']['name']} (values times 100, 95 % intervals over images)", box=None
    )
    for head in COLUMNS:
        table.add_column(head, no_wrap=True)
    for row in table_rows(results):
        table.add_row(*row)
    # A table cut to a narrow terminal would hide numbers.
    Console(width=max(100, Console().width)).print(table)
