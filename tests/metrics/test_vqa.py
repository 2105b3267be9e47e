from typing import Any

import pytest

from finegold.metrics import vqa_accuracy


@pytest.mark.parametrize(("given", "accuracy"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)])
def test_the_published_steps_of_ten_annotators(given: Any, accuracy: Any) -> None:
    assert vqa_accuracy("Race.", ["race"] * given + ["walk"] * (10 - given)) == pytest.approx(accuracy)


def test_a_sentence_around_the_answer_is_not_the_answer() -> None:
    assert vqa_accuracy("I think it is a race", ["race"] * 10) == 0
    assert vqa_accuracy("The two dogs!", ["2 dogs"] * 10) == 1
