"""What is chosen from: rows that `--exclude` vetoes or `--where` does not let through are taken out first."""

import re
from collections.abc import Collection
from typing import Any

from finegold.errors import BudgetError, ConfigError, counted, did_you_mean
from finegold.run import RunFolder, write_text
from finegold.samples import Exclusion
from finegold.samples.attributes import read_attribute
from finegold.scorers.registry import SCORERS
from finegold.selection.table import Candidates
from finegold.selection.where import Condition, Value
from finegold.workflow.rows import Rows
from finegold.workflow.settings import SelectionSettings

COLUMNS = (
    *("sample_id", "source", "kind", "turns", "n_images", "width", "height", "answer_chars"),
    *("image_bytes", "row", "place"),
)
"""Columns of the samples table that a condition may name."""


def known_indicators(run: RunFolder) -> set[str]:
    """Names of the scorers, and of what the run folder has scores of."""
    return {str(table.parameters["scorer"]) for table in run.tables("scores")} | set(SCORERS.names())


def indicators_of(condition: Condition | None, run: RunFolder) -> dict[str, str]:
    """Names of a condition that are indicators, each with the indicator; the other names are columns.

    An indicator is a scorer, or what the run folder has scores of. `llm_image` means `llm-image`, since a
    hyphen is a minus sign.
    """
    if condition is None:
        return {}
    known = known_indicators(run)
    found = {}
    for name in condition.names:
        if name not in COLUMNS:
            of = next((one for one in (name, name.replace("_", "-")) if one in known), None)
            if of is not None:
                found[name] = of
    return found


def filtered_rows(
    settings: SelectionSettings, rows: Rows, candidates: Candidates
) -> tuple[dict[str, Exclusion], tuple[str, ...]]:
    """Why candidates may not be chosen, by id, and notes.

    A veto comes first. A pinned row need not meet the condition.

    Raises:
        ConfigError: If the condition names something that is not there, or no pinned id can be chosen.
        BudgetError: If no row is left.
    """
    found: dict[str, Exclusion] = {}
    notes = []
    vetoed, pinned = settings.exclude, settings.pinned
    if vetoed is not None:
        where = vetoed.name or "the list of ids"
        reason = f"the id is in {where} of --exclude"
        found = {key: Exclusion("vetoed", reason) for key in candidates.ids if key in vetoed.found}
        notes.append(
            f"Excluded by --exclude: {len(found):,} usable rows, of {len(vetoed.ids):,} ids in {where}."
        )
    if settings.condition is not None:
        columns = _columns(settings.condition, rows, candidates)
        condition = settings.condition.with_quantiles(columns)
        before = len(found)
        for at, key in enumerate(candidates.ids):
            if key in found or key in pinned:
                continue
            unmet = condition.unmet({name: values[at] for name, values in columns.items()})
            if unmet is not None:
                found[key] = Exclusion("filtered", unmet)
        notes.append(f"Excluded by --where '{condition.text}': {counted(len(found) - before, 'row')}.")
    if settings.include is not None:
        notes += _pinned_note(pinned, settings.include.name, candidates, rows)
    if len(found) == len(candidates.ids):
        raise BudgetError(
            f"none of the {len(candidates.ids):,} rows is left to choose from after --where and --exclude: "
            + next((f"{one.reason} (row {key})" for key, one in found.items()), "loosen them")
        )
    return found, tuple(notes)


def check_indicator_names(run: RunFolder, settings: SelectionSettings) -> None:
    """Raise ConfigError if a weight or condition names no indicator that can be, before hours of reading."""
    known = known_indicators(run)
    for name in settings.indicators if settings.weights else ():
        if name not in known:
            raise ConfigError(
                f"the weights name '{name}'{did_you_mean(name, known)}, and there is no scorer of "
                "this name and no score that was brought with --column: `finegold scorers` lists them"
            )
    condition = re.sub(r"'[^']*'|\"[^\"]*\"", "", settings.where or "")
    for name in known:
        if "-" in name and re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", condition):
            raise ConfigError(
                f"--where names '{name}', and a hyphen is a minus sign there: write {name.replace('-', '_')}"
            )


def check_fields(settings: SelectionSettings, rows: Rows) -> None:
    """Raise ConfigError if the condition names something that no record has, before hours of scoring."""
    condition = settings.condition
    if condition is not None:
        for name in {*condition.names} - {*COLUMNS} - {*indicators_of(condition, rows.folder)}:
            _field(name, rows, condition)


def keep_ids(run: RunFolder, settings: SelectionSettings) -> None:
    """Keep the lists of pinned and vetoed ids, so that the selection can be made again."""
    for ids in (settings.include, settings.exclude):
        if ids is not None:
            write_text(run.path / "selectors" / f"{ids.sha256[:12]}.jsonl", ids.text)


def _pinned_note(pinned: Collection[str], name: str, candidates: Candidates, rows: Rows) -> list[str]:
    usable = set(candidates.ids)
    lost = sorted(set(pinned) - usable)
    where = f"{name} of --include" if name else "the list of --include"
    if len(lost) == len(pinned):
        raise ConfigError(
            f"none of the {len(pinned):,} ids in {where} is a usable row of the data, such as '{lost[0]}' "
            f"(ids of the data look like '{candidates.ids[0]}'): name ids of the data"
            if candidates.ids
            else f"no row can be used, and {where} pins {len(pinned):,}: check the data"
        )
    notes = [f"Pinned by --include: {len(pinned) - len(lost):,} rows, which are chosen first."]
    if lost:
        samples = rows.table.read(["sample_id", "reason"]).to_pylist()
        why = {row["sample_id"]: row["reason"] for row in samples}
        reason = why.get(lost[0], "it is not in the data")
        notes.append(
            f"{len(lost):,} pinned ids cannot be chosen, such as {lost[0]}: "
            f"{reason or 'a score or an embedding failed, or a benchmark contains it'}."
        )
    return notes


def _columns(condition: Condition, rows: Rows, candidates: Candidates) -> dict[str, list[Value]]:
    """Values of the candidates by name of the condition."""
    found: dict[str, list[Value]] = {}
    indicators = indicators_of(condition, rows.folder)
    places = candidates.rows.tolist()
    for name in condition.names:
        if name in indicators:
            found[name] = [float(value) for value in candidates.indicators[indicators[name]]]
            continue
        if name in COLUMNS:
            column: list[Any] = rows.table.read([name])[name].to_pylist()
        else:
            column = _field(name, rows, condition)
        found[name] = [column[place] for place in places]
    return found


def _field(name: str, rows: Rows, condition: Condition) -> list[Value]:
    """A field of the records, as numbers or true and false if the condition compares it with these."""
    try:
        texts = read_attribute(rows.folder, rows.dataset, rows.table, name)
    except ConfigError:
        known = (*COLUMNS, *(one.replace("-", "_") for one in known_indicators(rows.folder)))
        raise ConfigError(
            f"--where names '{name}'{did_you_mean(name, known)}, and no column, indicator or field of the "
            f"records has this name: give one of {', '.join(COLUMNS)}, a scorer that `finegold scorers` "
            "lists, or a field such as meta.dataset"
        ) from None
    if name in condition.flags:
        return [_FLAGS.get((text or "").lower()) for text in texts]
    return [_number(text) for text in texts] if name in condition.numbers else list(texts)


_FLAGS = {"true": True, "false": False}


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
