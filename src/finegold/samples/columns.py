"""Which fields of the records hold what, where a dataset has names of its own: `question=prompt,image=photo`.

What is not mapped keeps its usual name. A field inside of another is `meta.answer`, if no field has that name
itself.
"""

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from finegold.errors import ConfigError, DataError, did_you_mean
from finegold.samples.exclusions import RowError
from finegold.samples.image_fields import FieldImages, field_images, read_images
from finegold.samples.placeholders import DraftTurn
from finegold.samples.sample import Role
from finegold.samples.shapes import (
    CAPTIONS,
    PAIRS,
    TURN_LISTS,
    TurnFields,
    read_caption_turns,
    read_pair,
    read_turn_list,
    read_turns,
)
from finegold.samples.values import expect_text, is_present

MEANINGS = {
    "id": "the id of the row",
    "image": "the images: a path, bytes, or a list of these",
    "question": "what is asked",
    "answer": "what is answered",
    "input": "text that goes below the question",
    "history": "earlier turns, a list of [question, answer]",
    "system": "the system message",
    "turns": "the list of turns",
    "role": "in a turn: who speaks",
    "text": "in a turn: what is said",
    "user_role": "what the field `role` says of the user, such as Human",
    "assistant_role": "what the field `role` says of the assistant",
    "system_role": "what the field `role` says of a system message",
}
"""What may be mapped."""
ALIASES = {
    "images": "image",
    "prompt": "question",
    "instruction": "question",
    "response": "answer",
    "output": "answer",
    "query": "input",
    "messages": "turns",
    "conversations": "turns",
    "content": "text",
    "role_tag": "role",
    "content_tag": "text",
    "user_tag": "user_role",
    "assistant_tag": "assistant_role",
    "system_tag": "system_role",
}
"""Other tools' names of the same, LLaMA-Factory's first."""
_PAIR = ("question", "answer", "input", "history")
_VALUES: dict[str, Role] = {"user_role": "user", "assistant_role": "assistant", "system_role": "system"}
_IN_TURNS = ("role", "text", *_VALUES)


@dataclass(frozen=True, slots=True)
class MappedFields:
    """What a map finds in a record, before images are placed in the turns.

    Attributes:
        turns: The turns.
        images: The images of the fields.
        implied: Whether images without any placeholder stand before the first question.
        unread: The fields that were not read.
    """

    turns: list[DraftTurn]
    images: FieldImages
    implied: bool
    unread: dict[str, Any]


class FieldMap(ABC):
    """How records of other names are read.

    Attributes:
        draw: Number of rows that are drawn from the dataset; None for all.
    """

    draw: int | None = None

    @property
    @abstractmethod
    def text(self) -> str:
        """The map as a text that gives it again: what a run folder and a selection store."""

    @abstractmethod
    def read(
        self, record: dict[str, Any], instruction: str | None, members: FieldImages | None
    ) -> MappedFields:
        """The turns and images of a record; raises RowError if a field holds something else.

        Args:
            record: The record.
            instruction: The user's turn of rows that have an answer alone; None for the default.
            members: Images that come beside the record and replace those that it names; None if none do.
        """

    @abstractmethod
    def id_field(self, record: dict[str, Any]) -> dict[str, Any]:
        """A record whose `id` is the record's."""

    @abstractmethod
    def check(self, records: Iterable[Any], where: str) -> None:
        """Raise DataError if a field that is named is in none of some records."""

    def image_names(self, record: dict[str, Any]) -> list[str] | None:
        """The images that a record names in the field of the map; None if the map has no such field."""
        del record
        return None


