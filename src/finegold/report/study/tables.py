"""Findings as Markdown, CSV and LaTeX."""

import csv
import re
from collections.abc import Iterator, Sequence
from io import StringIO

from finegold.report.study.findings import ArmResult, Figure, Findings, Outcome
from finegold.report.study.words import (
    Line,
    about,
    arm_notes,
    introduction,
    lines,
    others,
    printable,
    short,
    summary,
)

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


def markdown(findings: Findings) -> str:
    """What was asked and found, a table of the main question, and the other questions of each task.

    Bold stands only where the interval of the difference to the baseline leaves zero out on the better side.
    """
    parts = [
        f"# {_md(findings.name)}",
        _md(" ".join(introduction(findings))),
        _md(" ".join(summary(findings))),
    ]
    if findings.questions:
        parts += [*_full(findings, findings.questions[0]), f"Bold: better than {_md(findings.baseline)}."]
    for title, questions in others(findings):
        if len(questions) == 1:
            parts += _full(findings, questions[0])
        else:
            parts += _compact(findings, title, questions)
    notes = arm_notes(findings)
    if notes:
        parts += ["## Notes", "\n".join(f"- {_md(note)}" for note in notes)]
    return "\n\n".join(parts) + "\n"


def csv_text(findings: Findings) -> str:
    """A line per question and arm, numbers unscaled and with all their digits; empty where there is none.

    `value * scale` is what the other tables show.
    """
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for question in findings.questions:
        figures = {figure.arm: figure for figure in question.figures}
        for arm in findings.arms:
            writer.writerow(_csv_line(findings, question, arm, figures.get(arm.name)))
    return out.getvalue()


def latex(findings: Findings) -> str:
    r"""A `table` with a booktabs `tabular` per question; every text is escaped.

    Bold as in `markdown`. The document needs `\usepackage{booktabs}` and, for names beyond ASCII, an engine
    and fonts that know them.
    """
    comments = ["Needs \\usepackage{booktabs}.", *introduction(findings), *summary(findings)]
    parts = ["\n".join(f"% {printable(comment)}" for comment in comments)]
    return "\n\n".join([*parts, *(_tabular(findings, question) for question in findings.questions)]) + "\n"


def _full(findings: Findings, question: Outcome) -> Iterator[str]:
    yield f"## {_md(question.title)}"
    heads = [
        *_COLUMNS,
        f"{_md(question.metric)} ({findings.level * 100:g}% interval)",
        f"difference to {_md(findings.baseline)}",
        "verdict",
    ]
    rows = [
        [
            _md(line.arm.name),
            line.rows,
            line.seeds,
            line.cost,
            _strong(_md(line.mean), line.kind == "better"),
            _md(line.difference),
            _md(line.verdict),
        ]
        for line in lines(findings, question)
    ]
    yield _md_table(heads, rows)
    yield _md(about(question))


def _compact(findings: Findings, title: str, questions: Sequence[Outcome]) -> Iterator[str]:
    yield f"## {_md(title)}"
    yield (
        f"Mean, then difference to {_md(findings.baseline)} with its interval. Bold: better than "
        f"{_md(findings.baseline)}; “worse” stands where it is worse; otherwise no difference was seen."
    )
    heads = ["arm", *(f"{_md(question.metric)} ({question.better} is better)" for question in questions)]
    rows = [
        [_md(arm.name), *(_short_cell(findings, question, arm) for question in questions)]
        for arm in findings.arms
    ]
    yield _md_table(heads, rows)
    texts = dict.fromkeys(
        about(question).replace(f", {question.better} is better", "") for question in questions
    )
    yield _md(" ".join(texts))


def _short_cell(findings: Findings, question: Outcome, arm: ArmResult) -> str:
    mean, change, what = short(findings, question, arm)
    cell = f"{_strong(mean, what == 'better')}; {change}" if change else mean
    return f"{cell}, worse" if what == "worse" else cell


def _strong(text: str, better: bool) -> str:
    return f"**{text}**" if better else text


def _md(text: str) -> str:
    """One line of Markdown that shows the text as it is, inside a table cell or outside."""
    escaped = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKDOWN.sub(r"\\\1", escaped)


def _md_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    right = {"rows", "seeds", "training"}
    rule = ["---:" if head in right else "---" for head in heads]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows))


def _csv_line(
    findings: Findings, question: Outcome, arm: ArmResult, figure: Figure | None
) -> list[str | float | None]:
    asked: list[str | float | None] = [
        *map(printable, (findings.name, question.task, question.scoring, question.metric, question.better)),
        *(question.scale, question.images, question.items, findings.level),
        printable(findings.baseline),
    ]
    made: list[str | float | None] = [
        *(printable(arm.name), printable(arm.preset), arm.rows, str(arm.whole).lower()),
        *(arm.seeds, arm.subsets, arm.steps, arm.seconds),
    ]
    if figure is None:
        return [*asked, *made, *[None] * 9, printable(arm.note)]
    value, difference = figure.value, figure.difference
    ends = (None,) * 3 if difference is None else (difference.value, difference.low, difference.high)
    return [
        *asked,
        *made,
        *(value.value, value.low, value.high, figure.spread, *ends),
        *(str(figure.seen).lower(), printable(figure.verdict), printable(arm.note)),
    ]


def _tabular(findings: Findings, question: Outcome) -> str:
    base = _tex(findings.baseline)
    heads = (*_COLUMNS, _tex(question.metric), f"difference to {base}", "verdict")
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering\small",
            rf"\caption{{{_tex(question.title)}. {_tex(about(question))} Bold: better than {base}.}}",
            r"\begin{tabular}{lrrrlll}",
            r"\toprule",
            " & ".join(heads) + r" \\",
            r"\midrule",
            *(_tex_line(line) for line in lines(findings, question)),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
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
