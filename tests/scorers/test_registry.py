from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from finegold.errors import ConfigError
from finegold.scorers import (
    NOT_IN_FINGERPRINT,
    SCORERS,
    Context,
    Score,
    ScoreBatch,
    Scorer,
    is_automatic,
    make_scorer,
    scorer_class,
    scorer_from_text,
    scorer_label,
    scorer_parameters,
)
from finegold.scorers.length import Length


@dataclass(frozen=True)
class Vowels(Scorer):
    """A third party's scorer."""

    name = "vowels"
    version = "3"
    requires = frozenset({"answer"})
    letters: str = "aeiou"
    threads: int = field(default=1, metadata=NOT_IN_FINGERPRINT)

    def prepare(self, context: Context) -> ScoreBatch:
        return lambda batch: [
            Score.ok(sum(s.answer.count(letter) for letter in self.letters)) for s in batch.samples
        ]


def test_every_scorer_is_found_and_none_is_computed_that_needs_a_further_download_or_money() -> None:
    # Other tests of the same process add scorers of their own.
    names = {name for name in SCORERS if scorer_class(name).__module__.startswith("finegold.")}
    assert {"clip", "detail", "ifd", "length", "llm", "perplexity", "phrasing", "reward", "support"} < names
    for name in names:
        # One indicator, with or without the image.
        assert scorer_class(name).name == name.removesuffix("-image")
        assert scorer_class(name).uses_encoder == ("image_embedding" in scorer_class(name).requires)
    assert {name for name in names if is_automatic(name)} == {
        "clip", "detail", "difficulty", "evidence", "foil", "foil-loss", "gain", "length", "necessity",
        "novelty", "phrasing", "relevance", "support", "yes-probability",
        "width", "height", "aspect", "brightness", "sharpness", "entropy", "turns", "words",
    }  # fmt: skip
    assert not is_automatic("a column of my own")


def test_reports_call_a_scorer_by_its_label_and_one_that_is_gone_by_its_name() -> None:
    assert scorer_label("support") == ("Support of the weakest sentence", "spreads")
    assert scorer_label("length") == ("Length score", "")
    assert scorer_label("perplexity") == ("perplexity", "")
    assert scorer_label("uninstalled") == ("uninstalled", "")


def test_unknown_names_and_parameters_list_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match=r"no scorer 'lenght' .did you mean 'length'..: give one of .*clip.*length"
    ):
        make_scorer("lenght")
    with pytest.raises(
        ConfigError, match=r"'length' has no parameter 'units' .did you mean 'unit'..: give one of unit"
    ):
        make_scorer("length", units="tokens")


@pytest.mark.parametrize("odd", [print, Length(), type("Plain", (), {}), dataclass(type("P", (Scorer,), {}))])
def test_what_is_no_scorer_is_refused(odd: object) -> None:
    with pytest.raises(ConfigError, match=r"expected .*finegold\.scorers\.Scorer"):
        SCORERS.add("odd", odd)
    assert "odd" not in SCORERS


def test_text_becomes_the_type_of_the_field_and_defaults_fill_what_is_not_set() -> None:
    name = f"{__name__}:Vowels"
    made = scorer_from_text(name, {"threads": "3"}, {"letters": "xyz", "device": "cpu"})
    assert made == Vowels("xyz", threads=3)
    assert scorer_from_text(name, {"letters": "12"}, {"letters": "xyz"}) == Vowels("12")
    with pytest.raises(ConfigError, match="no parameter 'vowels': give one of letters, threads"):
        scorer_from_text(name, {"vowels": "a"}, {})


def test_a_file_in_the_current_folder_does_not_stand_in_for_an_installed_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*__import__("sys").path])
    for module in ("ftplib", "only_here"):
        (tmp_path / f"{module}.py").write_text("from tests.scorers.test_registry import Vowels as Mine\n")
    assert scorer_class("only_here:Mine").name == "vowels"
    with pytest.raises(ConfigError, match="module 'ftplib' has no attribute 'Mine'"):
        scorer_class("ftplib:Mine")


def test_parameters_hold_what_the_numbers_depend_on() -> None:
    assert scorer_parameters(Vowels(threads=1)) == scorer_parameters(Vowels(threads=8))
    assert scorer_parameters(Vowels("ae")) != scorer_parameters(Vowels("ai"))

    class WithModel(Vowels):
        def identity(self, context: Context) -> dict[str, Any]:
            return {"weights": context.device}

    assert scorer_parameters(WithModel(), Context("cpu"))["model"] == {"weights": "cpu"}


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("llm", {"temperature": "NaN"}),
        ("llm", {"temperature": "warm"}),
        ("llm", {"temperature": "-1"}),
        ("llm", {"max_tokens": "1.5"}),
        ("llm", {"asks": "1000"}),
        ("llm", {"structured": "7"}),
        ("support", {"cap": "Infinity"}),
        ("necessity", {"max_tokens": "0"}),
        ("reward", {"max_tokens": "-3"}),
    ],
)
def test_a_parameter_of_another_type_or_out_of_range_is_refused(name: str, texts: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=next(iter(texts))):
        scorer_from_text(name, texts, {"model": "m"})
