"""CIDEr, CIDEr-D, BLEU-4 and ROUGE-L against values of pycocoevalcap 1.2.

The values were recorded with pycocoevalcap 1.2 (PyPI, installed with --no-deps beside numpy 2.4) by
`Cider().compute_score(gts, res)`, `Bleu(4)` and `Rouge()` with gts and res made of CAPTIONS and REFERENCES,
an entry a row. CIDEr without clipping and penalty is not in that package; for captions in which no n-gram
occurs more often than in a reference that has it, clipping does nothing, and `Cider(sigma=1e9)` is CIDEr.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finegold.errors import DataError
from finegold.metrics import bleu4, cider, cider_d, raw_tokens, rouge_l

CAPTIONS = [
    "a man rides a brown horse on the beach",
    "two dogs dogs dogs run",
    "the cat sat",
    "a child in a red coat throws a ball to a dog in the park near a lake",
    "people",
    "a woman holds an umbrella in the rain",
]
REFERENCES = [
    ["a man is riding a horse along the beach", "man on a brown horse by the sea", "a person rides a horse"],
    ["two dogs run through the grass", "dogs running in a field"],
    ["the cat sat on the mat", "a cat is sitting on a mat", "the cat sat"],
    [
        "a child throws a ball to a dog",
        "a kid in a red coat plays with a dog in a park",
        "the child and the dog play near the lake",
        "a child in red",
    ],
    ["a group of people standing in front of a building"],
    [
        "a woman with an umbrella walks in the rain",
        "a lady holds a red umbrella",
        "it is raining on a woman who holds an umbrella in the street",
    ],
]


def split(captions: Any, references: Any) -> Any:
    return [raw_tokens(c) for c in captions], [[raw_tokens(r) for r in group] for group in references]


def test_cider_d_equals_pycocoevalcap() -> None:
    assert cider_d(*split(CAPTIONS, REFERENCES)) == pytest.approx(
        [
            2.016108391007686,
            1.1640632447031254,
            4.178640078200742,
            0.9456619906189692,
            0.26977730777449005,
            2.66872633338064,
        ],
        abs=1e-9,
    )


def test_cider_equals_pycocoevalcap_where_clipping_does_nothing() -> None:
    keep = [0, 2, 4, 5]
    captions = ["a man rides the brown horse", *(CAPTIONS[row] for row in keep[1:])]

    found = cider(*split(captions, [REFERENCES[row] for row in keep]))

    assert found == pytest.approx(
        [1.6965870866406796, 4.453861344187686, 0.8219949365267865, 3.110641069831199], abs=1e-9
    )


def test_bleu_equals_pycocoevalcap_on_the_set_and_on_each_caption() -> None:
    captions, references = split(CAPTIONS, REFERENCES)
    assert bleu4(captions, references).value == pytest.approx(0.437955934812723, abs=1e-9)

    alone = [bleu4([c], [r]).value for c, r in zip(captions, references, strict=True)]

    recorded = [
        6.210944974110337e-05,
        1.4953487804423936e-08,
        0.03162277657664911,
        0.5342748476434813,
        3.902560660212479e-09,
        0.610195043038188,
    ]
    assert alone == pytest.approx(recorded, rel=1e-6)


def test_rouge_equals_pycocoevalcap() -> None:
    assert rouge_l(*split(CAPTIONS, REFERENCES)) == pytest.approx(
        [
            0.7393939393939394,
            0.5366568914956013,
            1.0,
            0.7093023255813954,
            0.15844155844155844,
            0.8148854961832059,
        ],
        abs=1e-9,
    )


def test_raw_strings_are_scored_with_case_and_punctuation() -> None:
    two = ["Two men at a window .", "Men look out of a Window."]
    references = [["A dog runs through grass .", "The dog is running ."], two, two]

    found = cider_d(*split(["A dog runs .", "Two men at a Window.", "two men at a window ."], references))

    assert found == pytest.approx([2.3004613410598966, 3.1887315660633933, 2.5347839085342554], abs=1e-9)


def test_a_repeated_word_gains_in_cider_and_not_in_cider_d() -> None:
    references = [["dogs run in grass"], ["a cat sits on a mat"]]
    once = split(["dogs run", "a cat"], references)
    thrice = split(["dogs dogs dogs run", "a cat"], references)

    assert cider_d(*thrice)[0] < cider_d(*once)[0]
    assert cider(*thrice)[0] > 0


@pytest.mark.parametrize("metric", [cider, cider_d, rouge_l])
def test_an_empty_caption_has_zero(metric: Any) -> None:
    assert metric([[], ["a", "dog"]], [[["a", "cat"]], [["a", "dog"]]])[0] == 0


@pytest.mark.parametrize("metric", [cider, cider_d, rouge_l, bleu4])
def test_a_caption_without_reference_is_an_error(metric: Any) -> None:
    with pytest.raises(DataError, match="at least one reference"):
        metric([["a"], ["b"]], [[["a"]], []])


sentences = st.lists(st.sampled_from(["a", "dog", "cat", "runs", "on", "grass"]), min_size=1, max_size=8)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=40)
@given(st.lists(st.tuples(sentences, st.lists(sentences, min_size=1, max_size=3)), min_size=2, max_size=6))
def test_scores_stay_in_range_and_do_not_depend_on_the_order_of_images(rows: Any) -> None:
    captions = [caption for caption, _ in rows]
    references = [group for _, group in rows]

    for metric, most in ((cider, 10), (cider_d, 10), (rouge_l, 1)):
        forward = metric(captions, references)
        assert np.all(forward >= 0)
        assert np.all(forward <= most + 1e-9)
        assert metric(captions[::-1], references[::-1])[::-1] == pytest.approx(forward)
