"""Findings as Markdown, CSV and LaTeX."""

import csv
import re
from collections.abc import Iterator, Sequence
from io import StringIO

from finegold.report.study.findings import Findings, Outcome, TaskTable
from finegold.report.study.task_tables import cells, describe_tasks, gain_cells, heads
from finegold.report.study.task_tables import title as table_title
from finegold.report.study.words import (
    POWER_ABOUT,
    POWER_HEADS,
    Line,
    about,
    arm_notes,
    introduction,
    others,
    outcome_lines,
    power_lines,
    side_by_side,
    summary,
)
from finegold.report.text import printable

CSV_COLUMNS = (
    *("study", "task", "scoring", "metric", "better", "scale", "images", "items", "level", "baseline"),
    *("arm", "preset", "rows", "whole", "seeds", "subsets", "steps", "training_seconds"),
    *("value", "low", "high", "spread", "difference", "diff_low", "diff_high", "seen", "verdict", "note"),
)
_COLUMNS = ("arm", "rows", "seeds", "training")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]|#~$])")
_LATEX = {
    **{character: f"\\{character}" for character in "{}$&#_%"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "`": r"\textasciigrave{}"},
    # After the end of a line, a bare [ or * would be read as an option of the line break.
    **{"[": "{[}", "]": "{]}", "*": "{*}", '"': "''"},
}


def study_markdown(findings: Findings) -> str:
    """The question and the findings, a table of the main question, and the other questions of each task.

    Bold is only what is better, where the interval of the difference to the baseline does not hold zero.
    """
    parts = [
        f"# {md_text(findings.name)}",
        md_text(" ".join(introduction(findings))),
        md_text(" ".join(summary(findings))),
    ]
    for table in findings.tables:
        parts += _all_tasks(table)
        if table.performance is not None:
            parts += _full(findings, table.performance)
    if findings.questions:
        parts += [*_full(findings, findings.questions[0]), f"Bold: better than {md_text(findings.baseline)}."]
    for title, outcomes in others(findings):
        single = len(outcomes) == 1
        parts += _full(findings, outcomes[0]) if single else _compact(findings, title, outcomes)
    if findings.power:
        parts += [
            "## What it takes to see one point",
            md_table(POWER_HEADS, power_lines(findings)),
            POWER_ABOUT,
        ]
    notes = arm_notes(findings)
    if notes:
        parts += ["## Notes", "\n".join(f"- {md_text(note)}" for note in notes)]
    return "\n\n".join(parts) + "\n"


def study_csv(findings: Findings) -> str:
    """A line for each question and arm, numbers unscaled with all their digits; empty where there is none.

    `value * scale` is what the other tables show.
    """
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    overall = [table.performance for table in findings.tables if table.performance is not None]
    for outcome in (*findings.questions, *overall):
        for line in outcome_lines(findings, outcome):
            writer.writerow(_csv_line(findings, outcome, line))
    return out.getvalue()


def overlap_csv(findings: Findings) -> str:
    """A line for each row that an item of the evaluation contains: its dataset, its id, and why."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("data", "sample_id", "reason"))
    for one in findings.overlaps:
        writer.writerows((printable(one.data), printable(key), printable(why)) for key, why in one.rows)
    return out.getvalue()


def study_latex(findings: Findings) -> str:
    r"""A `table` with a booktabs `tabular` per question; every text is escaped.

    Bold as in `study_markdown`. The document needs `\usepackage{booktabs}` and, for names beyond ASCII, an
    engine and fonts that know them.
    """
    comments = ["Needs \\usepackage{booktabs}.", *introduction(findings), *summary(findings)]
    parts = ["\n".join(f"% {printable(comment)}" for comment in comments)]
    parts += [_tasks_tabular(table) for table in findings.tables]
    overall = [table.performance for table in findings.tables if table.performance is not None]
    tabulars = (_tabular(findings, outcome) for outcome in (*findings.questions, *overall))
    return "\n\n".join([*parts, *tabulars]) + "\n"


def _all_tasks(table: TaskTable) -> Iterator[str]:
    yield f"## {md_text(table_title(table))}"
    yield md_table(
        [*map(md_text, heads(table))], [[*map(md_text, cells(table, line))] for line in table.lines]
    )
    yield md_text(describe_tasks(table))
    yield f"Gains over {md_text(table.baseline)}:"
    names = [*map(md_text, heads(table)[: len(table.tasks) + 1]), "average"]
    gains = [[*map(md_text, gain_cells(table, line))] for line in table.lines if line.gains is not None]
    yield md_table(names, gains)


def _full(findings: Findings, outcome: Outcome) -> Iterator[str]:
    yield f"## {md_text(outcome.title)}"
    interval = f"{md_text(outcome.metric)} ({findings.level * 100:g}% interval)"
    heads = [*_COLUMNS, interval, f"difference to {md_text(findings.baseline)}", "verdict"]
    rows = [
        [
            *(md_text(line.arm.name), line.rows, line.seeds, line.cost),
            *(
                _strong(md_text(line.mean), line.kind == "better"),
                md_text(line.difference),
                md_text(line.verdict),
            ),
        ]
        for line in outcome_lines(findings, outcome)
    ]
    yield md_table(heads, rows)
    yield md_text(about(outcome))


def _compact(findings: Findings, title: str, outcomes: list[Outcome]) -> Iterator[str]:
    yield f"## {md_text(title)}"
    yield (
        f"Mean, then difference to {md_text(findings.baseline)} with its interval. Bold: better than "
        f"{md_text(findings.baseline)}; “worse” stands where it is worse; otherwise no difference was seen."
    )
    heads = ["arm", *(f"{md_text(outcome.metric)} ({outcome.better} is better)" for outcome in outcomes)]
    rows = [
        [md_text(lines[0].arm.name), *map(_short_cell, lines)] for lines in side_by_side(findings, outcomes)
    ]
    yield md_table(heads, rows)
    texts = dict.fromkeys(about(each).replace(f", {each.better} is better", "") for each in outcomes)
    yield md_text(" ".join(texts))


def _short_cell(line: Line) -> str:
    cell = _strong(line.value, line.kind == "better")
    cell += f"; {line.difference}" if line.change is not None else ""
    return f"{cell}, worse" if line.kind == "worse" else cell


def _strong(text: str, better: bool) -> str:
    return f"**{text}**" if better else text


def md_text(text: str) -> str:
    """One line of Markdown that shows the text as it is, inside a table cell or outside."""
    escaped = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", escaped)


def md_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown; the cells are Markdown, as `md_text` makes them."""
    right = {"rows", "seeds", "training"}
    rule = ["---:" if head in right else "---" for head in heads]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows))


