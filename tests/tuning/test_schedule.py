import pytest

from finegold.tuning.recipe import load_recipe

# MiniGPT-4's stage 2, computed from its public scheduler.
PUBLISHED = {
    0: 1.0e-6,
    100: 1.55e-5,
    199: 2.9855e-5,
    200: 2.8090e-5,
    400: 2.3090e-5,
    500: 2.0e-5,
    600: 1.6910e-5,
    800: 1.1910e-5,
    999: 1.0000e-5,
}


@pytest.mark.parametrize(("step", "rate"), PUBLISHED.items())
def test_the_published_rates(step: int, rate: float) -> None:
    recipe = load_recipe("minigpt4-stage2")
    assert recipe.schedule.rate(step, recipe.steps) == pytest.approx(rate, rel=5e-5)


def test_the_mean_rate() -> None:
    recipe = load_recipe("minigpt4-stage2")
    rates = [recipe.schedule.rate(step, 1000) for step in range(1000)]
    assert sum(rates) / 1000 == pytest.approx(1.722e-5, rel=5e-4)


def test_fewer_steps_end_at_the_same_floor() -> None:
    recipe = load_recipe("minigpt4-stage2", steps=400)
    assert recipe.schedule.rate(399, recipe.steps) == pytest.approx(1e-5, rel=1e-3)
