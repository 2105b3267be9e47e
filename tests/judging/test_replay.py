import json
import random
from pathlib import Path
from typing import Any

import pytest

from finegold.errors import DataError
from finegold.judging import replay_verdicts


def verdicts(path: Path, outcomes: list[tuple[str, str, str]]) -> Path:
    """One line an order: (question, order, reply)."""
    lines = [json.dumps({"question_id": q, "order": order, "reply": reply}) for q, order, reply in outcomes]
    path.write_text("\n".join(lines) + "\n")
    return path


# Replies in order ab (A is answer 1) and ba (A is answer 2), by what A makes of them.
AB = {"win": "9 4\nBetter.", "draw": "7 7\nEqual.", "loss": "3 8\nWorse."}
BA = {"win": "4 9\nBetter.", "draw": "7 7\nEqual.", "loss": "8 3\nWorse."}
RULE = {
    "win": [("win", "win"), ("win", "draw"), ("draw", "win")],
    "tie": [("draw", "draw"), ("win", "loss"), ("loss", "win")],
    "lose": [("loss", "loss"), ("loss", "draw"), ("draw", "loss")],
}


@pytest.mark.parametrize("outcome", RULE)
def test_the_papers_rule(tmp_path: Path, outcome: str) -> None:
    for number, (first, second) in enumerate(RULE[outcome]):
        file = verdicts(tmp_path / f"{number}.jsonl", [("1", "ab", AB[first]), ("1", "ba", BA[second])])
        assert replay_verdicts(file).comparisons[0].outcome == outcome


def test_figure_1_comes_out_of_a_file_of_verdicts_that_says_so(tmp_path: Path) -> None:
    outcomes = ["win"] * 29 + ["tie"] * 15 + ["lose"] * 16
    lines = []
    for number, outcome in enumerate(outcomes):
        first, second = RULE[outcome][number % 3]
        lines += [(str(number), "ab", AB[first]), (str(number), "ba", BA[second])]
    random.Random(0).shuffle(lines)
    result = replay_verdicts(verdicts(tmp_path / "verdicts.jsonl", lines))
    found = result.overall()
    assert (found.wins, found.ties, found.losses, found.invalid) == (29, 15, 16, 0)
    assert found.win_rate is not None
    assert found.net is not None
    assert found.win_rate.value == pytest.approx(29 / 60)
    assert found.net.value == pytest.approx(13 / 60)


def test_unreadable_and_missing_verdicts_are_apart_and_later_replies_count(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"question_id": 1, "order": "ab", "reply": "9 4"},
        {"question_id": 1, "order": "ba", "reply": "no idea", "attempt": 0},
        {"question_id": 1, "order": "ba", "reply": "4 9", "attempt": 1},
        {"question_id": 2, "order": "ab", "reply": "9 4"},
        {"question_id": 2, "order": "ba", "reply": "-1 -1"},
        {"question_id": 3, "order": "ab", "reply": "9 4"},
        {"question_id": 4, "order": "ba", "reply": "9 4"},
        {"question_id": 4, "order": "ab", "outcome": "down", "reason": "the endpoint answered 500"},
    ]
    file = tmp_path / "audit.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)) + '\n{"question_id": 5, "ord')
    result = replay_verdicts(file)
    assert [c.outcome for c in result.comparisons] == ["win", "invalid", "invalid", "invalid"]
    assert result.overall().invalid == 3
    win_rate = result.overall().win_rate
    assert win_rate is not None
    assert win_rate.n == 1
    assert result.comparisons[0].orders[1].replies == 2
    assert "no reply in this order" in result.comparisons[2].orders[1].reason
    assert "500" in result.comparisons[3].orders[0].reason


@pytest.mark.parametrize(
    "content", ["", '{"sample_id": 1, "reply": "88"}', '{"question_id": 1, "order": "first"}']
)
def test_a_file_without_verdicts_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.jsonl").write_text(content)
    with pytest.raises(DataError, match=r"x\.jsonl"):
        replay_verdicts(tmp_path / "x.jsonl")
