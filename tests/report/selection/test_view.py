from collections.abc import Callable
from dataclasses import replace

import numpy as np

from finegold.report.selection.inputs import Indicator, ReportInputs, RowContent
from finegold.report.selection.view import page

Made = Callable[..., ReportInputs]


def test_cards_follow_the_rank_and_carry_the_row_s_own_numbers(made: Made) -> None:
    inputs = made()
    cards = page(inputs).cards
    assert [card.rank for card in cards] == list(range(1, 91))
    for card in cards:
        quality, clip, length = card.scores
        row = inputs.rows.ids.index(card.id)
        assert clip.value == inputs.indicators[0].values[row]
        assert length.value == inputs.indicators[1].values[row]
        pool = inputs.indicators[1].values
        assert length.top == (pool >= pool[row]).mean()
        assert quality.label == "Quality"


def test_a_long_answer_is_whole_until_it_is_said_how_much_is_left_out(made: Made) -> None:
    inputs = made(count=60, size=1)
    id = inputs.rows.ids[int(np.flatnonzero(inputs.rows.rank == 1)[0])]
    for answer in ("short", "word " * 300, "x" * 5_000, "y" * 9_000, ""):
        contents = {**inputs.contents, id: RowContent("place", "", answer)}
        (card,) = page(replace(inputs, contents=contents)).cards
        assert answer.startswith(card.lead + card.rest)
        assert len(card.lead) + len(card.rest) + card.cut == len(answer)


def test_a_column_without_numbers_has_no_chart_and_says_why(made: Made) -> None:
    nothing = Indicator("reward", "Reward", "", np.full(400, np.nan), skipped=150, failed=250)
    panel = page(made(indicators=(nothing,))).panels[1]
    assert panel.chart is None
    assert panel.pool_median is None
    assert [remark.split()[0] for remark in panel.remarks] == ["250", "150"]


def test_cluster_lines_add_up(made: Made) -> None:
    lines = page(made()).clusters
    assert sum(line.picked for line in lines) == 90
    assert sum(line.cluster.size for line in lines) == 400
    assert abs(sum(line.pick_share for line in lines) - 1) < 1e-9
    assert all(bytes for line in lines for _, _, bytes in line.examples)


def test_excluded_rows_are_counted_even_where_they_are_not_listed(made: Made) -> None:
    groups = page(made(excluded_counts={"missing-image": 40, "bad-json": 50})).excluded
    assert [(code, count, len(rows)) for code, count, rows in groups] == [
        ("bad-json", 50, 0),
        ("missing-image", 40, 1),
        ("empty-answer", 1, 1),
    ]
