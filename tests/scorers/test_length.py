import pytest
from hypothesis import given
from hypothesis import strategies as st

from finegold.errors import ConfigError
from finegold.samples import Sample, Turn
from finegold.scorers import Batch
from finegold.scorers.length import Length, count_tokens


def _values(scorer: Length, *answers: str) -> list[float | None]:
    samples = [Sample(str(index), (), (Turn("assistant", text),), None) for index, text in enumerate(answers)]
    return [score.value for score in scorer.score(Batch(samples))]


def test_the_papers_scale_is_ten_at_its_longest_caption() -> None:
    assert _values(Length(), "x" * 1009, "", "y" * 2018) == [10.0, 0.0, 20.0]


def test_tokens_are_words_marks_and_single_chinese_characters() -> None:
    assert count_tokens("A dog's tail, 3.5 m long!") == 12
    assert count_tokens("一只狗。") == 4
    assert _values(Length("tokens"), "Yes.", "") == [2, 0]


@given(st.text(max_size=30), st.text(max_size=30))
def test_tokens_add_up_over_texts_with_a_space_between(first: str, second: str) -> None:
    assert count_tokens(f"{first} {second}") == count_tokens(first) + count_tokens(second)


def test_another_unit_is_refused() -> None:
    with pytest.raises(ConfigError, match="'words': give one of characters, tokens"):
        Length("words")  # type: ignore[arg-type]
