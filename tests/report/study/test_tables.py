import csv
import math
import re
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from tests.report.study.latex import BrokenTable, read_tables

from finegold.report.study.findings import Findings, TaskTable
from finegold.report.study.page import render_study
from finegold.report.study.tables import study_csv, study_latex, study_markdown
from finegold.report.study.words import summary

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


def test_latex_is_read_by_a_strict_reader(plain: Findings, hostile: Findings) -> None:
    for findings in (plain, hostile):
        text = study_latex(findings)
        text.encode("utf-8")
        tables = read_tables(text)
        assert [table.columns for table in tables] == [7] * len(findings.questions)
        assert all(len(table.rows) == 1 + len(findings.arms) for table in tables)
    (main, *_) = read_tables(study_latex(plain))
    assert [row[0] for row in main.rows[1:]] == [arm.name for arm in plain.arms]
    (main, *_) = read_tables(study_latex(hostile))
    assert "a_b & 50% $1 #2 {c}" in main.rows[1][0]


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("a & 1.0", "a & 1.0 & 2", "a row has 3 of 2 columns"),
        ("a & 1.0", "a", "a row has 1 of 2 columns"),
        (r"50\%", "50%", "'%' is not escaped"),
        (r"b\_c", "b_c", "'_' is not escaped"),
        ("$-$2", "$2", "mathematics"),
        (r"\textbf{3}", r"\textbf{3", "is not escaped|ends before"),
        (r"\textbf{3}", r"\textbf 3", "where an argument begins"),
        (r"\textbf{3}", r"\textsf{3}", r"\\textsf is unknown"),
        (r"{ll}", r"{lz}", "the columns are 'lz'"),
        (r"\end{tabular}", "", "ends as table"),
        (r"\end{table}", "", "table does not end"),
        (r"\end{table}", r"\end{table*}", "table ends as"),
        (r"\bottomrule", r"x \bottomrule", "inside of a row"),
        (r"4 \\", "4", "inside of a row|the last row does not end"),
    ],
)
def test_the_reader_of_latex_refuses_what_is_broken(right: str, wrong: str, told: str) -> None:
    good = "\n".join(
        [
            "% a comment with & and _",
            r"\begin{table}",
            r"\caption{50\% of b\_c.}",
            r"\begin{tabular}{ll}",
            r"\toprule",
            r"a & 1.0 \\",
            r"\midrule",
            r"$-$2 & \textbf{3} \\",
            r"\multicolumn{2}{p{0.4\linewidth}}{both} \\",
            r"{[}x{]} & 4 \\",
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )
    (table,) = read_tables(good)
    assert table.rows == [["a", "1.0"], ["-2", "3"], ["both"], ["[x]", "4"]]
    assert right in good
    with pytest.raises(BrokenTable, match=told):
        read_tables(good.replace(right, wrong))


def test_a_study_that_measured_nothing_still_says_why(plain: Findings, tmp_path: Path) -> None:
    empty = replace(plain, questions=(), gains=(), examples=(), judgements=())
    assert "Nothing was measured." in study_markdown(empty)
    assert study_csv(empty).count("\n") == 1
    assert "tabular" not in study_latex(empty)


def test_relative_performance_is_compared_and_drawn_as_a_question_is(plain: Findings) -> None:
    performance = replace(plain.questions[0], task="3 tasks", metric="relative to all rows, %")
    table = TaskTable("strict", ("a", "b"), ("m", "m"), "random 200", "all rows", (), (), performance)
    findings = replace(plain, tables=(table,))
    section = study_markdown(findings).split("## 3 tasks, strict: relative to all rows, %")[1]
    cells = {row[0]: row for row in rows(section.split("## ")[0])}
    assert cells["sound 200"][-1] == "better by 2.1 (1.0 to 3.2)"
    assert cells["random 200"][-2] == "baseline"
    # The sentences begin with it, and count each single question among the others.
    assert summary(findings)[0].startswith("On 3 tasks, strict: relative to all rows, % (")
    assert summary(plain)[0].startswith(f"On {plain.questions[0].title} (")
    counted = f"In the other {len(plain.questions)} questions, "
    assert any(sentence.startswith(counted) for sentence in summary(findings))
    written = [row for row in csv.DictReader(StringIO(study_csv(findings))) if row["task"] == "3 tasks"]
    assert [row["arm"] for row in written] == [arm.name for arm in plain.arms]
    assert len(read_tables(study_latex(findings))) == len(read_tables(study_latex(plain))) + 2
    page = render_study(findings)
    assert "3 tasks, strict: relative to all rows, % against rows trained on" in page
    assert "3 tasks, strict: relative to all rows, %: differences to random 200" in page


def test_arms_of_several_sizes_have_the_baseline_of_their_size(plain: Findings) -> None:
    arms = tuple(
        replace(arm, series=arm.name.partition(" ")[0] if arm.rows < 900 else "") for arm in plain.arms
    )
    text = study_markdown(replace(plain, arms=arms, baseline="random"))
    assert "random 50 reaches 43.0 (40.0 to 46.0); random 200 reaches 45.2 (43.2 to 47.2)." in text
    assert "differences are to random of the same size, or of the largest size that it has" in text
    cells = {row[0]: row for row in rows(text.split("## ")[1])}
    assert [cells[arm][-2] for arm in ("random 50", "random 200")] == ["baseline"] * 2
