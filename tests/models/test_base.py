import pytest

from finegold.errors import ConfigError
from finegold.models import Sampling
from finegold.models.base import batches_by_length


@pytest.mark.parametrize(
    "values",
    [{"max_new_tokens": 0}, {"temperature": -0.1}, {"top_p": 0.0}, {"top_p": 1.1}],
)
def test_sampling_out_of_range_is_told_in_a_sentence(values: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="is out of range, expected max_new_tokens >= 1"):
        Sampling(**values)  # type: ignore[arg-type]


def test_a_batch_draws_by_its_content_and_the_seed() -> None:
    sampling = Sampling(temperature=1.0, seed=3)
    seeds = [sampling.for_batch(parts).seed for parts in (["a", "b"], ["a", "b"], ["ab"], ["b", "a"])]
    assert seeds[0] == seeds[1]
    assert len(set(seeds)) == 3
    assert Sampling(temperature=1.0, seed=4).for_batch(["a", "b"]).seed != seeds[0]


def test_a_temperature_of_zero_draws_nothing() -> None:
    assert Sampling(5, top_p=0.5).arguments() == {"max_new_tokens": 5, "do_sample": False, "num_beams": 1}


def test_batches_hold_rows_of_like_length_each_once() -> None:
    assert list(batches_by_length([5, 1, 4, 1, 9], 2)) == [[1, 3], [2, 0], [4]]
