"""Evidence and foil: what the image bears out, turn by turn and word by word."""

import random
from dataclasses import replace

import numpy as np
import pytest
from tests.scorers.scoring import scores_of
from tests.scorers.words_encoder import COLOURS, SUBJECTS, WordsEncoder, image_of, photos, row

from finegold.arrays import Vectors
from finegold.samples import Sample
from finegold.scorers import Batch, Context, Corpus, Score, Scorer
from finegold.scorers.evidence import TurnEvidence
from finegold.scorers.foil import Foil

DESCRIBE, COLOUR, EXISTS, COUNT = (
    "Describe the photo.", "What color is it?", "Is there a {} here?", "How many are there?",
)  # fmt: skip
PHOTOS = photos(180)
IMAGES = np.stack([image_of(photo) for photo in PHOTOS])
PHRASE = "Overall, the scene conveys a sense of joy."


@pytest.fixture(autouse=True)
def words_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finegold.scorers.base.load_encoder", lambda *_, **__: WordsEncoder())


def caption(at: int, **other: str) -> str:
    subject, colour, place = PHOTOS[at]
    words = {"subject": subject, "colour": colour, "place": place} | other
    return f"A {words['colour']} {words['subject']} is at the {words['place']}."


def dataset() -> list[Sample]:
    """True rows of several kinds, one a photo; the last turn of each tenth row is a phrase."""
    rows = []
    for at, (subject, colour, _) in enumerate(PHOTOS):
        kind, key = at % 4, f"r{at:03d}"
        if kind == 0:
            rows.append(row(key, DESCRIBE, f"{caption(at)} {PHRASE}" if at % 8 == 0 else caption(at)))
        elif kind == 1:
            rows.append(row(key, COLOUR, colour.capitalize()))
        elif kind == 2:
            rows.append(row(key, COUNT, ("One", "Two")[at % 3 == 0]))
        else:
            there = at % 8 == 3
            rows.append(row(key, EXISTS.format(subject if there else _absent(at)), "Yes" if there else "No"))
    return rows


def _absent(at: int) -> str:
    return SUBJECTS[(SUBJECTS.index(PHOTOS[at][0]) + 2) % 6]


def corpus_of(rows: list[Sample], images: Vectors = IMAGES) -> Corpus:
    return Corpus([r.id for r in rows], [r.pairs for r in rows], images)


def score(
    scorer: Scorer, samples: list[Sample], places: list[int], corpus: Corpus | None = None
) -> list[Score]:
    return scores_of(
        scorer, Batch(samples, image_embeddings=IMAGES[places]), corpus=corpus or corpus_of(dataset())
    )


def value_of(score: Score) -> float:
    assert score.value is not None, score.reason
    return score.value


def values(scorer: Scorer, samples: list[Sample], places: list[int]) -> list[float]:
    found = score(scorer, samples, places)
    return [value_of(one) for one in found]


def test_each_kind_of_answer_is_borne_out_where_it_is_right_and_only_there() -> None:
    subject, colour, _ = PHOTOS[0]
    other = next(one for one in COLOURS if one != colour)
    right = [
        row("a", DESCRIBE, caption(0)),
        row("a", COLOUR, f"{colour.capitalize()}."),
        row("a", EXISTS.format(subject), "Yes"),
        row("a", EXISTS.format(_absent(0)), "No"),
    ]
    wrong = [
        row("a", DESCRIBE, caption(1)),
        row("a", COLOUR, other),
        row("a", EXISTS.format(subject), "No"),
        row("a", EXISTS.format(_absent(0)), "Yes"),
        row("a", COUNT, "Yes"),
        row("a", EXISTS.format(subject), "Brown"),
    ]
    assert min(values(TurnEvidence(), right, [0] * 4)) > 0
    assert max(values(TurnEvidence(), wrong, [0] * 6)) < 0


def test_a_letter_is_judged_as_the_option_that_it_names() -> None:
    subject, *_ = PHOTOS[0]
    names = [_absent(0), subject, SUBJECTS[(SUBJECTS.index(subject) + 4) % 6]]
    ask = "Which one is here?\nA. {}\nB. {}\nC. {}\nAnswer with the option's letter.".format(*names)
    right = [row("a", ask, "B"), row("a", ask, "(B)"), row("a", ask, f"B. {subject}"), row("a", ask, subject)]
    wrong = [row("a", ask, "A"), row("a", ask, "The answer is C.")]
    assert min(values(TurnEvidence(), right, [0] * 4)) > 0
    assert max(values(TurnEvidence(), wrong, [0] * 2)) < 0


