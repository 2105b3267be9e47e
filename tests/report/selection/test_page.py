from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

from finegold.report.selection.page import MOST_EXCLUDED, report_values
from finegold.report.selection.sections import RowContent

Made = Callable[..., dict[str, Any]]


def values(made: dict[str, Any]) -> dict[str, Any]:
    return report_values(made["manifest"], made["table"], made["read"], made["embedded"])


def test_cards_follow_the_rank_and_carry_the_row_s_own_numbers(made: Made) -> None:
    report = made()
    cards = values(report)["cards"]
    assert [card["rank"] for card in cards] == list(range(1, 91))
    table = report["table"]
    pool = table["length"].drop_null().to_numpy()
    standings = set()
    for card in cards:
        quality, clip, length = card["scores"]
        (row,) = table.filter(pc.equal(table["sample_id"], card["id"])).to_pylist()
        assert (clip["value"], length["value"]) == (row["clip"], row["length"])
        below = (pool < row["length"]).mean()
        words = f"top {1 - below:.1%}" if below >= 0.5 else f"above {below:.1%}"
        assert length["standing"] == ("highest" if row["length"] == pool.max() else words)
        standings.add(words[:3])
        assert quality["label"] == "Quality"
    assert standings == {"top", "abo"}


@pytest.mark.parametrize("noise", [0.0, 1e-9])
def test_a_value_that_none_exceeds_is_called_the_highest_however_many_rows_share_it(
    made: Made, noise: float
) -> None:
    """Also where rounding in the last digits, which nobody sees, makes equal scores differ."""
    report = made()
    table = report["table"]
    place = table.schema.names.index("length")
    capped = pc.min_element_wise(table["length"], 50.0, skip_nulls=False)
    differing = pc.multiply(pc.cast(table["row"], "float64"), noise)
    report["table"] = table.set_column(place, "length", pc.subtract(capped, differing))
    cards = values(report)["cards"]
    best = [card["scores"][2] for card in cards if card["scores"][2]["value"] > 49.5]
    assert len(best) > 20
    assert {score["standing"] for score in best} == {"highest"}
    assert "highest" not in {card["scores"][2]["standing"] for card in cards if card["scores"][2] not in best}


def test_a_long_answer_is_whole_until_it_is_said_how_much_is_left_out(made: Made) -> None:
    (first,) = values(made(count=60, size=1))["cards"]
    for answer in ("short", "word " * 300, "x" * 5_000, "y" * 9_000, ""):
        contents = {first["id"]: RowContent("place", "", answer)}
        (card,) = values(made(count=60, size=1, contents=contents))["cards"]
        assert answer.startswith(card["lead"] + card["rest"])
        assert len(card["lead"]) + len(card["rest"]) + card["cut"] == len(answer)


def test_a_column_without_numbers_has_no_chart_and_says_why(made: Made) -> None:
    excluded = [(f"bad-{number}", "length-failed", "The scorer failed.") for number in range(3)]
    report = made(excluded=excluded)
    place = report["table"].schema.names.index("length")
    nothing = pc.if_else(pc.is_valid(report["table"]["length"]), None, report["table"]["length"])
    report["table"] = report["table"].set_column(place, "length", nothing)
    panel = values(report)["panels"][2]
    assert panel["chart"] is None
    assert panel["medians"] == (None, None)
    assert [remark.split()[0] for remark in panel["remarks"]] == ["3", "400"]


def test_cluster_lines_add_up(made: Made) -> None:
    lines = values(made())["clusters"]
    assert sum(line["picked"] for line in lines) == 90
    assert sum(line["rows"] for line in lines) == 400
    assert np.isclose(sum(line["shares"][1] for line in lines), 1)
    assert all(content.answer for line in lines for _, _, content in line["examples"])
    assert all(line["examples"] for line in lines)


def test_excluded_rows_are_counted_even_where_they_are_not_listed(made: Made) -> None:
    codes = ["missing-image"] * 40 + ["bad-json"] * 50 + ["empty-answer"]
    excluded = [(f"bad-{number}", code, "Why.") for number, code in enumerate(codes)]
    groups = values(made(excluded=excluded))["excluded"]
    assert [(code, count, len(rows)) for code, count, rows in groups] == [
        ("bad-json", 50, MOST_EXCLUDED),
        ("missing-image", 40, MOST_EXCLUDED),
        ("empty-answer", 1, 1),
    ]


def test_the_mixture_stands_in_the_page(made: Made) -> None:
    report = made(count=60, size=6)
    (section,) = values(report)["sections"]
    assert section.title == "Mixture"
    kinds = report["table"].filter(pc.is_valid(report["table"]["rank"]))["kind"].to_pylist()
    assert "<h3>By source, skew" in section.body
    cells = f"<bdi>writing</bdi></th><td>21</td><td>20</td><td>{kinds.count('writing')}</td>"
    assert cells in section.body
