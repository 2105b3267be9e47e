from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from finegold.models.prefix.network import PrefixNetwork
from finegold.tuning.recipe import load_recipe
from finegold.tuning.steps import Order, adamw


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 2**31))
def test_each_pass_shows_no_row_twice(rows: int, batch: int, seed: int) -> None:
    order = Order(rows, batch, seed)
    seen: list[int] = []
    for step in range(max(1, rows // batch)):
        chosen = order.at(step)
        assert len(chosen) == batch
        seen += chosen
    assert set(seen) <= set(range(rows))
    counts = Counter(seen)
    assert max(counts.values()) - min(counts.get(row, 0) for row in range(rows)) <= 1


def test_passes_and_seeds_differ() -> None:
    order = Order(40, 40, 1)
    assert order.at(0) != order.at(1)
    assert order.at(0) != Order(40, 40, 2).at(0)


def test_instructions_are_all_drawn_one_a_step() -> None:
    order = Order(40, 8, 42)
    drawn = [order.instruction(step, ("a", "b", "c", "d")) for step in range(400)]
    assert all(70 < count < 130 for count in Counter(drawn).values())
    assert drawn == [order.instruction(step, ("a", "b", "c", "d")) for step in range(400)]


def test_the_weight_decays_and_the_bias_does_not(model: PrefixNetwork) -> None:
    optimizer = adamw(model.train_only(everything=False), load_recipe("minigpt4-stage2"))
    groups = {group["weight_decay"]: group["params"] for group in optimizer.param_groups}
    assert groups[0.05][0] is model.projection.weight
    assert groups[0.0][0] is model.projection.bias
    assert [group["eps"] for group in optimizer.param_groups] == [1e-8, 1e-8]