def test_a_drawing_is_compared_with_drawings_so_that_no_is_borne_out_where_it_is_right() -> None:
    # Every drawing shows a little of each subject, the photos beside them no subject at all.
    shown = [photo[0] for photo in photos(104)]
    drawings = np.stack([image_of([*SUBJECTS, *SUBJECTS, *SUBJECTS, subject]) for subject in shown])
    others = np.stack([image_of(photo[1:]) for photo in photos(320)])
    names = [f"d{at:03d}" for at in range(len(drawings))] + [f"p{at:03d}" for at in range(len(others))]
    sources = ["drawings"] * len(drawings) + ["photos"] * len(others)
    pool = Corpus(names, [[]] * len(names), np.concatenate([drawings, others]), sources)

    def asked(scorer: Scorer, answer: str, at: int, subject: str) -> float:
        sample = replace(row("q", EXISTS.format(subject), answer), source="drawings")
        found = scores_of(scorer, Batch([sample], image_embeddings=drawings[[at]]), corpus=pool)
        return value_of(found[0])

    for at in range(12):
        there, absent = shown[at], _absent(at)
        assert asked(TurnEvidence(), "Yes", at, there) > 0 > asked(TurnEvidence(), "No", at, there)
        assert asked(TurnEvidence(), "No", at, absent) > 0 > asked(TurnEvidence(), "Yes", at, absent)
        assert asked(TurnEvidence(by_source=False), "Yes", at, absent) > 0
        # With a bar above all standings every "no" is borne out, with one below them every "yes".
        for bar, answer in ((9.0, "No"), (-9.0, "Yes")):
            found = [asked(TurnEvidence(yes_bar=bar), answer, at, subject) for subject in (there, absent)]
            assert min(found) > 0


def test_one_wrong_turn_sinks_a_conversation_wherever_it_stands() -> None:
    subject, colour, _ = PHOTOS[0]
    turns = [(DESCRIBE, caption(0)), (COLOUR, colour), (EXISTS.format(subject), "Yes")]
    good = row("a", *[text for turn in turns for text in turn])
    found = values(TurnEvidence(), [good], [0])
    for at, wrong in enumerate((caption(1), COLOURS[2], "No")):
        changed = [*turns[:at], (turns[at][0], wrong), *turns[at + 1 :]]
        found += values(TurnEvidence(), [row("a", *[text for turn in changed for text in turn])], [0])
    assert found[0] > 0
    assert max(found[1:]) < 0


def test_a_phrase_that_fits_every_image_neither_helps_nor_harms_and_says_nothing_alone() -> None:
    plain, ended, alone, invented = score(
        TurnEvidence(),
        [
            row("a", DESCRIBE, caption(0)),
            row("a", DESCRIBE, f"{caption(0)} {PHRASE}"),
            row("a", DESCRIBE, PHRASE),
            row("a", DESCRIBE, f"{caption(0)} A {COLOURS[3]} {SUBJECTS[3]} is at the kitchen."),
        ],
        [0] * 4,
    )
    assert plain.value == ended.value
    assert ended.reason == "1 sentences that fit every image do not count"
    assert alone.value == -1
    assert value_of(invented) < 0


def test_a_repeated_sentence_about_images_is_judged() -> None:
    """A thing that many rows claim is no phrase: it may be what is wrong with them."""
    claim = caption(5)
    rows = [
        row(r.id, DESCRIBE, f"{caption(at)} {claim}") if at % 12 == 4 else r for at, r in enumerate(dataset())
    ]
    found = score(TurnEvidence(), [rows[4]], [4], corpus_of(rows))
    assert found[0].reason is None
    assert value_of(found[0]) < 0


