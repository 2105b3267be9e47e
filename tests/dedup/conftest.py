"""The definition that all passes share, in a double loop."""

from collections.abc import Callable
from typing import Any

import pytest


def direct(order: Any, near: Callable[[int, int], bool]) -> dict[int, int]:
    """Removed row to the best row that stays and is near."""
    kept: list[int] = []
    removed: dict[int, int] = {}
    for row in order:
        better = next((one for one in kept if near(one, row)), None)
        if better is None:
            kept.append(row)
        else:
            removed[int(row)] = int(better)
    return removed


@pytest.fixture(scope="session")
def greedy() -> Any:
    return direct
