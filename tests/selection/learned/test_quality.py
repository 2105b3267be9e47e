from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finegold.errors import ConfigError, DataError
from finegold.selection.learned import LearnedQuality, MeasuredSubset, fit_learned, fit_subset_means


def measured(rng: Any, columns: Any, weights: Any, *, noise: Any, subsets: Any = 30, size: Any = 40) -> Any:
    """Subsets of a pool and results that the indicators' means decide, up to noise."""
    ids = [f"r{row}" for row in range(len(columns["clip"]))]
    values = np.column_stack(list(columns.values()))
    pairs = []
    for _ in range(subsets):
        rows = rng.choice(len(ids), size, replace=False)
        result = values[rows].mean(axis=0) @ weights + noise * rng.normal()
        pairs.append(MeasuredSubset(sample_ids=[ids[row] for row in rows], result=result, metric="accuracy"))
    return ids, pairs


@pytest.fixture
def columns() -> Any:
    rng = np.random.default_rng(1)
    return {"clip": rng.normal(30, 4, 500), "length": rng.normal(4, 1.5, 500)}


def test_weights_of_a_clear_signal_are_found(columns: Any) -> None:
    ids, pairs = measured(np.random.default_rng(2), columns, [0.5, 2.0], noise=0.05)

    quality = fit_learned(pairs, ids, columns)

    assert quality.indicators == ("clip", "length")
    assert quality.weights == pytest.approx((0.5, 2.0), rel=0.1)
    assert quality.evidence.signal
    assert quality.evidence.r2 > 0.9
    assert quality.warning() is None


def test_results_of_pure_noise_give_a_warning_with_the_numbers(columns: Any) -> None:
    ids, pairs = measured(np.random.default_rng(3), columns, [0, 0], noise=1)

    quality = fit_learned(pairs, ids, columns)

    assert not quality.evidence.signal
    warning = quality.warning() or ""
    assert warning.startswith("no signal: over 30 measured subsets the means of clip, length predict")
    assert f"R² {quality.evidence.r2:.2f}" in warning


def test_noise_is_called_a_signal_no_more_often_than_the_level_says() -> None:
    rng = np.random.default_rng(4)
    called = [
        fit_subset_means(rng.normal(size=(12, 2)), rng.normal(size=12), ("a", "b")).evidence.signal
        for _ in range(60)
    ]

    assert sum(called) <= 7  # 0.05 of 60 is 3; more than 7 has probability 0.01


def test_the_published_labels_hold_no_signal(shared: Path) -> None:
    pytest.importorskip("torch")
    from finegold.instructiongpt4 import INDICATORS, read_published

    published = read_published(shared / "reference" / "instructiongpt4")
    quality = fit_subset_means(published.subsets.mean(axis=1)[:, 12:], published.results, INDICATORS)

    assert not quality.evidence.signal
    assert quality.evidence.r2 < 0.01
    assert quality.evidence.constant_error == pytest.approx(0.391, abs=0.0005)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.data())
def test_a_row_scores_the_same_whatever_the_rest_of_the_pool(seed: int, data: Any) -> None:
    rng = np.random.default_rng(seed)
    quality = fit_subset_means(rng.normal(size=(6, 3)), rng.normal(size=6), ("a", "b", "c"))
    pool = rng.normal(size=(20, 3))
    rows = data.draw(st.lists(st.integers(0, 19), min_size=1, max_size=20))

    np.testing.assert_array_equal(quality.score(pool)[rows], quality.score(pool[rows]))


def test_order_of_the_pairs_changes_nothing_that_is_learnt(columns: Any) -> None:
    ids, pairs = measured(np.random.default_rng(5), columns, [0.5, 2.0], noise=0.3)

    first, second = fit_learned(pairs, ids, columns), fit_learned(pairs[::-1], ids, columns)

    assert second.weights == pytest.approx(first.weights)
    assert second.evidence.r2 == pytest.approx(first.evidence.r2)


def test_a_subset_measured_twice_counts_once_so_that_it_cannot_predict_itself(columns: Any) -> None:
    ids, pairs = measured(np.random.default_rng(6), columns, [0, 0], noise=1, subsets=8)
    again = [pair.model_copy(update={"result": pair.result + 0.01, "seed": 1}) for pair in pairs]

    quality = fit_learned(pairs + again, ids, columns)

    assert quality.evidence.subsets == 8


