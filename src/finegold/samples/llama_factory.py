"""A folder with LLaMA-Factory's `dataset_info.json`: its datasets by name, read with the map that it states.

Field names and rules are those of llamafactory 0.9.5 (`data/parser.py`, `data/converter.py`): a column that
`columns` does not name is not read, nor is a tag that `tags` does not name, and each image has its `<image>`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from finegold.errors import ConfigError, DataError, did_you_mean
from finegold.run.addresses import is_safe_name
from finegold.samples.columns import FieldMap, MappedFields, no_field
from finegold.samples.exclusions import RowError
from finegold.samples.image_fields import FieldImages, read_images
from finegold.samples.json_text import read_json
from finegold.samples.placeholders import DraftTurn
from finegold.samples.sample import Role
from finegold.samples.shapes import read_content, read_history
from finegold.samples.values import describe_type, expect_text, expect_type, is_present

FILE = "dataset_info.json"
_COLUMNS: dict[str, str | None] = {
    **{"prompt": "instruction", "query": "input", "response": "output", "messages": "conversations"},
    **dict.fromkeys(("history", "system", "tools", "images", "videos", "audios")),
    **dict.fromkeys(("chosen", "rejected", "kto_tag")),
}
_TAGS: dict[str, str | None] = {
    **{"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"},
    **{"observation_tag": "observation", "function_tag": "function_call", "system_tag": "system"},
}
_ALPACA = ("prompt", "query", "response", "history")
_ELSEWHERE = ("hf_hub_url", "cloud_file_name", "file_name")
_NOT_READ = ("script_url", "ms_hub_url", "om_hub_url")
_FORMATTINGS = ("alpaca", "sharegpt", "openai")


@dataclass(frozen=True)
class LlamaFactoryMap(FieldMap):
    """The map of one dataset of `dataset_info.json`.

    Attributes:
        name: Its name there.
        formatting: `alpaca`, `sharegpt` or `openai`.
        columns: What each column is called, as the file states it; None for the usual names.
        tags: What the fields of a turn and the roles are called, as the file states it; None as above.
        draw: Number of rows that are drawn (`num_samples`).
    """

    name: str
    formatting: str = "alpaca"
    columns: Mapping[str, str | None] | None = None
    tags: Mapping[str, str | None] | None = None
    draw: int | None = None

    @classmethod
    def of(cls, name: str, entry: Any) -> "LlamaFactoryMap":
        """The map of an entry of the file.

        Raises:
            DataError: If it has no rows with one answer each, or states something that is not known.
        """
        what = f"the dataset '{name}' of {FILE}"
        if not isinstance(entry, dict):
            raise DataError(f"{what} is {describe_type(entry)}, expected an object with file_name")
        formatting = entry.get("formatting", "alpaca")
        if formatting not in _FORMATTINGS:
            raise DataError(f"{what} has the formatting {formatting!r}, expected {', '.join(_FORMATTINGS)}")
        columns, tags = (
            _stated(entry, key, known, what) for key, known in (("columns", _COLUMNS), ("tags", _TAGS))
        )
        found = cls(name, formatting, columns, tags, _number(entry.get("num_samples"), what))
        if entry.get("ranking") or found.column("kto_tag"):
            raise DataError(
                f"{what} holds answers to compare ({'ranking' if entry.get('ranking') else 'kto_tag'}), "
                "expected rows with one answer each: name another dataset"
            )
        needed = ("response",) if formatting == "alpaca" else ("messages",)
        for column in needed:
            if not found.column(column):
                raise DataError(f"{what} names no column for '{column}', which {formatting} needs: add it")
        for tag in () if formatting == "alpaca" else ("role_tag", "content_tag", "user_tag", "assistant_tag"):
            if not found.tag(tag):
                raise DataError(f"{what} has tags without '{tag}', which {formatting} needs: add it")
        return found

    @classmethod
    def read_text(cls, text: str) -> "LlamaFactoryMap":
        """The map of its own `text`; raises ConfigError if it is none."""
        try:
            found = json.loads(text)
            return cls.of(found["dataset"], {key: found[key] for key in found if key != "dataset"})
        except (ValueError, KeyError, TypeError, DataError) as error:
            raise ConfigError(
                f"--columns is {text[:80]!r}, which is no map of {FILE} ({error}): write question=FIELD and "
                "the like"
            ) from None

    def entry(self) -> dict[str, Any]:
        """The entry of the file without where the data lies."""
        stated = {"columns": self.columns, "tags": self.tags}
        return {"formatting": self.formatting} | {
            key: dict(one) for key, one in stated.items() if one is not None
        }

    @property
    def text(self) -> str:
        """The map as JSON."""
        number = {} if self.draw is None else {"num_samples": self.draw}
        return json.dumps({"dataset": self.name} | self.entry() | number, ensure_ascii=False)

    def column(self, name: str) -> str | None:
        """The field of a column; None if it is not read."""
        return _COLUMNS[name] if self.columns is None else self.columns.get(name)

    def tag(self, name: str) -> str | None:
        """The field or role of a tag; None if it has none."""
        return _TAGS[name] if self.tags is None else self.tags.get(name)

    def read(
        self, record: dict[str, Any], instruction: str | None, members: FieldImages | None
    ) -> MappedFields:
        """The turns and images of a record; a tool call, video or sound raises RowError."""
        del instruction  # there is always a question
        for column in ("tools", "videos", "audios"):
            if is_present(self._get(record, column)):
                raise RowError(
                    f"the record has something in '{self.column(column)}' ({column}), and only texts and "
                    "images are read",
                    "unsupported-media",
                )
        key = self.column("images")
        found = members or FieldImages(() if key is None else tuple(read_images(record.get(key), key)))
        turns = self._alpaca(record) if self.formatting == "alpaca" else self._messages(record)
        unread = {name: value for name, value in record.items() if name not in self._read}
        if self.formatting != "alpaca":
            said, messages = (self.tag("role_tag"), self.tag("content_tag")), str(self.column("messages"))
            unread[messages] = [{k: v for k, v in one.items() if k not in said} for one in record[messages]]
        return MappedFields(turns, found, False, unread)

    @cached_property
    def _read(self) -> frozenset[str]:
        return frozenset(field for name in _COLUMNS if (field := self.column(name)) is not None)

    def _get(self, record: dict[str, Any], column: str) -> Any:
        field = self.column(column)
        return None if field is None else record.get(field)

    def _system(self, record: dict[str, Any]) -> list[DraftTurn]:
        value = self._get(record, "system")
        return [DraftTurn("system", [expect_text(value, str(self.column("system")))])] if value else []

    def _alpaca(self, record: dict[str, Any]) -> list[DraftTurn]:
        turns = self._system(record)
        if (history := self.column("history")) is not None:
            turns += read_history(record.get(history), history)
        lines = [
            expect_text(value, str(self.column(name)))
            for name in _ALPACA[:2]
            if (value := self._get(record, name))
        ]
        answer = self._get(record, "response")
        if answer is None:
            raise RowError(
                f"the record has nothing in '{self.column('response')}' (response)", "empty-answer"
            )
        turns.append(DraftTurn("user", ["\n".join(lines)]))
        turns.append(DraftTurn("assistant", [expect_text(answer, str(self.column("response")))]))
        return turns

    def _messages(self, record: dict[str, Any]) -> list[DraftTurn]:
        key = str(self.column("messages"))
        said = expect_type(record.get(key), list, f"the field '{key}'", "a list of turns")
        roles = {self.tag("user_tag"): "user", self.tag("assistant_tag"): "assistant"}
        turns: list[DraftTurn] = []
        for number, item in enumerate(said, 1):
            where = f"turn {number} of '{key}'"
            expect_type(item, dict, where, "an object")
            told = item.get(str(self.tag("role_tag")))
            if is_present(item.get("tool_calls")) or told in (
                self.tag("function_tag"),
                self.tag("observation_tag"),
            ):
                raise RowError(f"{where} is a tool's, which is not read", "unsupported-media")
            role: Role
            if number == 1 and told == self.tag("system_tag") and told is not None:
                role = "system"
            else:
                expected = "user" if sum(turn.role != "system" for turn in turns) % 2 == 0 else "assistant"
                if not isinstance(told, str) or roles.get(told) != expected:
                    raise RowError(
                        f"{where} is by {told!r}, expected '{self.tag(f'{expected}_tag')}' by the tags of "
                        f"'{self.name}' in {FILE}",
                        "turn-order",
                    )
                role = "user" if expected == "user" else "assistant"
            content = str(self.tag("content_tag"))
            turns.append(DraftTurn(role, read_content(item.get(content), f"{where}, {content}")))
        if not turns or turns[-1].role != "assistant":
            raise RowError(f"the turns of '{key}' do not end with an answer", "turn-order")
        return turns if turns[0].role == "system" else self._system(record) + turns

    def id_field(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record: its id has the usual name."""
        return record

    def check(self, records: Iterable[Any], where: str) -> None:
        """Raise DataError if the column of the turns or answers, or a stated one, is in no record."""
        rows = [record for record in records if isinstance(record, dict)]
        names = dict.fromkeys(str(key) for row in rows for key in row)
        needed = _ALPACA[2:3] if self.formatting == "alpaca" else ("messages",)
        for column in (*needed, *(self.columns or ())):
            field = self.column(column)
            if field is not None and field not in names and column not in ("chosen", "rejected"):
                raise no_field(field, f"{FILE} names for '{column}'", names, where)


