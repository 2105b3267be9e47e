"""The files that a study writes: numbers, tables, and one HTML page that loads nothing and sends nothing."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from finegold.errors import DataError
from finegold.judging import Judgement
from finegold.report.html import render_page, write_html
from finegold.report.judge import counts_text, judgement_section
from finegold.report.study.findings import Example, Findings, decimals
from finegold.report.study.plots import difference_chart, gain_charts, size_chart
from finegold.report.study.tables import overlap_csv, study_csv, study_latex, study_markdown
from finegold.report.study.task_tables import cells, describe_tasks, gain_cells, heads, tasks_csv, title
from finegold.report.study.words import (
    POWER_ABOUT,
    POWER_HEADS,
    about,
    arm_notes,
    described,
    facts,
    others,
    outcome_lines,
    power_lines,
    side_by_side,
    summary,
)
from finegold.report.text import printable
from finegold.run import read_record, write_record, write_text
from finegold.samples.images import decode
from finegold.samples.sample import ImageRef
from finegold.samples.thumbnails import thumbnail

SCHEMA = "finegold/study/1"
FINDINGS = "findings.json"
OVERLAP = "overlap.csv"
"""File of the rows that items of the evaluation contain."""
FIRST = 12
"""Examples that are shown before the reader asks for more."""


def write_findings(findings: Findings, folder: Path) -> dict[str, Path]:
    """Write `findings.json`, `table.md`, `table.csv`, `table.tex` and `study.html`, each whole or not at all.

    A study of several tasks has `tasks.csv` too, one that looked for rows of its evaluation `overlap.csv`.

    Args:
        findings: What was found.
        folder: Folder of the files, made if it is not there; files of an earlier write are replaced.

    Returns:
        Where each is, by its file name.

    Raises:
        DataError: If a judgement cannot be read.
    """
    # All is made before anything is written: a failure leaves the earlier files as they were.
    texts = {
        "table.md": study_markdown(findings),
        "table.csv": study_csv(findings),
        "table.tex": study_latex(findings),
        **({"tasks.csv": tasks_csv(findings)} if findings.tables else {}),
        **({OVERLAP: overlap_csv(findings)} if findings.overlaps else {}),
    }
    page = render_study(findings)
    paths = {name: folder / name for name in (FINDINGS, *texts, "study.html")}
    write_record(paths[FINDINGS], findings, SCHEMA)
    for name, text in texts.items():
        write_text(paths[name], text)
    write_html(page, paths["study.html"])
    if not findings.overlaps:
        (folder / OVERLAP).unlink(missing_ok=True)
    return paths


def read_findings(path: str | Path) -> Findings:
    """What a study found, from its folder or its `findings.json`.

    Raises:
        DataError: If the file cannot be read, or is no findings.
    """
    found = Path(path)
    file = found / FINDINGS if found.is_dir() else found
    return read_record(file, Findings, SCHEMA, advice="run the study again; its finished runs are kept")


def render_study(findings: Findings) -> str:
    """The study as one HTML page.

    Every text is escaped. A content security policy forbids every request and every script. An example's
    image that cannot be read is shown as a placeholder.

    Raises:
        DataError: If a judgement is not what `Judgement.as_json` makes.
    """
    main = findings.questions[0] if findings.questions else None
    ran = [arm for arm in findings.arms if arm.preset and arm.seeds]
    return render_page(
        "study.html",
        style="study.css",
        findings=findings,
        main=main,
        summary=summary(findings),
        facts=facts(findings),
        machine=[(name, described(value)) for name, value in findings.machine.items()],
        lines=partial(outcome_lines, findings),
        about=about,
        spread=lambda value, scale: f"{value * scale:.{decimals(scale)}f}",
        side_by_side=partial(side_by_side, findings),
        tables=[
            {
                "title": title(table),
                "heads": heads(table),
                "rows": [cells(table, line) for line in table.lines],
                "gain_heads": [*heads(table)[: len(table.tasks) + 1], "average"],
                "gains": [gain_cells(table, line) for line in table.lines if line.gains is not None],
                "about": describe_tasks(table),
                "performance": table.performance,
                "sizes": table.performance and size_chart(findings, table.performance),
                "differences": table.performance and difference_chart(findings, table.performance),
            }
            for table in findings.tables
        ],
        sizes=None if main is None else size_chart(findings, main),
        differences=None if main is None else difference_chart(findings, main),
        others=others(findings),
        ran=ran,
        dearest=max((arm.seconds for arm in ran), default=0.0) or 1.0,
        runs=sum(arm.seeds for arm in ran),
        seconds=sum(arm.seconds * arm.seeds for arm in ran),
        gains=gain_charts(findings),
        judged=[_judged(value, number) for number, value in enumerate(findings.judgements, 1)],
        cards=[_card(findings, example) for example in findings.examples],
        first=FIRST,
        overlaps=[one for one in findings.overlaps if one.rows],
        overlap_file=OVERLAP,
        notes=arm_notes(findings),
        power=power_lines(findings),
        power_heads=POWER_HEADS,
        power_about=POWER_ABOUT,
    )


def _judged(value: Mapping[str, Any], number: int) -> dict[str, str]:
    """A pair of arms: counts in words, and the section that shows them."""
    judgement = Judgement.from_json(value)
    return {
        "title": f"{judgement.a} against {judgement.b}",
        "counts": counts_text(judgement.overall()),
        "body": judgement_section(judgement, f"judge-{number}"),
    }


def example_answers(findings: Findings, example: Example) -> list[dict[str, Any]]:
    """The two arms of an example: `arm`, `answer`, `score` as text, and whether it is the `better` one."""
    main = findings.questions[0] if findings.questions else None
    scale = 1.0 if main is None else main.scale
    lower = main is not None and main.better == "lower"
    return [
        {
            "arm": arm,
            "answer": answer,
            "score": f"{score * scale:.{decimals(scale)}f}",
            "better": score < other if lower else score > other,
        }
        for arm, answer, score, other in (
            (example.first, example.first_answer, example.first_score, example.second_score),
            (example.second, example.second_answer, example.second_score, example.first_score),
        )
    ]


def _card(findings: Findings, example: Example) -> dict[str, Any]:
    """An example; its thumbnail is None where the image cannot be read."""
    said = example_answers(findings, example)
    return {"example": example, "thumbnail": _thumbnail(example.image), "said": said}


def _thumbnail(image: str) -> bytes | None:
    # A path with a null character is no path: the file system would raise ValueError.
    try:
        return thumbnail(decode(ImageRef(printable(image), path=Path(image))))
    except (DataError, OSError, ValueError):
        return None
