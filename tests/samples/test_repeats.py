"""Rows that repeat an earlier one are found, whether its hashes are in memory or in a file."""

import numpy as np
import pytest

from finegold.samples.repeats import Repeats


@pytest.mark.parametrize("in_memory", [1, 7, 100, 10_000])
def test_every_repeat_names_the_first_row_wherever_that_is_kept(in_memory: int) -> None:
    repeats = Repeats(in_memory)
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