def _csv_line(findings: Findings, outcome: Outcome, line: Line) -> list[str | float | None]:
    arm, figure, change = line.arm, line.figure, line.change
    cells: list[str | float | None] = [
        *map(printable, (findings.name, outcome.task, outcome.scoring, outcome.metric, outcome.better)),
        *(outcome.scale, outcome.images, outcome.items, findings.level, printable(findings.baseline)),
        *(printable(arm.name), printable(arm.preset), arm.rows, str(arm.whole).lower()),
        *(arm.seeds, arm.subsets, arm.steps, arm.seconds),
    ]
    if figure is None:
        return [*cells, *[None] * 9, printable(arm.note)]
    ends = (None,) * 3 if change is None else (change.value, change.low, change.high)
    cells += [figure.value.value, figure.value.low, figure.value.high, figure.spread, *ends]
    return [*cells, str(figure.seen).lower(), printable(figure.verdict), printable(arm.note)]


def _tabular(findings: Findings, outcome: Outcome) -> str:
    base = _tex(findings.baseline)
    heads = (*_COLUMNS, _tex(outcome.metric), f"difference to {base}", "verdict")
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering\small",
            rf"\caption{{{_tex(outcome.title)}. {_tex(about(outcome))} Bold: better than {base}.}}",
            r"\begin{tabular}{lrrrlll}",
            r"\toprule",
            " & ".join(heads) + r" \\",
            r"\midrule",
            *(_tex_line(line) for line in outcome_lines(findings, outcome)),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _tasks_tabular(table: TaskTable) -> str:
    """All tasks in one `table*`; each interval stands small under its number."""
    names = heads(table)
    lines = []
    for line in table.lines:
        numbers = [cell.partition(" (") for cell in cells(table, line)[1:]]
        lines.append(" & ".join([_tex(line.arm), *(_tex(value) for value, _, _ in numbers)]) + r" \\")
        ends = (rf"{{\tiny {_tex(rest.rstrip(')'))}}}" if rest else "" for _, _, rest in numbers)
        lines.append(" & ".join(["", *ends]) + r" \\")
    return "\n".join(
        [
            r"\begin{table*}",
            r"\centering\scriptsize\setlength{\tabcolsep}{3pt}",
            rf"\caption{{{_tex(table_title(table))}. {_tex(describe_tasks(table))}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(names) - 1)}}}",
            r"\toprule",
            " & ".join(map(_tex, names)) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table*}",
        ]
    )


def _tex_line(line: Line) -> str:
    cells = [_tex(cell) for cell in (line.arm.name, line.rows, line.seeds, line.cost)]
    if line.figure is None:
        cells.append(rf"\multicolumn{{3}}{{p{{0.4\linewidth}}}}{{{_tex(line.mean)}}}")
    else:
        mean = _tex(line.mean)
        # The difference stands beside it: its ends are not repeated.
        words = {"better": "better", "worse": "worse", "baseline": ""}.get(line.kind, line.verdict)
        cells += [rf"\textbf{{{mean}}}" if line.kind == "better" else mean, _tex(line.difference)]
        cells.append(_tex(words.partition(":")[0]))
    return " & ".join(cells) + r" \\"


def _tex(text: str) -> str:
    """Text as LaTeX shows it, with a minus sign before numbers."""
    escaped = "".join(_LATEX.get(character, character) for character in printable(text))
    return re.sub(r"(?<![^\s(])-(?=\d)", "$-$", escaped)
