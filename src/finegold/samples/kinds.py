"""What kind of instruction a row is, by rules on its questions and answers.

The rules stand in kinds.toml beside this module. A user's file of the same form comes before them.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from pydantic import ConfigDict, TypeAdapter, ValidationError

from finegold.errors import ConfigError, first_fault
from finegold.registry import parse_toml
from finegold.samples.sample import Pair, Sample
from finegold.samples.words import sentences, split_words

_SEEN = 2_000
"""Characters of a question or an answer that the expressions search."""


@dataclass(frozen=True, slots=True)
class KindRule:
    """A kind and the conditions on a row of it; a condition that is None always holds.

    Attributes:
        kind: Name of the kind.
        question: Regular expression, searched in each question without regard to case.
        answer: The same for each answer.
        min_words: Fewest words of each answer; punctuation marks are not words.
        max_words: Most words of each answer.
        max_sentences: Most sentences of each answer.
        min_turns: Fewest questions with an answer.
        max_turns: Most questions with an answer.
        images: Whether the row has an image.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    kind: str
    question: str | None = None
    answer: str | None = None
    min_words: int | None = None
    max_words: int | None = None
    max_sentences: int | None = None
    min_turns: int | None = None
    max_turns: int | None = None
    images: bool | None = None

    def __post_init__(self) -> None:
        """Check the name and the expressions; raises ConfigError."""
        if not re.fullmatch(r"[\w.-]+", self.kind):
            raise ConfigError(
                f"the kind '{self.kind}' is no name of letters, digits, '-', '_' and '.': give it one"
            )
        for text in (self.question, self.answer):
            try:
                re.compile(text or "")
            except re.error as error:
                raise ConfigError(
                    f"a rule of the kind '{self.kind}' has the expression {text!r}, which is no regular "
                    f"expression ({error}): repair it"
                ) from None

    def matches(self, images: bool, pairs: "Sequence[_Seen]") -> bool:
        """Whether every condition holds of a row with these pairs, and with or without images."""
        if (
            (self.images is not None and self.images != images)
            or (self.min_turns is not None and len(pairs) < self.min_turns)
            or (self.max_turns is not None and len(pairs) > self.max_turns)
        ):
            return False
        for one in pairs:  # the cheap conditions first: a row is asked a dozen rules
            if (
                (self.min_words is not None and one.words < self.min_words)
                or (self.max_words is not None and one.words > self.max_words)
                or (self.max_sentences is not None and one.sentences > self.max_sentences)
                or (self.question is not None and not _asks(self.question, one.question))
                or (self.answer is not None and _expression(self.answer).search(one.answer) is None)
            ):
                return False
        return True


class _Seen(NamedTuple):
    """What the rules look at of a question and its answer."""

    question: str
    answer: str
    words: int
    sentences: int


class KindRules:
    """Rules in their order; the first that matches gives a row its kind.

    Attributes:
        rules: The rules, the last of which matches every row.
    """

    def __init__(self, rules: Sequence[KindRule]) -> None:
        self.rules = tuple(rules)

    def kind(self, sample: Sample, pairs: Sequence[Pair] | None = None) -> str:
        """The kind of a row; `pairs` are the sample's, if they are known."""
        known = sample.pairs if pairs is None else pairs
        seen = [
            _Seen(
                question[:_SEEN],
                answer[:_SEEN],
                sum(word[0].isalnum() for word in split_words(answer[:_SEEN])),
                len(sentences(answer[:_SEEN])),
            )
            for question, answer in known
        ]
        images = bool(sample.images)
        return next(rule.kind for rule in self.rules if rule.matches(images, seen))

    def content(self) -> dict[str, Any]:
        """The rules as JSON values: what the kinds of a table depend on."""
        return {"rules": [asdict(rule) for rule in self.rules]}


@cache
def kind_rules(path: Path | None = None) -> KindRules:
    """The rules of finegold, after those of a file if there is one.

    Raises:
        ConfigError: If the file cannot be read, or holds something else.
    """
    own = _read(Path(__file__).with_suffix(".toml"))
    return KindRules(own if path is None else [*_read(path), *own])


def _read(path: Path) -> list[KindRule]:
    content = parse_toml(path, "file of kinds")
    try:
        return TypeAdapter(dict[str, list[KindRule]]).validate_python(content)["rules"]
    except KeyError:
        raise ConfigError(f"the file of kinds {path} has no [[rules]]: write at least one") from None
    except ValidationError as error:
        fault = first_fault(error, (one.name for one in fields(KindRule)))
        raise ConfigError(f"the file of kinds {path} cannot be used: {fault}") from None


@lru_cache(maxsize=4_096)
def _asks(expression: str, question: str) -> bool:
    """Whether a question has an expression; many rows ask the same."""
    return _expression(expression).search(question) is not None


@cache
def _expression(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)