def test_rows_in_a_language_that_the_encoder_does_not_read_are_skipped_and_a_note_says_so() -> None:
    rows = dataset()
    for at in range(0, 40, 4):
        rows[at] = row(
            f"r{at:03d}", "Describe la foto.", "En la foto se ve un perro en la playa con una pelota."
        )
    for at in range(40, 80, 4):
        rows[at] = row(f"r{at:03d}", "描述这张图片。", "照片里有一只狗在海滩上奔跑。")
    context = Context(device="cpu", read_corpus=lambda: corpus_of(rows))
    with context:
        found = TurnEvidence().prepare(context)(Batch(rows[:41], image_embeddings=IMAGES[:41]))
    statuses = {at: found[at].status for at in (0, 1, 2, 36, 40)}
    assert statuses == {0: "skipped", 1: "ok", 2: "ok", 36: "skipped", 40: "skipped"}
    assert "'es'" in str(found[0].reason)
    assert [note.split("'")[1] for note in context.notes] == ["es", "zh"]


@pytest.mark.parametrize("scorer", [TurnEvidence(), Foil()])
def test_scores_do_not_depend_on_batch_or_row_order(scorer: Scorer) -> None:
    rows = dataset()
    whole = score(scorer, rows, list(range(len(rows))))
    order = random.Random(0).sample(range(len(rows)), len(rows))
    shuffled = corpus_of([rows[at] for at in order], IMAGES[order])
    for at in (0, 1, 2, 3, 8):
        assert score(scorer, [rows[at]], [at], shuffled) == [whole[at]]


def test_the_image_prefers_a_right_word_to_its_foils_and_a_foil_to_a_wrong_word() -> None:
    subject, colour, _ = PHOTOS[0]
    swapped = [
        {"subject": SUBJECTS[(SUBJECTS.index(subject) + 1) % 6]},
        {"colour": COLOURS[(COLOURS.index(colour) + 1) % 6]},
    ]
    right, *wrong = score(
        Foil(),
        [row("a", DESCRIBE, caption(0)), *(row("a", DESCRIBE, caption(0, **swap)) for swap in swapped)],
        [0] * 3,
        corpus_of([row(f"r{at:03d}", DESCRIBE, caption(at)) for at in range(len(PHOTOS))]),
    )
    assert value_of(right) > 0.4
    for found, swap in zip(wrong, swapped, strict=True):
        assert value_of(found) < 0.3
        (new,) = swap.values()
        assert str(found.reason).startswith(f"weakest: '{new}' against")


def test_foil_tells_which_turn_has_the_wrong_word() -> None:
    wrong = caption(0, subject=SUBJECTS[(SUBJECTS.index(PHOTOS[0][0]) + 1) % 6])
    learnt = corpus_of([row(f"r{at:03d}", DESCRIBE, caption(at)) for at in range(len(PHOTOS))])
    talk = row("a", DESCRIBE, caption(0), COLOUR, "Red", DESCRIBE, wrong)
    (found,) = score(Foil(), [talk], [0], learnt)
    good, short, bad = found.turns
    assert short[:2] == (None, "no word of the answer has foils in the dataset")
    assert good.value is not None
    assert bad.value is not None
    assert bad.value < value_of(found) < good.value


def test_a_word_of_which_images_tell_nothing_is_no_evidence_against_a_row() -> None:
    rng = random.Random(5)
    said = [
        caption(at).replace("A ", f"A {rng.choice(('nice', 'fine', 'good'))} ") for at in range(len(PHOTOS))
    ]
    learnt = corpus_of([row(f"r{at:03d}", DESCRIBE, text) for at, text in enumerate(said)])
    one, other = score(
        Foil(),
        [row("a", DESCRIBE, caption(0).replace("A ", f"A {word} ")) for word in ("nice", "good")],
        [0, 0],
        learnt,
    )
    assert value_of(one) == pytest.approx(value_of(other), abs=0.05)
    assert value_of(one) > 0.6


def test_foil_skips_what_it_cannot_try() -> None:
    found = score(
        Foil(),
        [row("a", COLOUR, "Red"), row("a", DESCRIBE, "Xylophones notwithstanding, quite so then.")],
        [0, 0],
    )
    assert [one.status for one in found] == ["skipped", "skipped"]
    assert (
        score(Foil(), [row("a", DESCRIBE, caption(0), image=False)], [0])[0].reason == "the row has no image"
    )