def test_rows_without_a_score_are_left_out_of_the_means(columns: Any) -> None:
    ids, pairs = measured(np.random.default_rng(7), columns, [0.5, 2.0], noise=0.01)
    columns["clip"][::50] = np.nan

    quality = fit_learned(pairs, ids, columns)

    assert quality.weights == pytest.approx((0.5, 2.0), rel=0.3)
    with pytest.raises(DataError, match="10 rows lack one of clip, length"):
        quality.score(np.column_stack(list(columns.values())))


def test_a_row_that_the_pool_lacks_is_named(columns: Any) -> None:
    ids, pairs = measured(np.random.default_rng(8), columns, [1, 1], noise=1)
    stranger = MeasuredSubset(sample_ids=["r1", "elsewhere"], result=1, metric="accuracy")

    with pytest.raises(DataError, match="names 1 rows that the pool lacks, such as 'elsewhere'"):
        fit_learned([*pairs, stranger], ids, columns)


def test_equal_results_are_no_signal(columns: Any) -> None:
    ids, pairs = measured(np.random.default_rng(9), columns, [0, 0], noise=0)

    assert fit_learned(pairs, ids, columns).evidence.signal is False


def test_four_subsets_are_too_few(columns: Any) -> None:
    ids, pairs = measured(np.random.default_rng(10), columns, [1, 1], noise=0, subsets=4)

    with pytest.raises(ConfigError, match="found 4 different measured subsets and 2 indicators"):
        fit_learned(pairs, ids, columns)


def test_a_learned_quality_survives_json(columns: Any) -> None:
    ids, pairs = measured(np.random.default_rng(11), columns, [0.5, 2.0], noise=0.3)
    quality = fit_learned(pairs, ids, columns)

    assert LearnedQuality.model_validate_json(quality.model_dump_json()) == quality


def test_the_evidence_is_that_of_items_that_the_fit_did_not_see(columns: Any) -> None:
    """A chance of the items that the fit sees is no signal for others, whose level may differ."""
    rng = np.random.default_rng(6)
    ids, pairs = measured(rng, columns, [0.5, 2.0], noise=0.05)
    noise = [pair.model_copy(update={"held_out": 7 + rng.normal()}) for pair in pairs]
    same = [pair.model_copy(update={"held_out": 7 + pair.result}) for pair in pairs]

    plain, lost, kept = (fit_learned(one, ids, columns) for one in (pairs, noise, same))

    assert plain.weights == lost.weights == kept.weights
    assert not plain.evidence.held_out
    assert lost.evidence.held_out
    assert "on items that the fit did not see" in (lost.warning() or "")
    assert kept.evidence.signal
    assert kept.evidence.r2 == pytest.approx(plain.evidence.r2, abs=0.02)
    some = [noise[0].model_copy(update={"held_out": None}), *noise[1:]]
    assert not fit_learned(some, ids, columns).evidence.held_out


def test_subsets_of_several_sizes_are_compared_with_those_of_their_size(columns: Any) -> None:
    """Larger subsets do better here whatever their rows, and have longer answers: length seems to help."""
    rng = np.random.default_rng(7)
    order = np.argsort(columns["length"])
    ids = [f"r{row}" for row in range(500)]
    pairs = []
    for number in range(30):
        size = (20, 40)[number % 2]
        among = order[:250] if size == 20 else order[250:]
        rows = rng.choice(among, size, replace=False)
        clip = columns["clip"][rows].mean()
        result = size + clip + 0.05 * rng.normal()
        pairs.append(MeasuredSubset(sample_ids=[ids[row] for row in rows], result=result, metric="accuracy"))
    alone = MeasuredSubset(sample_ids=ids, result=1000.0, metric="accuracy")

    quality = fit_learned([*pairs, alone], ids, columns)

    assert quality.evidence.subsets == 30
    assert quality.weights == pytest.approx((1, 0), abs=0.2)
    expected = quality.score(np.array([[columns["clip"].mean(), columns["length"].mean()]]))
    assert expected == pytest.approx(30 + columns["clip"].mean(), abs=1)
