import pytest
from tests.scorers.scoring import scores_of

from finegold.errors import ConfigError
from finegold.samples import Sample, Turn
from finegold.scorers.length import Length


def _values(scorer: Length, *answers: str) -> list[float | None]:
    samples = [Sample(str(index), (), (Turn("assistant", text),), None) for index, text in enumerate(answers)]
    return [score.value for score in scores_of(scorer, samples)]


def test_the_papers_scale_is_ten_at_its_longest_caption() -> None:
    assert _values(Length(), "x" * 1009, "", "y" * 2018) == [10.0, 0.0, 20.0]


def test_tokens_are_words_and_marks() -> None:
    assert _values(Length("tokens"), "Yes.", "") == [2, 0]


def test_another_unit_is_refused() -> None:
    with pytest.raises(ConfigError, match="'words': give one of characters, tokens"):
        Length("words")  # type: ignore[arg-type]
