import random
from collections import Counter

from finegold.offline.questions import KINDS, ONE_WORD, PhotoQuestion, balanced, conversation, photo_questions

DOG = [
    "A brown dog jumps over a log in the snow .",
    "A dog jumping in deep snow",
    "The brown dog leaps through snow .",
    "A dog is jumping .",
    "A brown dog plays in the snow .",
]
CYCLISTS = [
    "Two women ride bikes down a busy street .",
    "Two women in red jackets are riding bikes .",
    "Two women on bicycles in the street",
    "Two ladies riding their bikes on a street .",
]


def asked(captions: list[str], kind: str) -> list[PhotoQuestion]:
    """The questions of a kind that ten draws ask."""
    return [
        one
        for seed in range(10)
        for one in photo_questions(captions, random.Random(seed))
        if one.kind == kind
    ]


def test_each_kind_has_the_answer_that_the_captions_give() -> None:
    assert {one.answer for one in asked(DOG, "colour")} == {"brown"}
    assert {(one.answer, one.phrase) for one in asked(DOG, "place")} == {("snow", "In the snow")}
    assert {(one.text, one.answer) for one in asked(DOG, "action")} == {("What is the dog doing?", "jumping")}
    assert {one.answer for one in asked(DOG, "count")} == {"one"}
    assert {one.answer for one in asked(CYCLISTS, "count")} == {"two"}
    assert {one.phrase for one in asked(DOG, "object")} == {"A dog"}
    assert {one.answer for one in asked(["A girl holds a red umbrella ."], "object")} == {"umbrella", "girl"}


def test_yes_and_no_come_in_pairs_and_name_what_is_there_and_what_is_not() -> None:
    for captions, there in ((DOG, {"dog", "snow"}), (CYCLISTS, {"woman", "bike"})):
        found = asked(captions, "yes-no")
        assert Counter(one.answer for one in found)["yes"] * 2 == len(found) > 0
        assert {one.subject for one in found if one.answer == "yes"} == there
        assert not {one.subject for one in found if one.answer == "no"} & there
        for one in found:
            assert one.counterpart in {other.text for other in found if other.answer != one.answer}


def test_nothing_is_asked_of_which_captions_disagree_or_say_too_little() -> None:
    dogs = ["A black dog and a white dog run .", "A black dog plays .", "A white dog plays .", "Dogs running"]
    assert not asked(dogs, "colour")
    assert not asked(["A black and white dog runs ."], "colour")
    assert not asked(["Two dogs and another dog run .", "Three dogs run ."], "count")
    assert not asked(["Some people stand around ."], "place")
    # Somebody of whom nothing is said may be a man; who sits may sit on a bench.
    for captions, hidden in (("A skier jumps .", "man"), ("A woman sits and reads .", "bench")):
        denied = {one.subject for one in asked([captions], "yes-no") if one.answer == "no"}
        assert hidden not in denied


def test_a_wrong_answer_is_never_what_a_caption_says() -> None:
    for captions in (DOG, CYCLISTS):
        for one in (one for kind in KINDS for one in asked(captions, kind) if kind != "yes-no"):
            assert one.wrong != one.answer
            assert not any(one.wrong in caption.lower() for caption in captions)


def test_an_answer_has_the_form_that_the_wording_asks_for() -> None:
    (place,) = (one for one in photo_questions(DOG, random.Random(0)) if one.kind == "place")
    for seed in range(40):
        instruction, answer = place.asked(random.Random(seed))
        assert instruction.startswith(place.text)
        assert answer == ("snow" if instruction.endswith(ONE_WORD) else "In the snow")
        assert place.asked(random.Random(seed), wrong=True)[1] in (place.wrong, place.wrong_phrase)


def test_a_second_turn_speaks_of_the_subject_of_the_first() -> None:
    for seed in range(20):
        draw = random.Random(seed)
        turns = conversation(photo_questions(DOG, draw), draw)
        assert turns is not None
        first, second = turns
        assert first.subject == second.subject == "dog"
        assert second.again in {"What color is it?", "What is it doing?"}
        assert first.kind != second.kind


def test_balanced_questions_tell_nothing_by_their_answers() -> None:
    draw = random.Random(0)
    questions = [one for _ in range(200) for one in photo_questions(draw.choice((DOG, CYCLISTS)), draw)]
    questions += [
        PhotoQuestion("colour", "?", "ball", c, c, "red", "Red") for c in "abcdefgh" for _ in range(9)
    ]
    kept = [questions[place] for place in balanced(questions, draw)]
    by_thing = Counter((one.subject, one.answer) for one in kept if one.kind == "yes-no")
    assert all(by_thing[thing, "yes"] == by_thing[thing, "no"] for thing, _ in by_thing)
    colours = Counter(one.answer for one in kept if one.kind == "colour")
    assert colours["a"] == 9
    assert colours["brown"] <= 0.2 * colours.total()


def test_equal_seeds_ask_equal_questions() -> None:
    assert photo_questions(DOG, random.Random(3)) == photo_questions(DOG, random.Random(3))
