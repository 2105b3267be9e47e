import pytest

from finegold.errors import BudgetError, ConfigError
from finegold.selection import parse_size, parse_weights


@pytest.mark.parametrize(
    ("text", "size"),
    [("200", 200), (" 1 ", 1), ("6%", 206), ("0.001%", 1), ("100%", 3439), ("12.5 %", 430)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text, 3439) == size


@pytest.mark.parametrize("text", ["", "0", "-5", "2.5", "0%", "101%", "many", "nan", "%", "inf"])
def test_sizes_that_mean_nothing_are_named(text: str) -> None:
    with pytest.raises(ConfigError, match="neither a whole number"):
        parse_size(text, 3439)


def test_more_than_there_is() -> None:
    with pytest.raises(BudgetError, match="201 rows were asked for and 200 can be used; ask for at most 200"):
        parse_size("201", 200)


def test_weights() -> None:
    assert parse_weights("clip=1, length=0.5,ppl=-2") == {"clip": 1.0, "length": 0.5, "ppl": -2.0}


@pytest.mark.parametrize(
    "text", ["", "clip", "clip=", "=1", "clip=one", "clip=nan", "clip=1,,", "clip=1;length=1"]
)
def test_weights_that_cannot_be_read_are_named(text: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read at"):
        parse_weights(text)


def test_weights_that_contradict_are_named() -> None:
    with pytest.raises(ConfigError, match="'clip' twice"):
        parse_weights("clip=1,clip=2")
    with pytest.raises(ConfigError, match="every weight is 0"):
        parse_weights("clip=0")
