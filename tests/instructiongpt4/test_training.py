from typing import Any

import numpy as np
import pytest

from finegold.instructiongpt4 import train_selector

torch = pytest.importorskip("torch")


def test_training_again_gives_the_same_weights_whatever_the_threads_and_the_global_seed(
    replay: Any, retrained: Any
) -> None:
    torch.manual_seed(7)
    state = torch.get_rng_state()
    threads = torch.get_num_threads()
    torch.set_num_threads(2 if threads == 1 else 1)
    try:
        again = train_selector(replay.published.subsets, replay.published.results)
    finally:
        torch.set_num_threads(threads)

    for name, weight in retrained.selector.weights.items():
        np.testing.assert_allclose(again.selector.weights[name], weight, atol=1e-6)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_published_settings_lead_to_the_released_weights(replay: Any, retrained: Any) -> None:
    released = replay.published.selector.weights
    other_seed = train_selector(replay.published.subsets, replay.published.results, seed=43).selector.weights

    for name, tolerance in (("linear.weight", 2e-3), ("linears.1.weight", 5e-3), ("linears.0.weight", 5e-2)):
        assert np.abs(retrained.selector.weights[name] - released[name]).max() < tolerance
        assert np.abs(other_seed[name] - released[name]).max() > 0.1


def test_the_retrained_selector_fits_its_own_labels_worse_than_a_constant(
    replay: Any, retrained: Any
) -> None:
    error = ((retrained.predictions - replay.published.results) ** 2).mean()

    assert error > 10 * replay.published.results.var()


def test_numpy_and_torch_agree_on_the_trained_network(replay: Any, retrained: Any) -> None:
    subsets = replay.published.subsets
    scores = [retrained.selector.score(subsets[:, row]) for row in range(subsets.shape[1])]

    np.testing.assert_allclose(np.mean(scores, axis=0), retrained.predictions, rtol=1e-9)
