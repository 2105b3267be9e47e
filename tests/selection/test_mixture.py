"""Notes on what a selection did to the mixture of its rows."""

import pyarrow as pa
import pytest

from finegold.selection.mixture import poor_note, yes_note
from finegold.selection.table import EXCLUDED, NOT_SELECTED, SELECTED


def _note(chosen: list[str | None], others: list[str | None], excluded: int = 0) -> str | None:
    """The note on answers to yes-or-no questions; None stands for a row of another kind."""
    answers = [*chosen, *others, *["yes"] * excluded]
    status = [SELECTED] * len(chosen) + [NOT_SELECTED] * len(others) + [EXCLUDED] * excluded
    rank = [number + 1 if number < len(chosen) else None for number in range(len(answers))]
    kinds = pa.array([None if answer is None else "yes-no" for answer in answers], pa.string())
    table = pa.table({"status": status, "kind": kinds, "rank": pa.array(rank, pa.int64())})
    texts = [answer and [answer, "no"] for answer in answers]
    samples = pa.table({"answer": pa.array(texts, pa.list_(pa.string()))})
    return yes_note(table, (samples.slice(start, 7) for start in range(0, len(samples), 7)))


@pytest.mark.parametrize(("chosen", "often"), [("Yes, it is.", "yes"), ("no", "no")])
def test_a_choice_of_one_answer_is_told(chosen: str, often: str) -> None:
    # 20 of one answer from 80 rows, half of them yes; what is excluded and other kinds do not count.
    left = ["yes", "No."] * 20 + (["no"] if often == "yes" else ["yes"]) * 20
    note = _note([chosen] * 20 + [None] * 5, [*left, None], excluded=9)
    share = "100% are yes" if often == "yes" else "0% are yes"
    assert note is not None
    assert f"Of the 20 chosen answers to yes-or-no questions {share}, of the usable ones 50%" in note
    assert f"may learn to say {often}." in note


@pytest.mark.parametrize(
    ("chosen", "others"),
    [
        (["yes"] * 13 + ["no"] * 8, ["yes", "no"] * 20),  # not far from the others
        (["yes"] * 19, ["no"] * 40),  # too few to judge
        ([None] * 30, [None] * 5),  # no such question
        (["yes"] * 40, ["yes"] * 3),  # the pool has nothing else
    ],
)
def test_a_balanced_choice_is_not(chosen: list[str | None], others: list[str | None]) -> None:
    assert _note(chosen, others) is None


def test_answers_are_not_read_where_too_few_were_chosen() -> None:
    table = pa.table({"status": [SELECTED], "kind": ["yes-no"], "rank": [1]})
    samples = (pytest.fail("read") for _ in range(1))
    assert yes_note(table, samples) is None


def _poor(**sources: tuple[int, int, int]) -> str | None:
    """The note on sources; each has rows of quality 1, rows of quality 0, and a number of them is chosen."""
    rows = [
        {"status": SELECTED if at < chosen else NOT_SELECTED, "source": name, "quality": float(at < good)}
        | {"rank": at + 1 if at < chosen else None}
        for name, (good, bad, chosen) in sources.items()
        for at in range(good + bad)
    ]
    return poor_note(pa.Table.from_pylist(rows))


def test_a_source_whose_rows_are_mostly_of_quality_0_is_told() -> None:
    note = _poor(web=(10, 30, 4), coco=(90, 10, 10), small=(0, 5, 1), left=(0, 30, 0))
    assert note is not None
    assert note.startswith("Sources most of whose rows have quality 0, as have 43% of all rows: web (75%). ")
    assert _poor(web=(10, 30, 4), coco=(10, 30, 10)) is None  # all are alike
    assert _poor(web=(20, 0, 4), coco=(90, 0, 10)) is None