@dataclass(frozen=True, slots=True)
class NamedDataset:
    """Where a dataset of `dataset_info.json` lies.

    Attributes:
        data: A path on this machine, or an address.
        images: Folder or address that image paths are relative to; None for data of another place.
        split: Split or configuration to read; None for the only one.
        columns: How its records are read.
    """

    data: str
    images: str | None
    split: str | None
    columns: LlamaFactoryMap


def only_name(folder: Path) -> str | None:
    """The name of the one dataset that a folder's `dataset_info.json` states; None if there is no such file.

    Raises:
        DataError: If it states several.
    """
    names = list(_entries(folder))
    if len(names) > 1:
        shown = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
        raise DataError(
            f"{folder / FILE} states the datasets {shown}, expected one: name it as '{folder}#{names[0]}'"
        )
    return names[0] if names else None


def find_named(
    folder: Path, name: str, allow_links: Path | None = None, url: str | None = None
) -> NamedDataset:
    """The dataset of a name in a folder's `dataset_info.json`.

    Args:
        folder: The folder.
        name: The name there.
        allow_links: A folder outside into which `file_name` may lead.
        url: Where the folder lies, if it lies elsewhere and the file alone was fetched.

    Raises:
        DataError: If there is no such file or name, or the dataset is of a kind that is not read.
    """
    if not (folder / FILE).is_file():
        raise DataError(
            f"there is no {FILE} in {folder}, so no dataset '{name}': name the folder or file alone"
        )
    info, entries = f"{folder if url is None else url}/{FILE}", _entries(folder)
    if name not in entries:
        known = ", ".join(list(entries)[:20]) or "none"
        raise DataError(
            f"{info} states no dataset '{name}'{did_you_mean(name, entries)}, expected one of {known}"
        )
    entry = entries[name]
    columns = LlamaFactoryMap.of(name, entry)
    where = next((key for key in _ELSEWHERE if entry.get(key)), None)
    what = f"the dataset '{name}' of {info}"
    if where is None:
        found = next((key for key in _NOT_READ if entry.get(key)), None)
        raise DataError(
            f"{what} has {f'only {found!r}, which is not read' if found else 'no file_name'}, expected "
            f"{', '.join(_ELSEWHERE)}"
        )
    data, subset, split = (entry.get(key) for key in (where, "subset", "split"))
    if not all(isinstance(value, str | None) for value in (data, subset, split)):
        raise DataError(f"{what} has a {where}, subset or split that is no text: write it in quotes")
    if where == "file_name":
        if split not in (None, "train") or subset is not None:
            raise DataError(
                f"{what} is a file with the split '{split or subset}', expected no split: remove it"
            )
        if url is not None:
            if not is_safe_name(data):
                raise DataError(f"{what} names {data}, which is outside of its folder: check file_name")
            return NamedDataset(f"{url}/{data}", url, None, columns)
        path = _inside(folder, data, allow_links, what)
        # Beside the file the images are found as usual; else their paths begin at the folder.
        images = None if path.parent == folder else str(folder)
        return NamedDataset(str(path), images, None, columns)
    if where == "cloud_file_name":
        return NamedDataset(data, None, None, columns)
    if split is not None and not split.replace("_", "").replace("-", "").replace(".", "").isalnum():
        raise DataError(f"{what} has the split '{split}', expected a name: a part of a split is not read")
    address = data if "://" in data else f"hf://datasets/{data}"
    if entry.get("folder"):
        address = f"{address}/{entry['folder']}"
    parts = [part for part in (subset, split or "train") if part]
    return NamedDataset(address, None, "/".join(parts), columns)


