"""The nouns of a dataset: a Sample with its turns and images, and the Row that it was read from."""

from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal, NamedTuple

from finegold.run.cards import card
from finegold.samples.exclusions import Exclusion
from finegold.samples.images import ImageRef as ImageRef
from finegold.samples.notebook import picture
from finegold.samples.values import held_bytes

Role = Literal["system", "user", "assistant"]
IMAGE_PLACEHOLDER = "<image>"


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. Image placeholders stay in `text` where the record has them."""

    role: Role
    text: str


class Pair(NamedTuple):
    """What is asked and what is answered to it, image placeholders removed; the question may be empty."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One (images, instruction, answer) row.

    Attributes:
        id: The id, unique in its dataset.
        images: The images in the order of the placeholders; none for a text-only row.
        turns: The turns, oldest first.
        record: The row as it was read, untouched: what a written subset holds.
        source: Where it comes from: see `sources.find_source`.
    """

    id: str
    images: tuple[ImageRef, ...]
    turns: tuple[Turn, ...]
    record: Any = field(repr=False, compare=False)
    source: str = ""

    @property
    def instruction(self) -> str:
        """The user's turns, image placeholders removed, joined by newlines."""
        return self._text("user")

    @property
    def answer(self) -> str:
        """The assistant's turns, joined by newlines: what a model would be trained to say."""
        return self._text("assistant")

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Each answer with what was asked since the answer before, oldest first; system turns are left out.

        Turns of one role that follow one another are joined by a newline. A question without an answer makes
        no pair.
        """
        spoken = (turn for turn in self.turns if turn.role != "system")
        found: list[Pair] = []
        asked = ""
        for role, turns in groupby(spoken, key=lambda turn: turn.role):
            text = "\n".join(_plain(turn.text) for turn in turns)
            if role == "assistant":
                found.append(Pair(asked, text))
            asked = "" if role == "assistant" else text
        return tuple(found)

    @property
    def held_bytes(self) -> int:
        """Bytes of the texts and images that the sample and its record hold in memory, each counted once."""
        return held_bytes([self.record, *(ref.data for ref in self.images)])

    def _repr_html_(self) -> str:
        turns = [("image", picture(self.images)), *((turn.role, turn.text) for turn in self.turns)]
        return card(self.id, {"source": self.source or "none", "images": len(self.images)}, ("", ""), turns)

    def _text(self, role: Role) -> str:
        return "\n".join(_plain(turn.text) for turn in self.turns if turn.role == role)


def _plain(text: str) -> str:
    return text.replace(IMAGE_PLACEHOLDER, "").strip()


@dataclass(frozen=True, slots=True)
class Row:
    """One record as a reader met it, and why it is excluded if it cannot be used.

    Attributes:
        index: 0-based position in the dataset, over all its files.
        place: Where a person finds it: `pool.json record 12`, `a.jsonl line 7`, `0001.tar member 12.json`.
        sample: None if the record could not be read as one.
        exclusion: Why the row cannot be used; None if it can. Always set if there is no sample.
        id: The sample's id, or what could be read of it.
    """

    index: int
    place: str
    sample: Sample | None
    exclusion: Exclusion | None
    id: str

    def cells(self) -> tuple[object, ...]:
        """Id, image, instruction and answer on a card; if the row is excluded, its code and reason."""
        if self.sample is not None:
            return self.id, picture(self.sample.images), self.sample.instruction, self.sample.answer
        return self.id, "", self.exclusion and self.exclusion.code, self.exclusion and self.exclusion.reason

    def _repr_html_(self) -> str:
        shown = "" if self.sample is None else self.sample._repr_html_()
        if self.exclusion is None:
            return shown
        return card(self.place, {self.exclusion.code: self.exclusion.reason}) + shown
