"""What answers state, words that stand in each other's place, and what is new in an answer."""

import random

import pytest
from tests.scorers.scoring import scores_of
from tests.scorers.words_encoder import COLOURS, PLACES, SUBJECTS, photos, row

from finegold.samples import Pair
from finegold.scorers import Corpus
from finegold.scorers.contexts import WordContexts
from finegold.scorers.novelty import novelty
from finegold.scorers.phrasing import Phrasing
from finegold.scorers.statements import Forms, what_is_asked

EXISTS = [
    Pair("Is there a dog?", "Yes"),
    Pair("Is there a cat here?", "No."),
    Pair("Is there snow?", "Yes, there is."),
]
COLOUR = [
    Pair(f"What color is the {thing}?\nUse one word.", one)
    for thing, one in zip("abcdef", COLOURS, strict=True)
]
DESCRIBE = [Pair("Describe the image.", f"A {one} stands there in the sun and waits.") for one in SUBJECTS]
FORMS = Forms.learn([[pair] for pair in (*EXISTS * 4, *COLOUR, *DESCRIBE)])


def test_an_answer_states_its_sentences_what_was_asked_or_itself() -> None:
    found = FORMS.statements([DESCRIBE[0], EXISTS[0], EXISTS[1], COLOUR[0]])
    assert [(one.turn, one.form, one.text) for one in found] == [
        (0, "sentence", DESCRIBE[0][1]),
        (1, "yes", "Is there a dog?"),
        (2, "no", "Is there a cat here?"),
        (3, "short", "red"),
    ]
    assert all(one.expected for one in found)


@pytest.mark.parametrize(
    "question",
    [
        "Is there a dog?", "Is there a dog? Yes or no?", "Is there a dog? Please answer yes or no.",
        "Answer with yes or no only. Is there a dog?", "Yes or no: is there a dog?",
        "Is there a dog, yes or no?", "Is there a dog? (yes/no)", "In one word, is there a dog?",
        "Is there a dog? Answer the question using a single word or phrase.",
        "Is there a dog?\nAnswer with the option's letter.", "Is there a dog? Short answer.",
    ],
)  # fmt: skip
def test_how_the_answer_should_look_is_not_asked_of_the_image(question: str) -> None:
    assert what_is_asked(question) == "Is there a dog?"
    (found,) = FORMS.statements([Pair(question, "Yes")])
    assert (found.text, found.expected) == ("Is there a dog?", True)


@pytest.mark.parametrize(
    "question",
    [
        "", "Yes or no?", "Use one word.", "Describe this image in one sentence.",
        "Which phrase is on the wall?", "Is the answer on the board yes or no?",
        "Answer the question: who wrote the word?", "Reply to her, please.",
    ],
)  # fmt: skip
def test_a_question_that_says_nothing_else_stays_as_it_is(question: str) -> None:
    assert what_is_asked(question) == question


def test_a_few_words_to_a_question_for_a_description_are_a_sentence() -> None:
    (found,) = FORMS.statements([Pair("Describe the image.", "A boy is")])
    assert found.form == "sentence"


def test_an_answer_of_another_form_than_others_give_is_not_expected() -> None:
    yes, word = FORMS.statements([Pair(COLOUR[0][0], "Yes"), Pair(EXISTS[0][0], "Michael")])
    assert not yes.expected
    assert not word.expected
    (unknown,) = FORMS.statements([Pair("Which one?", "Yes")])
    assert unknown.expected


def test_like_questions_may_have_answers_of_two_forms() -> None:
    told = [
        Pair("Is there anything odd? Explain.", f"A {one} stands there in the sun and waits.")
        for one in SUBJECTS
    ]
    forms = Forms.learn([[pair] for pair in (*EXISTS, *told)])
    assert forms.statements([EXISTS[0]])[0].expected
    rare = Forms.learn([[pair] for pair in (EXISTS[0], *told)])
    assert not rare.statements([EXISTS[0]])[0].expected


def test_a_short_answer_is_compared_with_what_others_answered_to_like_questions() -> None:
    (found,) = FORMS.statements([Pair("What color is the sky?", "Red")])
    assert FORMS.others(found) == sorted(COLOURS[1:])


def test_foils_are_words_of_the_same_contexts_and_no_forms_of_the_word() -> None:
    rng = random.Random(0)
    answers = [
        f"A {colour} {subject}{rng.choice(('', 's'))} {rng.choice(('waits', 'sleeps'))} near the {place}."
        for subject, colour, place in photos(200)
    ]
    foils = WordContexts.learn(answers).foils
    assert set(foils["red"][:5]) == set(COLOURS) - {"red"}
    assert set(foils["beach"][:5]) == set(PLACES) - {"beach"}
    assert "dogs" not in foils["dog"]
    assert "the" not in foils
    assert WordContexts.learn(random.Random(1).sample(answers, len(answers))).foils == foils


def test_a_turn_that_says_the_same_again_is_not_new() -> None:
    one, other = "A brown dog runs over the grass.", "Behind it a boy throws a red ball."
    assert novelty(f"{one}\n{other}") == 1
    assert novelty(f"{one}\n{other}\n{one}") < 0.2
    assert novelty("dog " * 60) < 0.05
    assert novelty("Yes\nNo\nYes") == novelty("") == 1


def test_phrasing_can_pass_over_short_answers() -> None:
    captions = [f"A {colour} {subject} waits at the {place}." for subject, colour, place in photos(150)]
    rows = [
        row(f"{at:03d}", "Describe it.", text, "What color is it?", COLOURS[at % 6])
        for at, text in enumerate(captions)
    ]
    rows.append(row("cut", "Describe it.", "A red dog waits at", "What color is it?", "Red"))
    rows.append(row("short", "What color is it?", "Red"))
    corpus = Corpus([r.id for r in rows], [r.pairs for r in rows])
    found = scores_of(Phrasing(short=False), rows, corpus=corpus)
    assert min(one.value for one in found[:150] if one.value is not None) > 0.6
    assert found[150].value is not None
    assert found[150].value < 0.3
    assert found[151].status == "skipped"
