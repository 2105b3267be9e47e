"""The language of a text."""

import pytest

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
    ],
)
def test_the_language_of_a_text(text: str, language: str) -> None:
    assert language_of(text) == language
