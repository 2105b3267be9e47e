from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finegold.errors import ConfigError
from finegold.selection.reproduce import FEATURES, mm_lima_quality


@pytest.fixture
def columns(replay: Any) -> Any:
    scale = {"reward": 10, "length": 10}
    return {
        name: replay.published.features[::40, column] / scale.get(name, 1)
        for column, name in enumerate(FEATURES)
    }


def test_the_published_columns_give_the_published_scores(columns: Any, replay: Any, released: Path) -> None:
    quality = mm_lima_quality(columns, released / "selector.pth")

    expected = replay.published.selector.score(replay.published.features[::40])
    np.testing.assert_allclose(quality, expected, rtol=1e-9)


def test_missing_columns_are_named(released: Path) -> None:
    with pytest.raises(ConfigError, match=r"lacks the columns image_pc1.*, gpt: it needs the 16 columns"):
        mm_lima_quality({"clip": np.ones(3)}, released / "selector.pth")


def test_a_row_without_a_value_is_not_scored_as_if_it_had_one(columns: Any, released: Path) -> None:
    columns["gpt"] = columns["gpt"].copy()
    columns["gpt"][[3, 8]] = np.nan

    with pytest.raises(ConfigError, match="found 2 rows without a value"):
        mm_lima_quality(columns, released / "selector.pth")
