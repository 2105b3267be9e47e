from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finegold.errors import ConfigError
from finegold.instructiongpt4 import FEATURES, mm_lima_quality


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
    np.testing.assert_allclose(quality.values, expected, rtol=1e-9)
    assert quality.used == FEATURES
    assert not quality.foreign


def test_a_column_that_is_not_there_tells_no_row_from_another(columns: Any, released: Path) -> None:
    indicators = {name: columns[name].copy() for name in ("clip", "reward")}
    indicators["clip"][3] = np.nan

    quality = mm_lima_quality(indicators, released / "selector.pth")

    assert quality.used == ("clip", "reward")
    assert np.flatnonzero(np.isnan(quality.values)).tolist() == [3]
    there = np.isfinite(quality.values)
    same = {name: np.full_like(values, values[0]) for name, values in indicators.items()}
    assert np.ptp(quality.values[there]) > 1
    assert np.ptp(mm_lima_quality(same, released / "selector.pth").values) < 1e-9


def test_values_unlike_those_it_was_shown_are_named(columns: Any, released: Path) -> None:
    quality = mm_lima_quality(
        {"clip": columns["clip"] + 40, "length": columns["length"]}, released / "selector.pth"
    )
    assert list(quality.foreign) == ["clip"]


def test_without_any_indicator_nothing_is_guessed(released: Path) -> None:
    with pytest.raises(ConfigError, match="score one of clip, reward, length and llm first"):
        mm_lima_quality({"detail": np.ones(3)}, released / "selector.pth")
