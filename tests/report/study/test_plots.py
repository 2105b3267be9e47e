from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from finegold.report.study.findings import Findings, Gain
from finegold.report.study.plots import difference_chart, gain_charts, size_chart
from finegold.statistics import Estimate

Made = Callable[..., Findings]


@pytest.fixture
def findings(made_findings: Made, tmp_path: Path) -> Findings:
    return made_findings(tmp_path, " <b>&\"'\ud800")


def drawn(svg: object) -> ElementTree.Element:
    root = ElementTree.fromstring(str(svg))
    width, height = (float(part) for part in root.attrib["viewBox"].split()[2:])
    for element in root.iter():
        for name in ("x", "cx", "y", "cy"):
            if name in element.attrib:
                assert -0.1 <= float(element.attrib[name]) <= (width if name in ("x", "cx") else height)
    return root


def named(root: ElementTree.Element, css: str) -> list[ElementTree.Element]:
    return [element for element in root.iter() if css in element.get("class", "").split()]


def test_sizes_make_a_line_a_preset_and_all_rows_end_each(findings: Findings) -> None:
    chart = size_chart(findings, findings.questions[0])
    assert chart is not None
    root = drawn(chart.svg)
    lines = [line.attrib["points"].split() for line in named(root, "line")]
    assert [len(points) for points in lines] == [3, 3]
    assert lines[0][-1] == lines[1][-1]
    assert len(named(root, "level")) == 1
    assert any("all rows" in key.text and "last point of every line" in key.text for key in chart.keys)
    assert any("pre-trained" in key.text and "not tuned" in key.text for key in chart.keys)
    assert "logarithmic" in "".join(root.itertext())


def test_a_far_untuned_arm_is_named_instead_of_drawn(findings: Findings) -> None:
    main = findings.questions[0]
    far = replace(main.figures[0], value=Estimate(-3.0, -3.1, -2.9))
    chart = size_chart(findings, replace(main, figures=(far, *main.figures[1:])))
    assert chart is not None
    assert named(drawn(chart.svg), "level") == []
    assert any("-300.0 (-310.0 to -290.0), beyond the drawing" in remark for remark in chart.remarks)


def test_one_size_a_preset_makes_no_size_plot(findings: Findings) -> None:
    arms = tuple(arm for arm in findings.arms if not arm.name.startswith(("random 50", "sound 50")))
    assert size_chart(replace(findings, arms=arms), findings.questions[0]) is None


def test_differences_lie_on_their_side_of_zero(findings: Findings) -> None:
    main = findings.questions[0]
    chart = difference_chart(findings, main)
    assert chart is not None
    root = drawn(chart.svg)
    zero = float(named(root, "zero")[0].attrib["d"][1:].split()[0])
    compared = [figure for figure in main.figures if figure.difference is not None]
    circles = named(root, "mean")
    assert len(circles) == len(compared)
    for circle, figure in zip(circles, compared, strict=True):
        assert figure.difference is not None
        assert (float(circle.attrib["cx"]) > zero) == (figure.difference.value > 0)
    assert [circle.attrib["class"].split()[1] for circle in circles] == [
        *("worse", "unclear", "unclear", "better", "unclear")
    ]


def test_the_side_that_is_better_is_named(findings: Findings) -> None:
    words = []
    for question in findings.questions[:3]:
        chart = difference_chart(findings, question)
        assert chart is not None
        words.append("".join(drawn(chart.svg).itertext()))
    assert "right is better" in words[0]
    assert "left is better" in words[2]


def test_gains_share_a_scale_and_number_clusters_from_one(findings: Findings) -> None:
    gains = gain_charts(findings)
    zeros = {named(drawn(chart.svg), "zero")[0].attrib["d"].split("V")[0] for chart in gains}
    assert len(zeros) == 1
    assert len(gains) == 4
    assert "1 (40)" in list(drawn(gains[0].svg).itertext())


def test_numbers_without_intervals_are_drawn_as_dots(findings: Findings) -> None:
    (chart,) = gain_charts(replace(findings, gains=(Gain("sound 200", 0, 1, Estimate(0.0)),)))
    root = drawn(chart.svg)
    assert len(named(root, "mean")) == 1
    assert named(root, "whisker") == []
