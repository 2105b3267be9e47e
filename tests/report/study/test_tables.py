import csv
import math
import re
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from finegold.report.study.findings import Findings
from finegold.report.study.tables import study_csv, study_latex, study_markdown

Made = Callable[..., Findings]
HOSTILE = ' <script>x</script> | a_b & 50% $1 #2 {c} ~^\\ *d* [e] `f` "g"\n| x\ud800'


@pytest.fixture(scope="module")
def plain(made_findings: Made, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return made_findings(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def hostile(made_findings: Made, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return made_findings(tmp_path_factory.mktemp("hostile"), HOSTILE)


def rows(text: str) -> list[list[str]]:
    """Cells of every table line of a Markdown text; an escaped bar parts no cells."""
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in text.splitlines()
        if line.startswith("|")
    ]


def test_only_what_is_seen_and_better_is_bold(plain: Findings) -> None:
    main = study_markdown(plain).split("## ")[1]
    cells = {row[0]: row for row in rows(main)}
    assert [name for name, row in cells.items() if "**" in "".join(row)] == ["sound 200"]
    assert cells["sound 200"][4:] == [
        "**47.3 (46.2 to 48.4)**",
        "+2.1 (+1.0 to +3.2)",
        "better by 2.1 (1.0 to 3.2)",
    ]
    assert cells["random 200"][5:] == ["baseline", ""]
    assert cells["random 50"][6] == "no difference seen: -5.2 to +0.8"
    assert cells["pre-trained"][1] == "not tuned"
    assert cells["reward only"][4].startswith("not run: no reward model")
    assert cells["all rows"][1:4] == ["3,439 (all)", "5 on 1 subset", "7.2 min, 2,750 steps"]


def test_questions_of_one_task_stand_in_one_table_and_lower_losses_are_better(plain: Findings) -> None:
    part = next(part for part in study_markdown(plain).split("## ") if part.startswith("flickr30k, loss"))
    cells = {row[0]: row[1:] for row in rows(part)}
    assert cells["arm"] == ["loss, right image (lower is better)", "loss, wrong image (higher is better)"]
    assert cells["sound 200"][0] == "**3.127**; -0.021 (-0.032 to -0.010)"
    assert cells["pre-trained"][0].endswith(", worse")


def test_the_summary_names_every_arm_once(plain: Findings) -> None:
    words = study_markdown(plain).split("\n\n")[2]
    assert "random 200 reaches 45.2 (43.2 to 47.2)" in words
    assert "Better than random 200: sound 200 by 2.1 (1.0 to 3.2)." in words
    assert "Worse than random 200: pre-trained by 14.2 (12.2 to 16.2)." in words
    assert "No difference to random 200 seen: random 50, sound 50, all rows." in words
    assert "Could not be run: reward only." in words


def test_without_the_baseline_no_arm_is_called_better_or_equal(plain: Findings) -> None:
    main = plain.questions[0]
    figures = tuple(
        replace(figure, difference=None, verdict="", seen=False)
        for figure in main.figures
        if figure.arm != plain.baseline
    )
    text = study_markdown(replace(plain, questions=(replace(main, figures=figures),)))
    assert "the baseline random 200 has no number" in text
    assert "**" not in text
    assert "difference to random 200 seen" not in text.lower()


def test_csv_reads_back_to_the_same_numbers(hostile: Findings) -> None:
    read = list(csv.DictReader(StringIO(study_csv(hostile))))
    assert len(read) == len(hostile.questions) * len(hostile.arms)
    for index, question in enumerate(hostile.questions):
        lines = read[index * len(hostile.arms) :][: len(hostile.arms)]
        figures = {figure.arm: figure for figure in question.figures}
        for arm, line in zip(hostile.arms, lines, strict=True):
            assert line["arm"].startswith(arm.name.partition(" <")[0])
            assert (int(line["rows"]), int(line["seeds"])) == (arm.rows, arm.seeds)
            assert float(line["training_seconds"]) == arm.seconds
            figure = figures.get(arm.name)
            if figure is None:
                assert line["value"] == line["difference"] == line["verdict"] == ""
                assert "no reward model" in line["note"]
                continue
            assert float(line["value"]) == figure.value.value
            assert float(line["low"]) == figure.value.low
            assert line["verdict"] == figure.verdict
            assert (line["spread"] == "") == (figure.spread is None)
            if figure.difference is not None:
                assert float(line["diff_high"]) == figure.difference.high
                assert math.copysign(1, float(line["difference"])) == math.copysign(
                    1, figure.difference.value
                )


def test_hostile_names_break_no_markdown_table(plain: Findings, hostile: Findings) -> None:
    text = study_markdown(hostile)
    assert "<script>" not in text
    assert [len(row) for row in rows(text)] == [len(row) for row in rows(study_markdown(plain))]
    text.encode("utf-8")


def test_latex_is_balanced_and_escaped(plain: Findings, hostile: Findings) -> None:
    body = "\n".join(line for line in study_latex(hostile).splitlines() if not line.startswith("% "))
    body.encode("utf-8")
    bare = re.sub(r"\\[{}$&#_%\\]", "", body)
    depth = 0
    for character in bare:
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0
    assert not set("#%<>|~^") & set(bare)
    assert not re.search(r"[_&]", re.sub(r" & ", "", bare))
    assert bare.count("$") == 2 * bare.count("$-$")
    assert body.count(r"\begin{tabular}") == body.count(r"\end{tabular}") == len(hostile.questions)
    # Seven columns in every line, three of them joined where there is no number.
    for line in study_latex(plain).splitlines():
        if line.endswith(r"\\"):
            cells = re.sub(r"\\&", "", line).count("&") + (2 if r"\multicolumn{3}" in line else 0)
            assert cells == 6


def test_a_study_that_measured_nothing_still_says_why(plain: Findings, tmp_path: Path) -> None:
    empty = replace(plain, questions=(), gains=(), examples=(), judgements=())
    assert "Nothing was measured." in study_markdown(empty)
    assert study_csv(empty).count("\n") == 1
    assert "tabular" not in study_latex(empty)
