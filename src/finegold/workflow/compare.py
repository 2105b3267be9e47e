"""Hold presets against one another on one run folder."""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from finegold.errors import ConfigError, DataError
from finegold.run import write_json
from finegold.selection import compare as figures
from finegold.selection.compare import PresetComparison, PresetFigures, interval
from finegold.selection.pickers import PICKERS
from finegold.selection.presets import PRESETS, find_preset
from finegold.selection.table import gather
from finegold.workflow.choose import Choice, choose
from finegold.workflow.compute import Computed, compute
from finegold.workflow.files import NOTHING_GIVEN, SelectionFiles, check_given, needed
from finegold.workflow.rows import Compute, read_rows
from finegold.workflow.source import continue_run


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known of the rows, for measuring only.

    Attributes:
        by_id: Label of each row.
        good: Labels that are no defect.
    """

    by_id: Mapping[str, str]
    good: frozenset[str]


def compare_run(
    run: str | Path,
    presets: Sequence[str],
    size: str,
    *,
    seeds: int = 5,
    encoder: str,
    labels: Labels | None = None,
    machine: Compute | None = None,
    given: SelectionFiles = NOTHING_GIVEN,
) -> PresetComparison:
    """Choose with every preset and measure what it chose.

    What a preset needs and the run folder lacks is computed first. No label is read while choosing. The
    result is kept in the run folder, as `comparisons/<size>.json`, and shown by the next report.

    Args:
        run: The run folder.
        presets: Names.
        size: As `pick` takes it.
        seeds: Seeds 0 .. seeds - 1, for presets that draw at random.
        encoder: For scores and embeddings that are to be computed.
        labels: For the shares of bad rows.
        machine: Device, batch size and workers.
        given: Duplicates to leave out before every preset, targets, and files that some presets need.
    """
    machine = machine or Compute()
    recipes = [find_preset(name) for name in presets]
    check_given(recipes, given)
    folder, dataset = continue_run(Path(run))
    found: list[PresetFigures] = []
    choices: list[Choice] = []
    with folder.writing():
        rows = read_rows(folder, dataset, machine)
        # Embeddings and clusters for all, so that coverage is measured for presets that use neither.
        base = compute(
            folder,
            dataset,
            rows,
            find_preset("stratified"),
            weights=None,
            encoder=encoder,
            clusters=None,
            machine=machine,
        )
        for recipe in recipes:
            computed = compute(
                folder,
                dataset,
                rows,
                recipe,
                weights=None,
                encoder=encoder,
                clusters=None,
                machine=machine,
                given=given,
            )
            measured: list[dict[str, float]] = []
            for seed in range(seeds if PICKERS[recipe.pick].seeded else 1):
                begin = time.perf_counter()
                choice = choose(folder, dataset, computed, recipe, size, weights=None, seed=seed, given=given)
                seconds = time.perf_counter() - begin
                measured.append(_measure(choice, base, labels) | {"seconds": seconds})
                if seed == 0:
                    choices.append(choice)
            names = {name: None for entry in measured for name in entry}
            found.append(
                PresetFigures(
                    recipe.name,
                    recipe.version,
                    len(measured),
                    {name: interval([entry[name] for entry in measured]) for name in names},
                    choices[-1].selection.ids,
                )
            )
    overlap = tuple(tuple(figures.overlap(one.chosen, other.chosen) for other in found) for one in found)
    size_chosen = len(found[0].chosen)
    result = PresetComparison(
        rows.fingerprint,
        size_chosen,
        tuple(found),
        overlap,
        _pool_figures(choices[0], labels),
        "none" if given.dedup is None else str(given.dedup),
    )
    write_json(folder.path / "comparisons" / f"{size_chosen}.json", asdict(result))
    return result


def preset_names(text: str) -> list[str]:
    """Names from `a,b,c`; `all` gives every preset that needs nothing but the data."""
    if text == "all":
        return [name for name, preset in PRESETS.items() if not needed(preset)]
    return [name.strip() for name in text.split(",") if name.strip()]


def _measure(choice: Choice, base: Computed, labels: Labels | None) -> dict[str, float]:
    candidates = choice.candidates
    at = {key: index for index, key in enumerate(candidates.ids)}
    chosen = np.array([at[key] for key in choice.selection.ids], dtype=np.int64)
    found = {
        f"mean {name}": value
        for name, value in figures.indicator_means(candidates.indicators, chosen).items()
    }
    everything = gather(base.rows.table, {}, base.clusters, base.embeddings)
    place = {key: index for index, key in enumerate(everything.ids)}
    among = np.array([place[key] for key in choice.selection.ids], dtype=np.int64)
    if everything.labels is not None:
        found["cluster coverage"] = figures.cluster_coverage(everything.labels, among)
    if everything.embeddings is not None:
        found["distance"] = figures.embedding_distance(everything.embeddings, among)
        found["near duplicates"] = figures.near_duplicates(everything.embeddings, among)
    if labels is not None:
        found |= _label_shares(labels, choice.selection.ids)
    return found


def _label_shares(labels: Labels, ids: Sequence[str]) -> dict[str, float]:
    shares = figures.shares(labels.by_id, ids)
    bad = sum(share for name, share in shares.items() if name not in labels.good)
    return {"bad": bad} | {f"is {name}": share for name, share in shares.items()}


def _pool_figures(choice: Choice, labels: Labels | None) -> dict[str, float]:
    candidates = choice.candidates
    everyone = np.arange(len(candidates.ids))
    means = figures.indicator_means(candidates.indicators, everyone)
    found = {f"mean {name}": value for name, value in means.items()}
    return found | (_label_shares(labels, candidates.ids) if labels is not None else {})


def read_labels(path: Path, good: Sequence[str]) -> Labels:
    """Read a JSON object of id to label, for measuring.

    Raises:
        DataError: If the file is no such object.
        ConfigError: If a good label does not occur in it.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read ({error}): give --labels a JSON object of id to label"
        ) from None
    if not isinstance(content, dict) or not all(isinstance(label, str) for label in content.values()):
        raise DataError(f"{path} is no JSON object of id to label: give --labels one")
    counts = Counter(content.values())
    unknown = sorted(set(good) - set(counts))
    if unknown or not good:
        raise ConfigError(
            f"--good names {', '.join(unknown) or 'no label'}, and the labels are {', '.join(sorted(counts))}"
        )
    return Labels(content, frozenset(good))