def _entries(folder: Path) -> dict[str, Any]:
    """What `dataset_info.json` states of each dataset; nothing if there is none, or it is of another tool."""
    if not (folder / FILE).is_file():
        return {}
    found = read_json(folder / FILE)
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        return {}
    places = (*_ELSEWHERE, *_NOT_READ)
    return found if any(key in one for one in found.values() for key in places) else {}


def _inside(folder: Path, name: str, allow_links: Path | None, what: str) -> Path:
    """The file of a name, which may not leave the folder."""
    path = Path(folder, name)
    real, bases = path.resolve(), [folder, *([allow_links] if allow_links else [])]
    if not any(real.is_relative_to(base.resolve()) for base in bases):
        raise DataError(
            f"{what} lies at {path}, outside of its folder: give --allow-links {real.parent} if you trust it"
        )
    if not path.exists():
        raise DataError(f"{what} names {name}, and there is no {path}: check file_name")
    return path


def _stated(
    entry: dict[str, Any], key: str, known: Mapping[str, Any], what: str
) -> dict[str, str | None] | None:
    stated = entry.get(key)
    if stated is None:
        return None
    if not isinstance(stated, dict) or not all(isinstance(one, str | None) for one in stated.values()):
        raise DataError(
            f"{what} has {key} that are no object of names, expected such as {{'images': 'images'}}"
        )
    for name in stated:
        if name not in known:
            raise DataError(
                f"{what} has {key} with '{name}'{did_you_mean(name, known)}, expected {', '.join(known)}"
            )
    return dict(stated)


def _number(value: Any, what: str) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise DataError(f"{what} has num_samples {value!r}, expected a whole number of 1 or more")
    return value
