"""Result files: a frozen dataclass as JSON with the id of its schema, and back.

    {"schema": "finegold/study/1", "name": "sound", "seeds": [0, 1]}

Fields are numbers, texts, Literals, None, tuples, lists, mappings, and dataclasses of these. Members of an
object that are no field are skipped on reading, so that a file may hold derived values for other readers.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from finegold.errors import DataError, first_fault, why_unread
from finegold.run.seal import broken_seal, write_sealed

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def to_json(record: "DataclassInstance", schema: str | None = None, **derived: Any) -> dict[str, Any]:
    """A record as JSON.

    Args:
        record: The record.
        schema: Id of its layout, `finegold/<what>/<version>`; None for a record inside another one.
        derived: Further members, which are not read back.
    """
    return {**({"schema": schema} if schema else {}), **asdict(record), **derived}


def from_json(kind: type[T], value: Any, schema: str | None = None, *, place: str, advice: str) -> T:
    """A record from what `to_json` gave, written and read in between.

    Args:
        kind: Class of the record.
        value: The JSON value.
        schema: Expected id; None for any. A value without one is read too, since older files have none.
        place: Where the value comes from, for messages: a path.
        advice: What to do if it cannot be read: "judge the answers again".

    Raises:
        DataError: If the schema is another one, or a field is missing or of another type.
    """
    from pydantic import TypeAdapter, ValidationError

    found = value.get("schema", schema) if isinstance(value, dict) else schema
    if schema is not None and found != schema:
        advice = "use the newer finegold that wrote it" if _version(found) > _version(schema) else advice
        raise DataError(f"{place} has the schema '{found}', expected '{schema}': {advice}")
    try:
        # As JSON, since an array there is a tuple even where no type is converted.
        return TypeAdapter(kind).validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        raise DataError(f"{place} cannot be read: {first_fault(error)}; {advice}") from None


def write_record(path: Path, record: "DataclassInstance", schema: str | None = None, **derived: Any) -> None:
    """Write a record to a JSON file with its seal, whole or not at all; see `to_json`."""
    write_sealed(path, to_json(record, schema, **derived))


def read_record(path: Path, kind: type[T], schema: str | None = None, *, advice: str) -> T:
    """Read a record from a JSON file; see `from_json`.

    Raises:
        DataError: If the file cannot be read, or is no such record.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read ({why_unread(error)}): {advice}") from None
    if broken_seal(value):
        raise DataError(f"{path} is damaged, since its content does not fit its hash: {advice}")
    return from_json(kind, value, schema, place=str(path), advice=advice)


def _version(schema: Any) -> int:
    version = str(schema).rpartition("/")[2]
    return int(version) if version.isdigit() else 0
