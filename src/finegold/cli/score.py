"""`finegold score`: one indicator of a run folder's rows."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finegold.cli import options

if TYPE_CHECKING:
    from finegold.run import PartTable


@options.grouped
def score(
    run: options.RunPath,
    scorer: Annotated[str, typer.Option(help="A name that `finegold scorers` lists, or module:Class.")],
    param: Annotated[
        list[str] | None, typer.Option(help="A parameter of the scorer, as NAME=VALUE; can be repeated.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Dataset, if the run folder is new.")] = None,
    encoder: options.Encoder = None,
    retry_failed: options.RetryFailed = False,
    strict: options.Strict = False,
    with_image: Annotated[
        bool, typer.Option("--with-image", help="For `llm`: show the first image of the row to the model.")
    ] = False,
    model: options.JudgeModel = None,
    show_plan: options.ShowPlan = False,
    *,
    dataset: options.DatasetOptions,
    computing: options.ComputeOptions,
    endpoint: options.EndpointOptions,
) -> None:
    """Compute one indicator for every usable row and keep it in the run folder.

    --model, --plan and the options of the endpoint are for scorers that call one, such as `llm`. Replies are
    kept, so that no call is paid for twice.
    """
    from finegold.cli.show import show_plan_lines
    from finegold.errors import ConfigError
    from finegold.scorers import Context, parameter_names, scorer_class, scorer_from_text
    from finegold.scorers.llm import LlmScorer
    from finegold.workflow import Run
    from finegold.workflow.tables import find_encoder

    if with_image:
        if scorer != "llm":
            raise ConfigError(f"--with-image is for --scorer llm, not for {scorer}: leave one of them out")
        scorer = "llm-image"
    source = None if data is None else dataset.source(data)
    opened = Run.open(run, source, encoder=encoder, compute=computing.compute(), strict=strict)
    defaults = {"model": model} if model else {}
    if "encoder" in parameter_names(scorer_class(scorer)):
        defaults["encoder"] = find_encoder(opened.folder, encoder, "missing")
    made = scorer_from_text(
        scorer, dict(options.pair(text, "--param", "NAME=VALUE") for text in param or ()), defaults
    )
    audit = None if show_plan else run / "audit-llm.jsonl"
    context = Context(retry=retry_failed, open_session=lambda: endpoint.session(audit))
    if not show_plan:
        _show(made.name, opened.score(made, context))
        for note in context.notes:
            print(f"  {note}")
    elif isinstance(made, LlmScorer):
        show_plan_lines(opened.plan(made, context))
    else:
        raise ConfigError(f"the scorer '{scorer}' has no plan: --plan is for --scorer llm")


def _show(name: str, table: "PartTable") -> None:
    """Print how many rows have a number, the range, and why rows failed."""
    rows = table.read()
    statuses = rows["status"].to_pylist()
    print(", ".join(f"{statuses.count(one):,} {one}" for one in ("ok", "skipped", "failed")) + f" by {name}")
    values = sorted(value for value in rows["value"].to_pylist() if value is not None)
    if values:
        print(f"  from {values[0]:.4g} to {values[-1]:.4g}, median {values[len(values) // 2]:.4g}")
    reasons = zip(statuses, rows["reason"].to_pylist(), strict=True)
    for reason, number in Counter(why for status, why in reasons if status == "failed").most_common(12):
        print(f"  failed: {number:>6,}  {reason}")
