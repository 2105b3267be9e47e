"""`finegold score`: one indicator of a run folder's rows."""

from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from finegold.cli import options
from finegold.cli.output import OutputOptions
from finegold.cli.show import say

if TYPE_CHECKING:
    from finegold.models.prefix import Parts
    from finegold.run import PartTable, Shard


@options.grouped
def score(
    run: options.RunPath,
    scorer: Annotated[
        str | None, typer.Option(help="A name that `finegold scorers` lists, or module:Class.")
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(
            metavar="FILE[:COLUMN]",
            help="Bring a column that was computed elsewhere, in place of --scorer: a CSV, JSON lines or "
            "Parquet file with a column `sample_id`. Numbers are scores, lists of numbers embeddings "
            "(--encoder NAME), texts attributes (--group-by, --where).",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="For --column: what to call it. [default: the column's name]")
    ] = None,
    prepare: Annotated[
        Literal["hashes", "image", "text", "instruction"] | None,
        typer.Option(
            help="Make what other commands read, in place of --scorer: hashes of the images (--dedup, "
            "--without), or embeddings of the rows in a space (`finegold cluster --space`)."
        ),
    ] = None,
    text_encoder: options.TextEncoder = "minilm",
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A parameter of the scorer; can be repeated."),
    ] = None,
    data: Annotated[str | None, typer.Option(help="Dataset, if the run folder is new.")] = None,
    encoder: options.Encoder = None,
    retry_failed: options.RetryFailed = False,
    strict: options.Strict = False,
    with_image: Annotated[
        bool, typer.Option("--with-image", help="For `llm`: show the first image of the row to the model.")
    ] = False,
    model: options.JudgeModel = None,
    canary: Annotated[
        str | None,
        typer.Option(
            help="For `llm`: a share of the rows, such as 2%, in which a wrong answer and a demand for a "
            "score are planted, to see whether the model obeys rows. Two more calls for each of them."
        ),
    ] = None,
    show_plan: options.ShowPlan = False,
    shard: Annotated[
        str | None,
        typer.Option(
            help="I/N: make one part of the table, as one of N jobs that share the run folder; the last one "
            "to end finishes it. Limits of calls are divided by N."
        ),
    ] = None,
    *,
    dataset: options.DatasetOptions,
    computing: options.ComputeOptions,
    loading: options.PartsOptions,
    endpoint: options.EndpointOptions,
    output: OutputOptions,
) -> None:
    """Compute one indicator for every usable row and keep it in the run folder.

    The exit code is 1 if every row failed, or if a limit stopped the calls.

    --model, --plan and the options of the endpoint are for scorers that call one, such as `llm`, or
    `necessity` with `--param model=endpoint:NAME`. Replies are kept, so that no call is paid for twice.
    """
    from finegold.cli.show import show_plan_lines
    from finegold.errors import ConfigError
    from finegold.llm import session_in_force
    from finegold.models.registry import ENDPOINT
    from finegold.run import Shard
    from finegold.scorers import Context, parameter_names, scorer_class, scorer_from_text
    from finegold.scorers.canary import keep_canaries, parse_share
    from finegold.scorers.llm import LlmScorer
    from finegold.scorers.vlm import ModelScorer
    from finegold.workflow import Run
    from finegold.workflow.tables import find_encoder

    if sum(one is not None for one in (scorer, column, prepare)) != 1:
        raise ConfigError(
            "a score is computed with --scorer or brought with --column, and --prepare makes other tables: "
            "give one of them"
        )
    parts = loading.parts()
    source = None if data is None else dataset.source(data)
    own, compute = Shard.parse(shard), replace(computing.compute(), shard=shard)
    if prepare is not None:
        endpoint.refuse("--prepare")
        _refuse_parts(parts, "--prepare")
        opened = Run.open(run, source, encoder=encoder, compute=compute, strict=strict)
        table = opened.hash_images() if prepare == "hashes" else opened.embed(prepare, text_encoder)
        with output.printing() as facts:
            facts |= {"table": table.folder.name} if table.done else _show_shard(own, table)
            if table.done:
                say(f"{table.folder.name} has all rows")
        return
    if column is not None:
        if shard is not None:
            raise ConfigError("--shard is for --scorer: a column is brought by one command")
        endpoint.refuse("--column")
        _refuse_parts(parts, "--column")
        opened = Run.open(run, source, compute=computing.compute(), strict=strict)
        file, colon, part = column.rpartition(":")
        alone = not colon or Path(column).exists()
        found = opened.bring_column(column if alone else file, None if alone else part, name)
        with output.printing() as facts:
            facts |= {"name": found.name, "kind": found.kind, "table": found.table.folder.name}
            facts |= {"given": found.given, "missing": found.missing, "unknown": found.unknown}
            say(
                f"{found.given:,} rows have a value of '{found.name}' ({found.kind}), {found.missing:,} have "
                f"none; {found.unknown:,} ids of the file are no usable row"
            )
        return
    if name is not None:
        raise ConfigError("--name is for --column: leave it out")
    assert scorer is not None
    if with_image:
        if scorer != "llm":
            raise ConfigError(f"--with-image is for --scorer llm, not for {scorer}: leave one of them out")
        scorer = "llm-image"
    scorer_type = scorer_class(scorer)
    known = parameter_names(scorer_type)
    if model and "model" not in known:
        raise ConfigError(
            f"--model is for scorers with a parameter 'model', and {scorer} has none: leave it out"
        )
    parameters = dict(options.pair(text, "--param", "NAME=VALUE") for text in param or ())
    named = parameters.get("model", model or "")
    foreign = not scorer_type.__module__.startswith("finegold.")
    if not (scorer_type.uses_endpoint or foreign or named.startswith(ENDPOINT)):
        endpoint.refuse(f"the scorer '{scorer}'")
    if not foreign and not issubclass(scorer_type, ModelScorer):
        _refuse_parts(parts, f"the scorer '{scorer}'")
    if shard is not None and (canary is not None or show_plan):
        raise ConfigError("--shard scores, and does not go with --canary or --plan: leave it out")
    opened = Run.open(run, source, encoder=encoder, compute=compute, strict=strict)
    share = None if canary is None else parse_share(canary)
    if share is not None and not issubclass(scorer_type, LlmScorer):
        raise ConfigError(f"--canary is for --scorer llm, not for {scorer}: leave it out")
    defaults = {"model": model} if model else {}
    if "encoder" in known:
        defaults["encoder"] = find_encoder(opened.folder, encoder, "missing")
    made = scorer_from_text(scorer, parameters, defaults)
    audit = None if show_plan else opened.folder.path / "audit-llm.jsonl"
    session = cache(lambda: endpoint.session(audit, sends=not show_plan).share(own))
    context = Context(retry=retry_failed, open_session=session, parts=parts)
    if not show_plan:
        with session_in_force(session):
            table = opened.score(made, context)
            if share is not None and isinstance(made, LlmScorer):
                planted = Context(retry=retry_failed, open_session=session, parts=parts)
                result = opened.canary(made, planted, share)
                keep_canaries(table.folder, result)
                context.notes.append(result.note(made.name))
        with output.printing() as facts:
            facts |= (_show(made.name, table) if table.done else _show_shard(own, table)) | {
                "notes": context.notes
            }
            for note in context.notes:
                say(f"  {note}")
            if not any(note.startswith("calls: ") for note in context.notes):
                endpoint.say_spent(facts)
            if not session.cache_info().misses and not scorer_type.uses_endpoint:
                endpoint.refuse(f"the scorer '{scorer}', whose scores are kept,")
            if not facts["scored"] or facts["not_sent"]:
                raise typer.Exit(1)
    elif isinstance(made, LlmScorer):
        with output.printing() as facts:
            facts |= show_plan_lines(opened.plan(made, context))
    else:
        raise ConfigError(f"the scorer '{scorer}' has no plan: --plan is for --scorer llm")


