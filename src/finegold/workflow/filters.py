"""What is chosen from: rows that `--exclude` vetoes or `--where` does not let through are taken out first."""

import re
from collections.abc import Collection, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finegold.arrays import Ints
from finegold.errors import BudgetError, ConfigError, counted, did_you_mean
from finegold.run import RunFolder, TextColumn, write_text
from finegold.samples.attributes import read_attribute
from finegold.samples.excluded import ExcludedRows
from finegold.scorers.registry import SCORERS
from finegold.selection.table import Candidates
from finegold.selection.unmet import unmet_rows
from finegold.selection.where import Condition
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
) -> tuple[ExcludedRows, tuple[str, ...]]:
    """The candidates that may not be chosen, by position, and notes.

    A veto comes first. A pinned row need not meet the condition.

    Raises:
        ConfigError: If the condition names something that is not there, or no pinned id can be chosen.
        BudgetError: If no row is left.
    """
    ids, n = candidates.ids, len(candidates.ids)
    vetoed, pinned = settings.exclude, settings.pinned
    out = np.zeros(n, np.bool_) if vetoed is None else ids.isin(vetoed.ids)
    found, notes = [], []
    if vetoed is not None:
        where = vetoed.name or "the list of ids"
        reason = f"the id is in {where} of --exclude"
        found.append(ExcludedRows.of(np.flatnonzero(out), "vetoed", reason))
        notes.append(
            f"Excluded by --exclude: {len(found[0]):,} usable rows, of {len(vetoed.ids):,} ids in {where}."
        )
    if settings.condition is not None:
        columns = _columns(settings.condition, rows, candidates)
        condition = settings.condition.with_quantiles(columns)
        left = np.flatnonzero(~out & ~ids.isin(pinned))
        unmet = _unmet(condition, columns, left)
        out[unmet.rows] = True
        found.append(unmet)
        notes.append(f"Excluded by --where '{condition.text}': {counted(len(unmet), 'row')}.")
    if settings.include is not None:
        notes += _pinned_note(pinned, settings.include.name, candidates, rows)
    if out.all():
        why = next((f"{one.reason[0]} (row {ids[one.rows[0]]})" for one in found if len(one)), "loosen them")
        raise BudgetError(f"none of the {n:,} rows is left to choose from after --where and --exclude: {why}")
    return ExcludedRows.together(found), tuple(notes)


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
    lost = sorted(set(pinned) - set(candidates.ids.take(np.flatnonzero(candidates.ids.isin(pinned)))))
    where = f"{name} of --include" if name else "the list of --include"
    if len(lost) == len(pinned):
        raise ConfigError(
            f"none of the {len(pinned):,} ids in {where} is a usable row of the data, such as '{lost[0]}' "
            f"(ids of the data look like '{candidates.ids[0]}'): name ids of the data"
            if len(candidates.ids)
            else f"no row can be used, and {where} pins {len(pinned):,}: check the data"
        )
    notes = [f"Pinned by --include: {len(pinned) - len(lost):,} rows, which are chosen first."]
    if lost:
        samples = rows.table.read(["sample_id", "reason"])
        why = samples.filter(pc.equal(samples["sample_id"], lost[0]))["reason"].to_pylist()
        reason = why[-1] if why else "it is not in the data"
        notes.append(
            f"{len(lost):,} pinned ids cannot be chosen, such as {lost[0]}: "
            f"{reason or 'a score or an embedding failed, or a benchmark contains it'}."
        )
    return notes


def _unmet(condition: Condition, columns: Mapping[str, pa.Array], left: Ints) -> ExcludedRows:
    """Which of the candidates at some positions do not meet a condition, by position."""
    places, reasons = unmet_rows(condition, {name: column.take(left) for name, column in columns.items()})
    return ExcludedRows.of(left[places], "filtered", reasons)


def _columns(condition: Condition, rows: Rows, candidates: Candidates) -> dict[str, pa.Array]:
    """Values of the candidates by name of the condition."""
    found: dict[str, pa.Array] = {}
    indicators = indicators_of(condition, rows.folder)
    for name in condition.names:
        if name in indicators:
            found[name] = pa.array(candidates.indicators[indicators[name]])
            continue
        own = name in COLUMNS
        column = rows.table.read([name])[name] if own else _field(name, rows, condition)
        texts = pa.types.is_string(column.type)
        whole = TextColumn(column).array if texts else column.combine_chunks()
        found[name] = whole.take(candidates.rows)
    return found


def _field(name: str, rows: Rows, condition: Condition) -> pa.ChunkedArray:
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
    as_flag = name in condition.flags
    if not as_flag and name not in condition.numbers:
        return texts
    read, kind = (_flag, pa.bool_()) if as_flag else (_number, pa.float64())
    chunks = [pa.array(map(read, chunk.to_pylist()), kind) for chunk in texts.chunks]
    return pa.chunked_array(chunks, kind)


_FLAGS = {"true": True, "false": False}


def _flag(text: str | None) -> bool | None:
    return _FLAGS.get((text or "").lower())


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
