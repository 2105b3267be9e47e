from pathlib import Path

import pytest

from finegold.errors import ConfigError
from finegold.registry import toml_names
from finegold.samples.formats.minigpt4 import INSTRUCTIONS
from finegold.tuning.recipe import BUILT_IN, load_recipe


def test_finegolds_recipes_are_valid_and_say_what_they_are() -> None:
    names = toml_names(*BUILT_IN)
    assert {
        "minigpt4-llama2-stage2",
        "minigpt4-stage1",
        "minigpt4-stage2",
        "offline-smollm2-stage1",
        "offline-stage1",
        "offline-stage2",
        "hf-lora",
        "hf-full",
    } == set(names)
    assert all(len(load_recipe(name).about) > 20 for name in names)


def test_stage_two_is_the_published_one() -> None:
    recipe = load_recipe("minigpt4-stage2")
    assert recipe.instructions == INSTRUCTIONS
    assert (recipe.trains, recipe.steps, recipe.batch, recipe.longest_answer) == ("projection", 1000, 12, 160)
    assert (recipe.weight_decay, recipe.betas, recipe.clip, recipe.seed) == (0.05, (0.9, 0.999), 0.0, 42)


def test_a_recipe_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'about = "mine"\nkind = "prefix"\ntrains = "projection"\nsteps = 5\nbatch = 2\nrate = 1e-3\n'
    )
    recipe = load_recipe(str(path), steps=7, seed=None)
    assert (recipe.name, recipe.steps, recipe.batch) == ("mine", 7, 2)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("steps = 0", "steps"),
        ("stepz = 3", "stepz"),
        ('trains = "lora"', "not 'lora'"),
        ("steps = ", "not valid TOML"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, text: str, reason: str) -> None:
    lines = {
        "about": 'about = "x"',
        "kind": 'kind = "prefix"',
        "trains": 'trains = "projection"',
        "steps": "steps = 1",
        "batch": "batch = 1",
        "rate": "rate = 1",
    }
    lines[text.split()[0]] = text
    path = tmp_path / "bad.toml"
    path.write_text("\n".join(lines.values()))
    with pytest.raises(ConfigError, match=reason):
        load_recipe(str(path))


def test_an_unknown_recipe_lists_the_known() -> None:
    with pytest.raises(ConfigError, match="minigpt4-stage2, offline-smollm2-stage1"):
        load_recipe("stage3")


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
    assert recipe.rate_at(step) == pytest.approx(rate, rel=5e-5)


def test_the_mean_rate() -> None:
    recipe = load_recipe("minigpt4-stage2")
    rates = [recipe.rate_at(step) for step in range(1000)]
    assert sum(rates) / 1000 == pytest.approx(1.722e-5, rel=5e-4)


def test_fewer_steps_end_at_the_same_floor() -> None:
    recipe = load_recipe("minigpt4-stage2", steps=400)
    assert recipe.rate_at(399) == pytest.approx(1e-5, rel=1e-3)
