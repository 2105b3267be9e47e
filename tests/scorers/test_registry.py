from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import Any, ClassVar

import pytest

from finegold.errors import ConfigError
from finegold.scorers import Batch, Score, Scorer, registry
from finegold.scorers.base import Column
from finegold.scorers.length import Length
from finegold.scorers.registry import (
    NOT_IN_FINGERPRINT,
    make_scorer,
    scorer_class,
    scorer_names,
    scorer_parameters,
)


@dataclass(frozen=True)
class Vowels:
    """A third party's scorer."""

    name: ClassVar[str] = "vowels"
    version: ClassVar[str] = "3"
    requires: ClassVar[frozenset[Column]] = frozenset({"answer"})
    letters: str = "aeiou"
    threads: int = field(default=1, metadata=NOT_IN_FINGERPRINT)

    def load(self) -> None:
        pass

    def score(self, batch: Batch) -> list[Score]:
        return [Score.ok(sum(s.answer.count(letter) for letter in self.letters)) for s in batch.samples]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, object], None]:
    def install(name: str, target: object) -> None:
        point = EntryPoint(name, "somewhere:something", registry.ENTRY_POINTS)
        monkeypatch.setattr(registry, "entry_points", lambda group: [point])
        monkeypatch.setattr(EntryPoint, "load", lambda self: target)

    return install


def test_every_scorer_of_finegold_can_be_made_and_is_one() -> None:
    for name in scorer_names():
        found = scorer_class(name)
        # One indicator, asked for with or without the image.
        assert found.name == name.removesuffix("-image")
        assert all(hasattr(found, part) for part in ("version", "requires", "load", "score"))
    assert isinstance(make_scorer("length", unit="tokens"), Scorer)


def test_a_third_partys_scorer_is_known_by_its_name(install: Callable[[str, object], None]) -> None:
    install("vowels", Vowels)
    assert "vowels" in scorer_names()
    assert make_scorer("vowels", letters="xyz") == Vowels("xyz")


def test_finegolds_own_scorers_cannot_be_replaced(install: Callable[[str, object], None]) -> None:
    install("length", Vowels)
    assert scorer_class("length") is Length
    assert scorer_names().count("length") == 1


def test_unknown_names_and_parameters_list_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no scorer 'lenght': give one of .*clip.*length"):
        make_scorer("lenght")
    with pytest.raises(ConfigError, match=r"'length' has no parameter 'units': give one of unit"):
        make_scorer("length", units="tokens")


def test_what_is_no_dataclass_is_refused(install: Callable[[str, object], None]) -> None:
    install("odd", print)
    with pytest.raises(ConfigError, match="instead of a dataclass"):
        make_scorer("odd")


def test_parameters_hold_what_the_numbers_depend_on() -> None:
    assert scorer_parameters(Vowels(threads=1)) == scorer_parameters(Vowels(threads=8))
    assert scorer_parameters(Vowels("ae")) != scorer_parameters(Vowels("ai"))

    class WithModel(Vowels):
        def identity(self) -> dict[str, Any]:
            return {"weights": "abc"}

    assert scorer_parameters(WithModel())["model"] == {"weights": "abc"}
