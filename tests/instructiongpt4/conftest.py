from dataclasses import dataclass
from pathlib import Path

import pytest

from finegold.arrays import Floats, Ints
from finegold.instructiongpt4 import (
    Published,
    Retrained,
    read_published,
    select_rows,
    train_selector,
)


@dataclass(frozen=True)
class Replay:
    published: Published
    scores: Floats
    chosen: Ints


@pytest.fixture(scope="session")
def released(shared: Path) -> Path:
    return shared / "reference" / "instructiongpt4"


@pytest.fixture(scope="session")
def replay(released: Path) -> Replay:
    published = read_published(released)
    scores = published.selector.score(published.features)
    return Replay(published, scores, select_rows(scores, published.labels, published.cluster_order))


@pytest.fixture(scope="session")
def retrained(replay: Replay) -> Retrained:
    return train_selector(replay.published.subsets, replay.published.results)
