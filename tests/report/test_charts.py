import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from finegold.arrays import Floats
from finegold.report.charts import histogram, histogram_svg, share_bars, ticks
from finegold.report.text import number

values = arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e9, 1e9, allow_subnormal=False))


@given(values, st.integers(0, 60))
def test_every_row_is_in_exactly_one_bin(pool: Floats, chosen: int) -> None:
    counts = histogram(pool, pool[:chosen])
    assert counts.pool.sum() == len(pool)
    assert counts.selection.sum() == len(pool[:chosen])
    assert (counts.selection <= counts.pool).all()
    assert (np.diff(counts.edges) > 0).all()
    assert len(counts.pool) <= 60


@given(values)
def test_the_drawing_is_well_formed_and_stays_inside(pool: Floats) -> None:
    median = float(np.median(pool))
    drawing = histogram_svg(histogram(pool, pool[:3]), (median, median), axis="a < b & c", title='"quoted"')
    root = ElementTree.fromstring(str(drawing))
    _, _, width, height = (float(part) for part in root.attrib["viewBox"].split())
    for path in root.iter("path"):
        for command, first in re.findall(r"([MHV])([-\d.]+)", path.attrib["d"]):
            assert -0.1 <= float(first) <= (height if command == "V" else width)


def test_a_long_label_takes_several_lines_that_stay_inside() -> None:
    pool, axis = np.arange(9.0), " × ".join(f"indicator-{number}^3" for number in range(8))
    short, long = (
        ElementTree.fromstring(str(histogram_svg(histogram(pool, pool), (4, 4), axis=one, title="t")))
        for one in ("pixels", axis)
    )
    lines = [text for text in long.iter("text") if text.attrib["class"] == "axis"]
    assert " ".join(str(line.text) for line in lines) == axis
    # A character of the page's font is at most 8 wide on average, and the labels are centred.
    assert all(abs(float(line.attrib["x"]) - 200) + 4 * len(str(line.text)) < 200 for line in lines)
    heights = [float(one.attrib["viewBox"].split()[3]) for one in (short, long)]
    assert heights[0] == 230
    assert heights[0] < max(float(line.attrib["y"]) for line in lines) < heights[1]


def test_one_far_outlier_does_not_squeeze_the_rest() -> None:
    pool = np.append(np.linspace(0, 1, 1000), 1e6)
    counts = histogram(pool, pool[:0])
    assert counts.above == 1
    assert counts.pool.sum() == 1001
    assert np.count_nonzero(counts.pool) >= 20


def test_whole_numbers_get_whole_bins() -> None:
    counts = histogram(np.array([1.0, 2.0, 2.0, 5.0]), np.array([2.0]))
    assert counts.edges.tolist() == [1, 2, 3, 4, 5, 6]
    assert counts.pool.tolist() == [1, 2, 0, 0, 1]
    assert counts.selection.tolist() == [0, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12345.6, "12,346"),
        (31.44, "31.4"),
        (0.01234, "0.0123"),
        (-2.5, "−2.5"),
        (100, "100"),
        (1e-9, "1e−09"),
    ],
)
def test_numbers_have_about_three_digits(value: float, text: str) -> None:
    assert number(value) == text


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_and_inside(low: float, width: float) -> None:
    found = ticks(low, low + width)
    assert 1 <= len(found) <= 7
    assert all(low - width * 1e-6 <= tick <= low + width * (1 + 1e-6) for tick in found)


def test_bars_are_to_one_scale() -> None:
    widths = [
        float(bar.attrib["width"])
        for bar in ElementTree.fromstring(str(share_bars(0.1, 0.4, 0.4, "10% and 40%"))).iter("rect")
    ]
    assert widths == [25, 100]
