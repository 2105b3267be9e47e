"""Quotas with room for pinned rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from finegold.selection.pins import quotas_with_pins


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8))
def test_the_sum_stays_and_each_part_has_room(parts: list[tuple[int, int]]) -> None:
    quotas = np.array([one for one, _ in parts], dtype=np.int64)
    pinned = np.array([other for _, other in parts], dtype=np.int64)
    if pinned.sum() > quotas.sum():
        pinned = np.minimum(pinned, quotas)
    found = quotas_with_pins(quotas, pinned)
    assert found.sum() == quotas.sum()
    assert (found >= pinned).all()
    assert (found <= np.maximum(quotas, pinned)).all()


def test_quotas_that_have_room_stay() -> None:
    assert quotas_with_pins(np.array([3, 2]), np.array([1, 2])).tolist() == [3, 2]
    assert quotas_with_pins(np.array([4, 2, 0]), np.array([0, 0, 3])).tolist() == [2, 1, 3]
