"""One step on a run folder: score, cluster, select, report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finegold.clustering import Method
from finegold.clustering.table import ClusterTable, cluster_run
from finegold.errors import ConfigError
from finegold.run import PartTable
from finegold.samples.images import decode
from finegold.scorers import Scorer
from finegold.scorers.from_text import scorer_from_text
from finegold.scorers.llm import LlmScorer
from finegold.selection.options import parse_weights
from finegold.selection.presets import find_preset
from finegold.workflow.choose import choose
from finegold.workflow.compute import existing
from finegold.workflow.files import NOTHING_GIVEN, SelectionFiles, check_given
from finegold.workflow.output import check_free, subset_names
from finegold.workflow.pick import Picked, deliver
from finegold.workflow.rows import Compute, embed_rows, read_rows, score_rows
from finegold.workflow.source import DataSource, continue_run, start_run


def score_run(
    run: str | Path,
    scorer: str,
    parameters: Mapping[str, str] | None = None,
    defaults: Mapping[str, Any] | None = None,
    *,
    source: DataSource | None = None,
    retry_failed: bool = False,
    strict: bool = False,
    machine: Compute | None = None,
) -> tuple[Scorer, PartTable]:
    """Score a run folder's rows with one scorer.

    Args:
        run: The run folder.
        scorer: A registered name, or `module:Class`.
        parameters: The scorer's, as text; converted to the types of its fields.
        defaults: Values for fields of the scorer that `parameters` does not set; others are passed over.
        source: The dataset, if the run folder is yet to be made.
        retry_failed: Score the rows again on which it failed.
        strict: Stop at the first bad row.
        machine: Device, batch size and workers.

    Returns:
        The scorer as it was made, and its finished table.
    """
    machine = machine or Compute()
    made = scorer_from_text(scorer, parameters or {}, defaults or {})
    folder, dataset = start_run(source, Path(run)) if source else continue_run(Path(run))
    with folder.writing():
        rows = read_rows(folder, dataset, machine, strict=strict)
        return made, score_rows(folder, dataset, rows, made, machine, retry_failed=retry_failed)


def plan_run(
    run: str | Path,
    scorer: str,
    parameters: Mapping[str, str] | None = None,
    defaults: Mapping[str, Any] | None = None,
    *,
    source: DataSource | None = None,
    machine: Compute | None = None,
) -> list[tuple[str, str]]:
    """What an LLM scorer would send for the usable rows and its price, as names and values; sends nothing."""
    made = scorer_from_text(scorer, parameters or {}, defaults or {})
    assert isinstance(made, LlmScorer)
    folder, dataset = start_run(source, Path(run)) if source else continue_run(Path(run))
    with folder.writing():
        rows = read_rows(folder, dataset, machine)
    usable = (row.sample for row in dataset.rows() if rows.usable[row.index] and row.sample is not None)
    if "image" not in made.requires:
        return made.plan(usable).lines()
    samples = list(usable)
    return made.plan(
        samples, (decode(sample.images[0]) if sample.images else None for sample in samples)
    ).lines()


def cluster_run_folder(
    run: str | Path,
    *,
    method: Method = "spectral",
    clusters: int = 10,
    neighbours: int = 10,
    encoder: str,
    seed: int = 0,
    machine: Compute | None = None,
) -> ClusterTable:
    """Embed a run folder's images, if that was not done, and cluster them."""
    machine = machine or Compute()
    folder, dataset = continue_run(Path(run))
    with folder.writing():
        rows = read_rows(folder, dataset, machine)
        embeddings, _ = embed_rows(folder, dataset, rows, encoder, machine)
        return cluster_run(
            folder, embeddings, method=method, clusters=clusters, neighbours=neighbours, seed=seed
        )


def select_run(
    run: str | Path,
    *,
    size: int | str,
    out: str | Path,
    preset: str,
    weights: Mapping[str, float] | str | None = None,
    seed: int = 0,
    link: bool = False,
    given: SelectionFiles = NOTHING_GIVEN,
) -> Picked:
    """Choose rows by what the run folder holds: the last scores of each scorer, and the last clusters.

    Image hashes and embeddings of targets, if `given` asks for them, are made if they are not there.

    Raises:
        ConfigError: If something that the preset needs was not computed.
    """
    recipe = find_preset(preset)
    check_given([recipe], given, weights)
    out = Path(out).resolve()
    folder, dataset = continue_run(Path(run))
    check_free(out, subset_names(dataset))
    with folder.writing():
        computed = existing(folder, dataset, read_rows(folder, dataset), recipe, given)
        if not computed.scores and recipe.reads:
            raise ConfigError(f"{folder.path} holds no scores of these rows: run `finegold score` first")
        own = parse_weights(weights) if isinstance(weights, str) else weights
        choice = choose(folder, dataset, computed, recipe, str(size), weights=own, seed=seed, given=given)
        return deliver(folder, dataset, choice, out, link=link)
