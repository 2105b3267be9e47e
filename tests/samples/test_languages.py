"""The language of a text."""

import pytest
from benchmarks.languages import measure, total

from finegold.samples.languages import language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("A brown dog runs over the grass.", "en"),
        ("En la foto se ve un perro en la nieve.", "es"),
        ("Auf dem Foto ist ein Hund im Schnee zu sehen.", "de"),
        ("Un chien court dans la neige avec une balle.", "fr"),
        ("Um cachorro corre na praia com uma bola.", "pt"),
        ("照片里一只狗在雪地里。", "zh"),
        ("犬が雪の中を走っています。", "ja"),
        ("Собака бежит по снегу.", "ru"),
        ("كلب يركض في الثلج", "ar"),
        ("Yes", "en"),
        ("Red", "en"),
        ("", "en"),
        ("3", "en"),
        ("A sign that says 停 in the street.", "en"),
        ("Man and woman at a café in Paris.", "en"),
        ("The Los Angeles team in de rigueur white.", "en"),
        ("Erdoğan", "en"),
        ("A café in São Paulo.", "en"),
        ("Hnědý pes běží po mokré trávě.", "cs"),
        ("Bussen er rød.", "unknown"),
        ("Ruskea koira juoksee märällä nurmikolla.", "fi"),
        ("Den sorte kat sover på sofaen.", "unknown"),
        ("Коричневий собака біжить по мокрій траві.", "uk"),
        ("دو مرد روی نیمکتی نزدیک دریاچه نشسته‌اند.", "fa"),
        ("ایک بھورا کتا گیلی گھاس پر دوڑ رہا ہے۔", "ur"),
        ("茶色い犬が濡れた芝生の上を走っています。", "ja"),
        ("Seekor burung terbang jauh sekali", "unknown"),
    ],
)
def test_the_language_of_a_text(text: str, language: str) -> None:
    assert language_of(text) == language


def test_short_sentences_are_seldom_taken_for_another_language() -> None:
    found = measure("seen")
    assert total(found) == (183, 55, 22), "docs/mixtures.md states these"
    assert total(measure("unseen")) == (55, 14, 4), "docs/mixtures.md states these"
    for script in ("ru", "uk", "bg", "ar", "fa", "ur", "he", "hi", "el", "ja", "zh", "ko", "th"):
        assert not found[script]["wrong"], script
