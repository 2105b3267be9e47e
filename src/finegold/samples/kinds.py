"""What kind of instruction a row is, by rules on its questions and answers.

The rules stand in kinds.toml beside this module. A user's file of the same form comes before them.
"""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from finegold.errors import ConfigError, first_fault
from finegold.registry import parse_toml
from finegold.samples.sample import Sample
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

    def matches(self, row: "_Row") -> bool:
        """Whether every condition holds."""
        turns = len(row.pairs)
        if (
            (self.images is not None and self.images != row.images)
            or turns < (self.min_turns or 0)
            or (self.max_turns is not None and turns > self.max_turns)
        ):
            return False
        return all(
            (self.min_words or 0) <= words
            and (self.max_words is None or words <= self.max_words)
            and (self.max_sentences is None or lines <= self.max_sentences)
            and (self.question is None or _expression(self.question).search(question) is not None)
            and (self.answer is None or _expression(self.answer).search(answer) is not None)
            for (question, answer), words, lines in zip(row.pairs, row.words, row.sentences, strict=True)
        )


@dataclass(frozen=True, slots=True)
class _Row:
    """What the rules look at."""

    images: bool
    pairs: tuple[tuple[str, str], ...]
    words: tuple[int, ...]
    sentences: tuple[int, ...]


class KindRules:
    """Rules in their order; the first that matches gives a row its kind.

    Attributes:
        rules: The rules, the last of which matches every row.
    """

    def __init__(self, rules: Sequence[KindRule]) -> None:
        self.rules = tuple(rules)

    def kind(self, sample: Sample) -> str:
        """The kind of a row."""
        pairs = tuple((question[:_SEEN], answer[:_SEEN]) for question, answer in sample.pairs)
        row = _Row(
            bool(sample.images),
            pairs,
            tuple(sum(word[0].isalnum() for word in split_words(answer)) for _, answer in pairs),
            tuple(len(sentences(answer)) for _, answer in pairs),
        )
        return next(rule.kind for rule in self.rules if rule.matches(row))

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


@cache
def _expression(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)
