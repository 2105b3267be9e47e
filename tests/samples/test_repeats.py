"""Rows that repeat an earlier one are found, whether its hashes are in memory or in a file."""

import tracemalloc

import numpy as np
import pytest

from finegold.samples.repeats import Repeats


@pytest.mark.parametrize(("in_memory", "filter_bits"), [(3, 64), (40, 1 << 20), (500, 64), (10_000, 64)])
def test_every_repeat_names_the_first_row_wherever_that_is_kept(in_memory: int, filter_bits: int) -> None:
    repeats = Repeats(in_memory, filter_bits)
    random = np.random.default_rng(0)
    ids: dict[str, str] = {}
    contents: dict[str, str] = {}
    for row in range(3_000):
        key, content, place = (
            f"é{random.integers(2_000)}",
            f"{random.integers(2_500):064x}",
            f"a.jsonl line {row}",
        )
        found = repeats.add(key, content, place)
        if content in contents:
            assert found is not None
            assert (found.code, found.reason) == (
                "duplicate-row",
                f"the row equals that at {contents[content]}",
            )
        elif key in ids:
            assert found is not None
            assert found.code == "repeated-id"
            assert f"of another row, at {ids[key]}: " in found.reason
        else:
            assert found is None
            ids[key] = contents[content] = place


def _peak(rows: int) -> int:
    """Bytes in memory at the worst moment of adding rows, of which most are in files."""
    tracemalloc.start()
    try:
        repeats = Repeats(400, 1 << 17)
        for row in range(rows):
            assert repeats.add(f"{row}", f"content {row}", "a.jsonl") is None
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_four_times_the_rows_take_no_more_memory() -> None:
    _peak(200)
    assert _peak(16_000) < 1.1 * _peak(4_000)
