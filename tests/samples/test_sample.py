from finegold.samples import Sample, Turn
from finegold.samples.sample import ImageRef


def sample(*turns: tuple[str, str]) -> Sample:
    return Sample("a", (), tuple(Turn(role, text) for role, text in turns), None)  # type: ignore[arg-type]


def test_each_answer_is_paired_with_what_was_asked_since_the_one_before() -> None:
    found = sample(
        ("system", "Be brief."),
        ("user", "<image>\nWhat is it?"),
        ("assistant", "A dog."),
        ("user", "Its colour?"),
        ("user", "And size?"),
        ("assistant", " Brown and small. "),
        ("assistant", "It barks."),
        ("user", "Why?"),
    ).pairs
    assert found == (
        ("What is it?", "A dog."),
        ("Its colour?\nAnd size?", "Brown and small.\nIt barks."),
    )
    assert found[1].question == "Its colour?\nAnd size?"


def test_an_answer_to_nothing_is_a_pair_and_a_question_without_an_answer_is_none() -> None:
    assert sample(("assistant", "A dog."), ("user", "Why?")).pairs == (("", "A dog."),)


def test_a_row_without_an_answer_has_no_pairs() -> None:
    assert sample(("user", "What is it?")).pairs == ()
    assert sample().pairs == ()


def test_a_sample_weighs_each_of_its_texts_and_images_once_in_bytes() -> None:
    data, text = bytes(500), "語" * 1000
    record = {"image": data, "answer": text, "more": {"again": [text]}}
    held = Sample("a", (ImageRef("a.png", data=data),), (), record).held_bytes
    assert 2500 <= held < 2700
