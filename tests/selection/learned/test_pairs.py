import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finegold.errors import DataError
from finegold.selection.learned import MeasuredSubset, read_pairs, write_pairs

SUBSETS = st.builds(
    MeasuredSubset,
    sample_ids=st.lists(st.text(min_size=1).filter(lambda text: text.isprintable()), min_size=1, unique=True),
    result=st.floats(-1e6, 1e6),
    metric=st.just("mean accuracy"),
    name=st.none() | st.text(),
    seed=st.none() | st.integers(0, 99),
)


@given(pairs=st.lists(SUBSETS, min_size=1, max_size=4))
def test_written_pairs_read_back_the_same(tmp_path_factory: pytest.TempPathFactory, pairs: Any) -> None:
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"

    write_pairs(path, pairs)

    assert read_pairs(path) == pairs


GOOD = {"sample_ids": ["1", "2"], "result": 31.0, "metric": "accuracy"}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({**GOOD, "result": "high"}, r"line 2 is not a measured subset: 'result' "),
        ({**GOOD, "sample_ids": []}, r"line 2 is not a measured subset: 'sample_ids'"),
        ({**GOOD, "sample_ids": ["1", "1"]}, r"sample_ids names a row twice"),
        ({**GOOD, "score": 3}, r"line 2 is not a measured subset: .*'score'"),
        ({**GOOD, "metric": "loss"}, r"line 2 measures 'loss' where the first line measures 'accuracy'"),
    ],
)
def test_a_bad_line_is_named_with_what_is_wrong(tmp_path: Path, bad: Any, message: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(GOOD) + "\n" + json.dumps(bad) + "\n")

    with pytest.raises(DataError, match=message):
        read_pairs(path)


def test_a_result_that_is_not_a_finite_number_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"sample_ids": ["1"], "result": NaN, "metric": "accuracy"}\n')

    with pytest.raises(DataError, match="line 1 is not a measured subset"):
        read_pairs(path)


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text("\n")

    with pytest.raises(DataError, match="holds no pair"):
        read_pairs(tmp_path / "pairs.jsonl")


def test_a_line_that_was_changed_is_not_read_and_one_without_a_hash_is(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    pair = MeasuredSubset(sample_ids=("a", "b"), result=0.25, metric="accuracy")
    write_pairs(path, [pair])
    assert read_pairs(path) == [pair]
    line = json.loads(path.read_text())
    path.write_text(json.dumps(line | {"result": 0.75}) + "\n")
    with pytest.raises(DataError, match="line 1 does not fit its hash"):
        read_pairs(path)
    del line["sha256"]
    path.write_text(json.dumps(line | {"result": 0.75}) + "\n")
    assert read_pairs(path)[0].result == 0.75
