"""The order of turns that trainers take: questions and answers in turn, a question first and an answer last.

A row in another order is cut and joined by these rules where that loses no image, else it is excluded:

- answers before the first question are cut, and questions after the last answer too;
- neighbouring turns of one role are one turn, joined by a line end;
- system messages stand before all other turns.
"""

from collections.abc import Sequence
from itertools import groupby

from finegold.samples.sample import IMAGE_PLACEHOLDER, Sample, Turn


def ordered_turns(turns: Sequence[Turn]) -> list[Turn]:
    """The turns that are trained on, by the rules of the module."""
    _, kept, _ = _cut(turns)
    system = [turn for turn in turns if turn.role == "system"]
    groups = groupby([*system, *kept], key=lambda turn: turn.role)
    return [Turn(role, "\n".join(turn.text for turn in group)) for role, group in groups]


def find_order_problem(turns: Sequence[Turn]) -> str | None:
    """Why turns cannot be brought into order; None if they can."""
    first = next((place for place, turn in enumerate(turns) if turn.role != "system"), len(turns))
    if any(turn.role == "system" for turn in turns[first:]):
        return "the row has a system message after its first turn, expected it at the start"
    before, kept, after = _cut(turns)
    if not kept:
        return "the row has no question before an answer, expected both"
    if any(IMAGE_PLACEHOLDER in turn.text for turn in (*before, *after)):
        return (
            "the row has an image in an answer before the first question or in a question after the last "
            "answer, which are not trained on"
        )
    return None


def find_notes(sample: Sample) -> list[str]:
    """What is done with a usable row that its owner may not expect, as sentences that count rows."""
    before, kept, after = _cut(sample.turns)
    notes = []
    if before:
        notes.append("begin with an answer: tune and exports cut it")
    if after:
        notes.append("end with a question that has no answer: tune and exports cut it")
    if len(list(groupby(turn.role for turn in kept))) < len(kept):
        notes.append("have neighbouring turns of one role: tune and exports join them")
    record = sample.record if isinstance(sample.record, dict) else {}
    own, image = record.get("id"), record.get("image_id")
    named = bool(sample.images) and sample.images[0].name.startswith(f"{image}.")
    if named and own is not None and str(own) != str(image):
        notes.append("have an 'id' other than their 'image_id': 'image_id' names the image")
    return notes


def _cut(turns: Sequence[Turn]) -> tuple[list[Turn], list[Turn], list[Turn]]:
    """The turns but system messages: before the first question, from it to the last answer, after that."""
    talk = [turn for turn in turns if turn.role != "system"]
    first = next((place for place, turn in enumerate(talk) if turn.role == "user"), len(talk))
    answers = [place for place, turn in enumerate(talk) if turn.role == "assistant" and place > first]
    last = answers[-1] + 1 if answers else first
    return talk[:first], talk[first:last], talk[last:]
