"""The shapes that turns come in: from the fields of a record to the turns, with the images that they name.

| shape | keys | used by |
| --- | --- | --- |
| conversations | `conversations` of `{from, value}` | LLaVA, Qwen-VL, LLaMA-Factory |
| messages | `messages` or `conversations` of `{role, content}` | TRL, ms-swift, MiniCPM-V |
| list of pairs | `texts` or `conversation` of `{user, assistant}` and the like | The Cauldron, XTuner |
| pair | a question and an answer in two fields, see `PAIRS` | TRL, alpaca, ms-swift, VLMEvalKit |
| caption | `caption` or `text`, and an image | MiniGPT-4, Data-Juicer |

Beside a pair stand `history`, `input`, `hint`, and the options in `choices`, `options` or `A` to `F`.
`system` may stand beside all of these.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from finegold.samples.exclusions import RowError
from finegold.samples.image_fields import FieldImages, read_images
from finegold.samples.placeholders import DraftTurn, Part, Slot, read_caption
from finegold.samples.sample import IMAGE_PLACEHOLDER, Role
from finegold.samples.values import describe_type, expect_text, expect_type, is_present

DEFAULT_INSTRUCTION = "Describe this image in detail."
"""The prompt of a row without an instruction: the first of MiniGPT-4's stage-2 instructions
(`prompts/alignment.txt`)."""
ROLES: dict[str, Role] = {
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("human", "user", "question", "prompter"), "user"),
    **dict.fromkeys(("gpt", "assistant", "bot", "model", "answer", "chatgpt", "ai"), "assistant"),
}
"""Who speaks, by the names that datasets use, in lower case."""
TURN_LISTS = ("messages", "conversations", "conversation", "texts")
PAIRS = (
    ("prompt", "completion"),
    ("instruction", "output"),
    ("query", "response"),
    ("question", "answer"),
    ("prompt", "response"),
    ("instruction", "response"),
    ("prefix", "suffix"),
)
"""Fields that hold a question and its answer."""
CAPTIONS = ("caption", "text")
_ITEM_PAIRS = (("user", "assistant"), ("question", "answer"), ("input", "output"), ("query", "response"))
_OPTIONS = "ABCDEF"
_TEXT_TYPES = ("text", "input_text", "output_text")
_IMAGE_TYPES = ("image", "image_url", "input_image")
_IMAGE_KEYS = ("image", "image_url", "url", "path", "value", "source", "base64", "bytes", "data")
_BESIDE = (
    *("id", "content", "value", "from", "role", "type", "system"),
    *("history", "input", "hint", "choices", "options"),
)
_NOT_READ = ("tool_calls", "function_call", "video", "videos", "audio", "audios")
READ_TEXTS = frozenset(
    [key for pair in (*PAIRS, *_ITEM_PAIRS) for key in pair],
).union(TURN_LISTS, CAPTIONS, _OPTIONS, _BESIDE)
"""Fields whose texts are read."""


@dataclass(frozen=True, slots=True)
class TurnFields:
    """Names of the fields of a turn where they are not the usual ones.

    Attributes:
        role: Who speaks; None for `from` or `role`.
        text: What is said; None for `value`, `content` or `text`.
        roles: Roles by what `role` says, before `ROLES`.
    """

    role: str | None = None
    text: str | None = None
    roles: Mapping[str, Role] = dataclasses.field(default_factory=dict)


def has_shape(record: Any, *, columns: bool = False) -> bool:
    """Whether a record has the fields of a shape, whatever they hold.

    Args:
        record: Any decoded value.
        columns: Whether it is a row of a table, whose fields may be null.
    """
    if not isinstance(record, dict):
        return False
    there = record if columns else {key for key, value in record.items() if value is not None}
    return any(key in there for key in (*TURN_LISTS, *CAPTIONS)) or any(
        question in there and answer in there for question, answer in PAIRS
    )


def read_turns(
    record: dict[str, Any], instruction: str | None, found: FieldImages
) -> tuple[list[DraftTurn], bool]:
    """The turns of a record, and whether images without a placeholder stand before the first question.

    Raises:
        RowError: If the record has none of the shapes, or it is not clear which of its fields are its turns.
    """
    turns: list[DraftTurn] = []
    if (system := record.get("system")) is not None and system != "":
        turns.append(DraftTurn("system", [expect_text(system, "system")]))
    lists = [key for key in TURN_LISTS if record.get(key) is not None]
    if lists:
        if any(is_present(record[key]) and record[key] != record[lists[0]] for key in lists[1:]):
            raise _unclear(lists)
        if is_present(record.get("history")):
            raise _unclear([lists[0], "history"])
        told, placed = read_turn_list(record[lists[0]], lists[0])
        return turns + told, not placed
    pairs = [pair for pair in PAIRS if all(record.get(key) is not None for key in pair)]
    if pairs:
        if len({_shown(record[question], record[answer]) for question, answer in pairs}) > 1:
            raise _unclear([" and ".join(pair) for pair in pairs])
        below = "input" if pairs[0][0] == "instruction" else None
        return turns + list(read_pair(record, *pairs[0], below)), True
    for key in CAPTIONS:
        if record.get(key) is not None:
            return turns + read_caption_turns(record, key, instruction, found), True
    shapes = ", ".join(f"'{question}' and '{answer}'" for question, answer in PAIRS[:4])
    raise RowError(
        f"the record has the fields {', '.join(map(repr, sorted(map(str, record)))) or 'none'}, expected "
        f"'conversations', 'messages', 'texts', {shapes}, or 'caption'"
    )


def _unclear(fields: list[str]) -> RowError:
    names = " and ".join(f"'{field}'" for field in fields[:3])
    return RowError(
        f"the record has {names}, and it is not clear which holds its turns: expected one of them",
        "unread-image",
    )


def _shown(question: Any, answer: Any) -> str:
    return f"{question!r} {answer!r}"


def read_caption_turns(
    record: dict[str, Any], key: str, instruction: str | None, found: FieldImages
) -> list[DraftTurn]:
    """The turns of a caption in the field `key`; raises RowError if there is no image, or too many marks."""
    marks, caption = read_caption(expect_text(record[key], key))
    inline: list[Part] = [mark for mark in marks if not isinstance(mark, Slot)]
    if not found.images and not inline:
        raise RowError(f"the record has '{key}' and no image", "missing-image")
    if marks and len(marks) != len(inline) + (len(found.images) if found.sure or not inline else 0):
        raise RowError(
            f"the caption has {len(marks)} image placeholders and the row {len(found.images)} images, "
            "expected one each",
            "placeholder-mismatch",
        )
    prompt = DEFAULT_INSTRUCTION if instruction is None else instruction
    question = DraftTurn("user", [part for mark in inline for part in (mark, "\n")] + [prompt])
    return [question, DraftTurn("assistant", [caption])]


def read_turn_list(value: Any, key: str, names: TurnFields = TurnFields()) -> tuple[list[DraftTurn], bool]:
    """A list of turns; the flag says whether any is `{from, value}`, which must place its images itself."""
    if not isinstance(value, list) or not value:
        raise RowError(
            f"the field '{key}' is {describe_type(value) if value else 'empty'}, expected a list of turns"
        )
    turns: list[DraftTurn] = []
    placed = False
    for number, item in enumerate(value, 1):
        where = f"turn {number} of '{key}'"
        expect_type(item, dict, where, "an object")
        for field in () if item.keys().isdisjoint(_NOT_READ) else _NOT_READ:
            if is_present(item.get(field)):
                raise RowError(f"{where} has '{field}', which is not read", "unsupported-media")
        told = names.role or ("from" if item.get("from") is not None else "role")
        speaker = item.get(told)
        if speaker is None:
            if names.role is not None:
                raise RowError(f"{where} has nothing in '{told}', expected who speaks")
            turns += _paired(item, where)
            continue
        role = _role(speaker, names.roles)
        if role is None:
            raise RowError(f"{where} is by {speaker!r}, expected one of {', '.join([*names.roles, *ROLES])}")
        placed = placed or told == "from"
        turns.append(DraftTurn(role, _said(item, where, names.text)))
    return turns, placed


def _role(speaker: Any, roles: Mapping[str, Role]) -> Role | None:
    """The role of a speaker in any case; `gpt4v` and the like are models."""
    if not isinstance(speaker, str):
        return None
    if speaker in roles:
        return roles[speaker]
    name = speaker.strip().lower()
    return "assistant" if name.startswith("gpt") else ROLES.get(name)


def _paired(item: dict[str, Any], where: str) -> Iterator[DraftTurn]:
    """The turns of an item that holds a question and its answer."""
    pairs = [pair for pair in _ITEM_PAIRS if all(item.get(key) is not None for key in pair)]
    if not pairs:
        raise RowError(f"{where} has neither 'from' nor 'role', nor 'user' and 'assistant'")
    if len(pairs) > 1:
        raise _unclear([" and ".join(pair) for pair in pairs])
    if is_present(system := item.get("system")):
        yield DraftTurn("system", [expect_text(system, f"{where}, system")])
    for key, role in zip(pairs[0], ("user", "assistant"), strict=True):
        yield DraftTurn(ROLES[role], read_content(item[key], f"{where}, {key}"))


def _said(item: dict[str, Any], where: str, text: str | None) -> list[Part]:
    """The text of a turn, and the images in a field of the turn, which stand first or at its placeholders."""
    usual = ("value", "content", "text") if item.get("from") is not None else ("content", "value", "text")
    keys = usual if text is None else (text,)
    there = [key for key in keys if item.get(key) is not None]
    if any(is_present(item[key]) and item[key] != item[there[0]] for key in there[1:]):
        raise _unclear([f"{where}, {key}" for key in there])
    key = there[0] if there else keys[0]
    parts = read_content(item.get(key), f"{where}, {key}")
    own: list[Part] = [
        image
        for field in ("image", "images")
        if item.get(field) is not None
        for image in read_images(item[field], f"{where}, {field}")
    ]
    if not own:
        return parts
    pieces = [piece for part in parts for piece in _pieces(part)]
    slots = [place for place, piece in enumerate(pieces) if isinstance(piece, Slot)]
    if not slots:
        return [*(part for image in own for part in (image, "\n")), *pieces]
    if len(slots) != len(own):
        raise RowError(
            f"{where} has {len(own)} images and {len(slots)} placeholders, expected one each",
            "placeholder-mismatch",
        )
    for place, image in zip(slots, own, strict=True):
        pieces[place] = image
    return pieces


def _pieces(part: Part) -> Iterator[Part]:
    if not isinstance(part, str):
        yield part
        return
    for number, text in enumerate(part.split(IMAGE_PLACEHOLDER)):
        if number:
            yield Slot()
        yield text


def read_content(value: Any, where: str) -> list[Part]:
    """The parts of a message: text, and for an image item the image that it names, or a place for one."""
    if not isinstance(value, list):
        return [expect_text(value, where)]
    parts: list[Part] = []
    for item in value:
        if isinstance(item, str):
            parts.append(item)
            continue
        expect_type(item, dict, f"an item of {where}", "text or an object")
        kind = item.get("type") or next((key for key in ("image", "image_url", "text") if key in item), None)
        if kind in _TEXT_TYPES:
            text = next(
                (item[key] for key in ("text", "value", "content") if item.get(key) is not None), None
            )
            parts.append(expect_text(text, f"{where}, text"))
        elif kind in _IMAGE_TYPES:
            parts.append(_image_item(item, where))
        else:
            raise RowError(
                f"{where} has an item of type {kind!r}, expected text or image", "unsupported-media"
            )
    return parts


def _image_item(item: dict[str, Any], where: str) -> Part:
    value = next((item[key] for key in _IMAGE_KEYS if is_present(item.get(key))), None)
    if value is None:
        index = item.get("index")
        if index is not None and (isinstance(index, bool) or not isinstance(index, int)):
            raise RowError(f"{where} has an image index that is {describe_type(index)}, expected a number")
        return Slot(index)
    images = read_images(value, where)
    if len(images) != 1:
        raise RowError(f"{where} has an image item with {len(images)} images, expected one")
    return images[0]


def read_pair(
    record: dict[str, Any], question: str, answer: str, below: str | None, history: str = "history"
) -> Iterator[DraftTurn]:
    """The turns of a question and an answer in two fields, after their history.

    Args:
        record: The record.
        question: Field of the question.
        answer: Field of the answer.
        below: Field of a text that goes below the question; None if there is none.
        history: Field of the earlier questions and answers.

    Raises:
        RowError: If a field holds something else.
    """
    yield from read_history(record.get(history), history)
    asked, answered = record[question], record[answer]
    if isinstance(asked, list):
        yield from read_turn_list(asked, question)[0]
    else:
        lines = [expect_text(asked, question)]
        lines += [] if below is None else [expect_text(record.get(below) or "", below)]
        if is_present(hint := record.get("hint")):
            lines.insert(0, expect_text(hint, "hint"))
        yield DraftTurn("user", ["\n".join(filter(None, [*lines, *_options(record)]))])
    if isinstance(answered, list):
        yield from read_turn_list(answered, answer)[0]
    else:
        yield DraftTurn("assistant", [expect_text(answered, answer)])


def read_history(value: Any, key: str) -> Iterator[DraftTurn]:
    """The turns of a list of [question, answer]; none of nothing. Raises RowError for something else."""
    for pair in expect_type(value or [], list, f"the field '{key}'", "a list of [question, answer]"):
        if not isinstance(pair, list) or len(pair) != 2:
            raise RowError(f"the field '{key}' holds something other than [question, answer]")
        yield DraftTurn("user", [expect_text(pair[0], key)])
        yield DraftTurn("assistant", [expect_text(pair[1], key)])


def _options(record: dict[str, Any]) -> Iterator[str]:
    """The options of a multiple-choice question, one a line: `A. a dog`."""
    for field in ("choices", "options"):
        if is_present(options := record.get(field)):
            if (
                not isinstance(options, list)
                or len(options) > 26
                or not all(isinstance(o, str) for o in options)
            ):
                raise RowError(f"the field '{field}' is {describe_type(options)}, expected a list of texts")
            yield from (f"{chr(65 + place)}. {option}" for place, option in enumerate(options))
            return
    yield from (f"{key}. {record[key]}" for key in _OPTIONS if is_present(record.get(key)))
