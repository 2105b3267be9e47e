import pytest

from finegold.dedup import Dedup, parse_dedup
from finegold.errors import ConfigError


def test_kinds_are_read_with_and_without_their_limits() -> None:
    assert parse_dedup("none") is None
    assert parse_dedup("exact") == Dedup(exact=True)
    assert parse_dedup("all") == Dedup(True, 10, 0.95)
    assert parse_dedup(" semantic=0.9 , perceptual=4 ") == Dedup(False, 4, 0.9)


@pytest.mark.parametrize("text", ["all", "exact", "perceptual=0", "exact,perceptual=3,semantic=0.5"])
def test_what_is_written_is_read_back(text: str) -> None:
    assert parse_dedup(str(parse_dedup(text))) == parse_dedup(text)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "at ''"),
        ("images", "at 'images'"),
        ("exact,exact", "at 'exact'"),
        ("exact=1", "at 'exact=1'"),
        ("perceptual=few", "at 'perceptual=few'"),
        ("perceptual=121", "bits from 0 to 120"),
        ("perceptual=2.5", "bits from 0 to 120"),
        ("perceptual=nan", "bits from 0 to 120"),
        ("semantic=0", "cosine"),
        ("semantic=95", "cosine"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        parse_dedup(text)
