import numpy as np
import pytest

from finegold.errors import DataError
from finegold.metrics import (
    Bootstrap,
    Estimate,
    bleu4,
    estimate,
    mean_measure,
    paired_difference,
)


def ends(found: Estimate) -> tuple[float, float]:
    assert found.low is not None
    assert found.high is not None
    return found.low, found.high


def test_an_interval_is_as_wide_as_theory_says() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0.4, 0.2, size=2000)

    found = estimate(mean_measure("x", values), range(2000), Bootstrap(replicates=4000))

    half = 1.96 * values.std() / np.sqrt(2000)
    assert found.low == pytest.approx(values.mean() - half, rel=0.01)
    assert found.high == pytest.approx(values.mean() + half, rel=0.01)


def test_questions_about_one_image_are_drawn_together() -> None:
    values = np.repeat(np.random.default_rng(1).random(100), 10)
    alone = estimate(mean_measure("x", values), range(1000), Bootstrap())
    together = estimate(mean_measure("x", values), np.repeat(range(100), 10).tolist(), Bootstrap())

    assert together.items == 1000
    assert together.images == 100
    (low, high), (alone_low, alone_high) = ends(together), ends(alone)
    assert high - low > 2.5 * (alone_high - alone_low)


def test_intervals_are_the_same_for_the_same_seed_only() -> None:
    measure = mean_measure("x", np.random.default_rng(2).random(50))
    first, second, other = (estimate(measure, range(50), Bootstrap(seed=seed)) for seed in (3, 3, 4))

    assert first == second
    assert first.low != other.low


def test_a_paired_difference_is_sharper_than_two_intervals() -> None:
    rng = np.random.default_rng(3)
    easy = rng.random(500)
    better = mean_measure("x", easy + 0.03 + rng.normal(0, 0.01, 500))
    base = mean_measure("x", easy)

    difference = paired_difference(base, better, range(500), Bootstrap())

    assert ends(difference)[0] > 0.02
    assert (
        ends(estimate(base, range(500), Bootstrap()))[1] > ends(estimate(better, range(500), Bootstrap()))[0]
    )
    mirrored = paired_difference(better, base, range(500), Bootstrap())
    assert ends(mirrored) == pytest.approx([-end for end in ends(difference)][::-1])


def test_a_corpus_metric_is_recomputed_in_each_draw() -> None:
    captions = [["a", "b", "c", "d", "e"], ["a", "b", "c", "x", "y"], ["p", "q", "r", "s", "t"]] * 20
    references = [[["a", "b", "c", "d", "e"]], [["a", "b", "c", "d", "e"]], [["a", "b", "c", "d", "e"]]] * 20

    found = estimate(bleu4(captions, references), range(60), Bootstrap())

    assert found.value == pytest.approx(bleu4(captions, references).value)
    low, high = ends(found)
    assert 0 < low < found.value < high < 1


def test_one_image_has_no_interval() -> None:
    found = estimate(mean_measure("x", [0.5, 1.0]), ["a", "a"], Bootstrap())

    assert (found.value, found.low, found.high) == (0.75, None, None)


def test_different_item_numbers_cannot_be_paired() -> None:
    with pytest.raises(DataError, match="cannot be paired"):
        paired_difference(mean_measure("x", [1.0]), mean_measure("x", [1.0, 2.0]), ["a"], Bootstrap())