def _refuse_parts(parts: "Parts", what: str) -> None:
    """Raise ConfigError if parts of a model were given to what loads none."""
    from finegold.errors import ConfigError

    if parts != type(parts)():
        raise ConfigError(
            f"--projection and the other parts of a model would have no effect, because {what} loads none: "
            "leave them out"
        )


def _show_shard(shard: "Shard", table: "PartTable") -> dict[str, Any]:
    """Print that a shard is done, and that others are not."""
    from finegold.errors import counted

    there = len(table.paths())
    say(
        f"shard {shard.index} of {shard.count} has made its parts of {table.folder.name}, which holds "
        f"{counted(there, 'part')} now; the last shard to end finishes it"
    )
    return {"table": table.folder.name, "parts": there, "scored": True, "not_sent": 0}


def _show(name: str, table: "PartTable") -> dict[str, Any]:
    """Print how many rows have a number, the range, and why rows failed; returns the same for programs."""
    import numpy as np
    import pyarrow.compute as pc

    rows = table.read(["value", "status", "reason"])
    counts = {one: pc.sum(pc.equal(rows["status"], one)).as_py() or 0 for one in ("ok", "skipped", "failed")}
    say(", ".join(f"{number:,} {one}" for one, number in counts.items()) + f" by {name}")
    values = np.sort(rows["value"].drop_null().to_numpy())
    places = (0, len(values) // 2, len(values) - 1)
    lowest, median, highest = (float(values[one]) for one in places) if len(values) else (None, None, None)
    if lowest is not None:
        say(f"  from {lowest:.4g} to {highest:.4g}, median {median:.4g}")
    failed = rows["reason"].filter(pc.equal(rows["status"], "failed"))
    reasons = {one["values"]: one["counts"] for one in failed.value_counts().to_pylist()}
    for reason, number in Counter(reasons).most_common(12):
        say(f"  failed: {number:>6,}  {reason}")
    return {
        "scorer": name,
        "table": table.folder.name,
        **counts,
        "lowest": lowest,
        "median": median,
        "highest": highest,
        "not_sent": pc.sum(pc.starts_with(rows["reason"], "not sent: ")).as_py() or 0,
        "scored": counts["ok"] > 0 or not counts["failed"],
    }
