from dataclasses import replace

import numpy as np
import pytest

from finegold.errors import ConfigError
from finegold.selection import Pool
from finegold.selection.pickers.votes import votes

RNG = np.random.default_rng(0)
NAN = float("nan")
POOL = Pool(
    tuple("abcdef"),
    np.array([0.0, 1, 2, 3, 4, 4]),
    np.zeros(6, dtype=np.int64),
    indicators=np.array([[9.0, 9, 1], [8, 1, 9], [1, 1, 1], [1, 8, NAN], [NAN, 1, 1], [2, 2, 8]]),
)


def test_most_votes_first_then_quality() -> None:
    """The first two of each column: a has 2 votes, b 2, d 1, f 1, c and e none."""
    assert votes(POOL, 2, RNG).tolist() == [1, 0]
    assert votes(POOL, 6, RNG, share=1 / 3).tolist() == [1, 0, 5, 3, 4, 2]


def test_ties_with_the_last_vote_count() -> None:
    tied = replace(POOL, indicators=np.array([[1.0], [1], [1], [0], [0], [0]]))
    assert sorted(votes(tied, 3, RNG, share=1 / 6).tolist()) == [0, 1, 2]


def test_without_indicators_there_is_no_vote() -> None:
    with pytest.raises(ConfigError, match="need indicators"):
        votes(replace(POOL, indicators=None), 2, RNG)
