"""The table of all tasks as cells, CSV lines and LaTeX; Markdown and HTML are made from its cells."""

import csv
from io import StringIO

from finegold.report.study.findings import Findings, TaskLine, TaskTable
from finegold.statistics import Estimate

TITLES = {
    "ehub": "All tasks, scored as LVLM-eHub",
    "strict": "All tasks, scored strictly",
    "lmms-eval": "All tasks, measured by lmms-eval",
}
COLUMNS = ("scoring", "arm", "column", "kind", "value", "low", "high", "images")
"""Columns of `tasks.csv`: a line for each cell; `kind` is score, gain or relative."""


def title(table: TaskTable) -> str:
    """Head of a table."""
    return TITLES.get(table.scoring, table.scoring)


def heads(table: TaskTable) -> list[str]:
    """Heads of the columns."""
    metrics = [f"{task} ({metric})" for task, metric in zip(table.tasks, table.metrics, strict=True)]
    relative = [] if table.whole is None else [f"relative to {table.whole}, %"]
    return ["arm", *metrics, "average", f"gain over {table.baseline}", *relative]


def cells(table: TaskTable, line: TaskLine) -> list[str]:
    """The arm and its numbers, each with its interval."""
    relative = [] if table.whole is None else [shown(line.relative)]
    gain = "" if line.gain is None else shown(line.gain, sign=True)
    return [line.arm, *map(shown, line.scores), shown(line.average), gain, *relative]


def gain_cells(table: TaskTable, line: TaskLine) -> list[str]:
    """The arm and its gains over the baseline, each with its interval; empty for the baseline."""
    gains = ["" for _ in table.tasks] if line.gains is None else [shown(one, sign=True) for one in line.gains]
    return [line.arm, *gains, "" if line.gain is None else shown(line.gain, sign=True)]


def describe_tasks(table: TaskTable) -> str:
    """How the numbers were made, in sentences."""
    sentences = [
        "Scores are times 100, with intervals over seeds and images.",
        "The average is over the tasks.",
    ]
    if table.whole is not None:
        sentences.append(
            "Relative performance is the mean over the tasks of score over the score of "
            f"{table.whole}, in percent."
        )
    if table.left_out:
        sentences.append(f"It leaves out {', '.join(table.left_out)}, where {table.whole} scores 0.")
    return " ".join(sentences)


def shown(estimate: Estimate | None, *, sign: bool = False) -> str:
    """A number with its interval: `31.2 (29.0 to 33.1)`."""
    if estimate is None:
        return ""
    form = "+.1f" if sign else ".1f"
    value = f"{estimate.value:{form}}"
    if estimate.ends is None:
        return value
    low, high = (f"{end:{form}}" for end in estimate.ends)
    return f"{value} ({low} to {high})"


def tasks_csv(findings: Findings) -> str:
    """A line for each number of the tables of all tasks, with all digits."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for table in findings.tables:
        for line in table.lines:
            named = list(zip((*table.tasks, "average"), (*line.scores, line.average), strict=True))
            found = [("score", column, one) for column, one in named]
            if line.gains is not None and line.gain is not None:
                pairs = zip((*table.tasks, "average"), (*line.gains, line.gain), strict=True)
                found += [("gain", column, one) for column, one in pairs]
            if line.relative is not None:
                found.append(("relative", "average", line.relative))
            for kind, column, one in found:
                ends = one.ends or (None, None)
                writer.writerow([table.scoring, line.arm, column, kind, one.value, *ends, one.n])
    return out.getvalue()