@dataclass(frozen=True, slots=True)
class Columns(FieldMap):
    """The map of `--columns`.

    Attributes:
        fields: Pairs of a meaning, from `MEANINGS`, and a name of a field; sorted.
    """

    fields: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, given: str | Mapping[str, str]) -> "Columns":
        """The map of a text such as `question=prompt,image=photo`, or of a mapping.

        Raises:
            ConfigError: If it maps nothing, or something that is none of `MEANINGS`.
        """
        pairs = list(given.items()) if isinstance(given, Mapping) else list(_split(given))
        found: dict[str, str] = {}
        for name, field in pairs:
            meaning = ALIASES.get(name, name)
            if meaning not in MEANINGS:
                raise ConfigError(
                    f"--columns maps '{name}'{did_you_mean(name, [*MEANINGS, *ALIASES])}, expected one of "
                    f"{', '.join(MEANINGS)}: write question=FIELD,answer=FIELD"
                )
            if not isinstance(field, str) or not field:
                raise ConfigError(f"--columns maps '{name}' to {field!r}, expected the name of a field")
            if meaning in found:
                raise ConfigError(f"--columns maps '{meaning}' twice, expected it once")
            found[meaning] = field
        if not found:
            raise ConfigError("--columns maps nothing, expected question=FIELD,answer=FIELD or the like")
        if any(name in found for name in ("turns", *_IN_TURNS)) and (
            pair := [name for name in _PAIR if name in found]
        ):
            raise ConfigError(
                f"--columns maps a list of turns and '{pair[0]}', expected one of them: the question and the "
                "answer are in the turns"
            )
        return cls(tuple(sorted(found.items())))

    @property
    def text(self) -> str:
        """The map as `--columns` takes it."""
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow([f"{name}={field}" for name, field in self.fields])
        return line.getvalue()

    def read(
        self, record: dict[str, Any], instruction: str | None, members: FieldImages | None
    ) -> MappedFields:
        """The turns and images of a record."""
        fields = dict(self.fields)
        values = {field: _value(record, field) for name, field in self.fields if name not in _IN_TURNS}
        missing = [name for name in ("turns", *_PAIR[:2]) if name in fields and values[fields[name]] is None]
        if missing:
            raise RowError(
                f"the record has nothing in '{fields[missing[0]]}', which --columns names for '{missing[0]}'",
                "empty-answer" if missing[0] == "answer" else "malformed-row",
            )
        flat = record | values
        unread = {key: value for key, value in record.items() if key not in values}
        turns: list[DraftTurn] = []
        images = members or self._images(unread, fields, values)
        if fields.get("system", "system") != "system":
            flat["system"] = values[fields["system"]]
        if is_present(system := flat.get("system")):
            turns.append(DraftTurn("system", [expect_text(system, fields.get("system", "system"))]))
        if "turns" in fields or any(name in fields for name in _IN_TURNS):
            key = fields.get("turns") or next(
                (key for key in TURN_LISTS if is_present(record.get(key))), None
            )
            if key is None:
                raise RowError(f"the record has no list of turns, expected one of {', '.join(TURN_LISTS)}")
            told, placed = read_turn_list(flat[key], key, self._turn_fields(fields))
            read = {fields.get("role"), fields.get("text")}
            unread[key] = [{k: v for k, v in item.items() if k not in read} for item in _items(flat[key])]
            return MappedFields(turns + told, images, not placed, unread)
        if "question" not in fields and "answer" not in fields:
            usual = unread | {key: flat[key] for key in ("input", "history") if flat.get(key) is not None}
            usual |= {key: values[fields[key]] for key in ("input", "history") if key in fields}
            told, implied = read_turns(usual | {"system": None}, instruction, images)
            return MappedFields(turns + told, images, implied, unread)
        return MappedFields(turns + self._pair(flat, fields, instruction, images), images, True, unread)

    def _images(self, unread: dict[str, Any], fields: dict[str, str], values: dict[str, Any]) -> FieldImages:
        if "image" not in fields:
            return field_images(unread)
        return FieldImages(tuple(read_images(values[fields["image"]], fields["image"])))

    def _pair(
        self,
        flat: dict[str, Any],
        fields: dict[str, str],
        instruction: str | None,
        images: FieldImages,
    ) -> list[DraftTurn]:
        """The turns of a question and an answer, of which one may have its usual name."""
        usual = {key: value for key, value in flat.items() if key not in fields.values()}
        answer = fields.get("answer") or _first([pair[1] for pair in PAIRS] + [*CAPTIONS], usual)
        question = fields.get("question") or _first([pair[0] for pair in PAIRS], usual)
        if answer is None:
            raise RowError(
                "the record has no answer that is known: name its field with --columns answer=FIELD"
            )
        if question is None:
            return read_caption_turns(flat, answer, instruction, images)
        below = fields.get("input") or ("input" if question == "instruction" else None)
        return list(read_pair(flat, question, answer, below, fields.get("history", "history")))

    def _turn_fields(self, fields: dict[str, str]) -> TurnFields:
        roles = {fields[name]: role for name, role in _VALUES.items() if name in fields}
        return TurnFields(fields.get("role"), fields.get("text"), roles)

    def id_field(self, record: dict[str, Any]) -> dict[str, Any]:
        """A record whose `id` is the field that is mapped; the record itself if none is."""
        field = dict(self.fields).get("id")
        return record if field is None else {"id": _value(record, field)}

    def image_names(self, record: dict[str, Any]) -> list[str] | None:
        """The images that a record names in the field that is mapped."""
        field = dict(self.fields).get("image")
        return None if field is None else [one.name for one in read_images(_value(record, field), field)]

    def check(self, records: Iterable[Any], where: str) -> None:
        """Raise DataError if a field that is named is in none of some records."""
        fields = dict(self.fields)
        rows = [record for record in records if isinstance(record, dict)]
        names = dict.fromkeys(str(key) for row in rows for key in row)
        for meaning, field in self.fields:
            if meaning in _IN_TURNS:
                continue
            if not any(_has(row, field) for row in rows):
                raise no_field(field, f"--columns names for '{meaning}'", names, where)
        keys = [fields["turns"]] if "turns" in fields else TURN_LISTS
        items = [item for row in rows for key in keys for item in _items(_value(row, key))]
        for meaning in ("role", "text"):
            if meaning in fields and not any(fields[meaning] in item for item in items):
                inside = dict.fromkeys(str(key) for item in items for key in item)
                raise no_field(
                    fields[meaning], f"--columns names for '{meaning}'", inside, f"a turn of {where}"
                )


def no_field(field: str, why: str, names: Iterable[str], where: str) -> DataError:
    """The error of a field that is not there, with the fields that are."""
    known = list(names)
    shown = ", ".join(f"'{name}'" for name in known[:20]) or "none"
    more = f" and {len(known) - 20} more" if len(known) > 20 else ""
    return DataError(
        f"{where} has no field '{field}'{did_you_mean(field, known)}, which {why}: its fields are "
        f"{shown}{more}"
    )


def _split(text: str) -> Iterator[tuple[str, str]]:
    """The pairs of a text; `"answer=a,b"` in quotes names a field with a comma."""
    for item in next(csv.reader([text], skipinitialspace=True), []):
        name, equals, field = item.partition("=")
        if not item.strip():
            continue
        if not equals:
            raise ConfigError(f"--columns has '{item}', expected NAME=FIELD such as answer=response")
        yield name.strip(), field.strip()


def _first(names: Iterable[str], record: dict[str, Any]) -> str | None:
    return next((name for name in names if record.get(name) is not None), None)


def _value(record: dict[str, Any], field: str) -> Any:
    if field in record:
        return record[field]
    value: Any = record
    for part in field.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _has(record: dict[str, Any], field: str) -> bool:
    *outer, last = [field] if field in record else field.split(".")
    inner = _value(record, ".".join(outer)) if outer else record
    return isinstance(inner, dict) and last in inner


def _items(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
