"""Rows of a subset, read and tokenised before step one, so that a bad row stops the run with its id."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finegold.errors import DataError
from finegold.models.prefix.template import (
    Template,
    encode_answer,
    encode_piece,
    names_control_token,
)
from finegold.samples import IMAGE_PLACEHOLDER, Dataset, ImageRef, Row, Sample
from finegold.samples.check import Checked, check
from finegold.samples.order import ordered_turns

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TuningRow:
    """A row ready to train on.

    Attributes:
        id: Id of the sample.
        image: Its image.
        sha256: Hash of the encoded image, hex.
        instruction: Instruction of the row.
        answer: Token ids with the end symbol, cut at the recipe's limit.
        cut: Whether the answer was longer than the limit.
    """

    id: str
    image: ImageRef
    sha256: str
    instruction: str
    answer: list[int]
    cut: bool


def usable_samples(dataset: Dataset) -> Iterator[tuple[Checked, Sample]]:
    """The rows of a subset, checked, with their turns in the order of `ordered_turns`.

    Raises:
        DataError: At the first bad row; the message names its id and its place.
    """
    for row in dataset.rows():
        checked = check(row)
        if checked.exclusion is not None or row.sample is None:
            reason = checked.exclusion.reason if checked.exclusion else "it has no sample"
            raise DataError(f"row '{row.id}' ({row.place}) cannot be trained on: {reason}")
        yield checked, with_ordered_turns(row.sample)


def with_ordered_turns(sample: Sample) -> Sample:
    """The sample with its turns in the order of `ordered_turns`."""
    return replace(sample, turns=tuple(ordered_turns(sample.turns)))


_BLIP_SPACES, _BLIP_WORDS = re.compile(r"[.!\"()*#:;~]"), 50


def blip_caption(text: str) -> str:
    """A caption as BLIP's processor makes it for MiniGPT-4's stage 1.

    It has lower case, spaces in place of some marks, and at most 50 words.

    Facts from the published `processors/blip_processors.py` (Vision-CAIR/MiniGPT-4, commit d94738a).
    """
    spaced = re.sub(r"\s{2,}", " ", _BLIP_SPACES.sub(" ", text.lower()))
    return " ".join(spaced.rstrip("\n").strip(" ").split(" ")[:_BLIP_WORDS])


def read_tuning_rows(
    dataset: Dataset, tokenizer: Any, template: Template, max_tokens: int, *, blip: bool = False
) -> list[TuningRow]:
    """Read and tokenise a subset for a projected-prefix model.

    Args:
        dataset: The subset.
        tokenizer: Tokenizer of the language model.
        template: The prompt format.
        max_tokens: Number of tokens at which an answer is cut, end symbol included.
        blip: Whether answers go through `blip_caption`.

    Raises:
        DataError: If there is no row, or a row is bad, has more or less than one image, question and answer,
            or has the id of another row.
    """
    rows: list[TuningRow] = []
    places: dict[str, str] = {}
    for checked, sample in usable_samples(dataset):
        row = checked.row
        turns = [turn.role for turn in sample.turns]
        if len(sample.images) != 1 or turns.count("assistant") != 1 or turns.count("user") > 1:
            raise DataError(
                f"row '{row.id}' ({row.place}) has {len(sample.images)} images, "
                f"{turns.count('user')} questions and {turns.count('assistant')} answers, expected one of "
                "each: tune a Hugging Face model on them"
            )
        if sample.id in places:
            raise DataError(f"row '{row.id}' ({row.place}) has the id of {places[sample.id]}: use --ids row")
        places[sample.id] = row.place
        # As the record has it: white space at its ends has tokens, which the published code keeps.
        (answer,) = (turn.text for turn in sample.turns if turn.role == "assistant")
        if IMAGE_PLACEHOLDER in answer:
            answer = sample.answer
        answer = blip_caption(answer) if blip else answer
        ids = encode_answer(tokenizer, template, answer)
        _refuse_ends(tokenizer, template, row, answer, ids)
        image, sha256, cut = sample.images[0], checked.images[0].sha256, len(ids) > max_tokens
        rows.append(TuningRow(sample.id, image, sha256, sample.instruction, ids[:max_tokens], cut))
    if not rows:
        raise DataError(f"{Path(dataset.path).name} has no rows, expected at least one to train on")
    return rows


def _refuse_ends(tokenizer: Any, template: Template, row: Row, answer: str, ids: list[int]) -> None:
    """Raise DataError if an answer holds the end symbol, or a control token that stays one."""
    if names_control_token(tokenizer, template.end):
        # Such an end symbol is a token of its own, which the words of an answer are not.
        inside = ids[: len(ids) - len(encode_piece(tokenizer, template.end))]
        found = tokenizer.eos_token if tokenizer.eos_token_id in inside else None
    else:
        found = template.end if template.end.strip() and template.end in answer else None
    if found is not None:
        raise DataError(
            f"row '{row.id}' ({row.place}) has '{found}' in its answer, which ends an answer in this model's "
            "prompts: remove the row, or change the text"
        )


def refuse_control_tokens(tokenizer: Any, rows: Sequence["ChatRow"]) -> None:
    """Raise DataError at the first row whose text has a control token of the tokenizer as words.

    A chat template is tokenised with its texts as one, so that they would become control tokens.
    """
    for row in rows:
        for message in (*row.prompt, *row.completion):
            for part in message["content"]:
                if found := names_control_token(tokenizer, part.get("text", "")):
                    raise DataError(
                        f"row '{row.id}' has '{found}' in its text, a control token of the model: remove the "
                        "row, or change the text"
                    )


@dataclass(frozen=True, slots=True)
class ChatRow:
    """An answer to learn, with its prompt.

    Attributes:
        id: Id of the sample; with `#2` and so on for its second and later answers.
        images: Images of the turns so far.
        prompt: Messages before the answer; content as text and image parts.
        completion: The answer, as one message.
    """

    id: str
    images: tuple[ImageRef, ...]
    prompt: list[Message]
    completion: list[Message]


def chat_rows(sample: Sample) -> list[ChatRow]:
    """One row for each of the sample's answers, with all turns before it as the prompt."""
    rows: list[ChatRow] = []
    messages: list[Message] = [
        {"role": turn.role, "content": message_parts(turn.text)} for turn in sample.turns
    ]
    images = 0
    for number, message in enumerate(messages):
        if message["role"] == "assistant":
            identifier = f"{sample.id}#{len(rows) + 1}" if rows else sample.id
            rows.append(ChatRow(identifier, sample.images[:images], messages[:number], [message]))
        images += sum(part["type"] == "image" for part in message["content"])
    return rows


def message_parts(text: str) -> list[dict[str, str]]:
    """A turn's text as parts: an image for each placeholder, and the text between them."""
    found: list[dict[str, str]] = []
    for number, piece in enumerate(text.split(IMAGE_PLACEHOLDER)):
        if number:
            found.append({"type": "image"})
        if piece.strip():
            found.append({"type": "text", "text": piece.strip()})
    return found
