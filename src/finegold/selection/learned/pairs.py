"""The file of (subset, measured result) pairs: JSON lines, one subset a line (docs/learned-quality.md)."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from finegold.errors import DataError, first_fault, why_unread
from finegold.run import broken_seal, sealed_line, write_bytes
from finegold.run.seal import SEAL

SampleId = Annotated[str, Field(min_length=1)]
M = TypeVar("M", bound=BaseModel)


class MeasuredSubset(BaseModel):
    """One subset that a model was trained on, and how well that model did.

    Attributes:
        sample_ids: The subset's rows, each once.
        result: The measured result, higher is better. Negate a loss.
        metric: What the result is: "mean VQA accuracy". All pairs of a file have the same.
        name: Name of the subset, for people: "random, seed 3".
        seed: Seed of the training run.
        held_out: The result on other items of the evaluation, which no fit may see; None if there is none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sample_ids: tuple[SampleId, ...] = Field(min_length=1)
    result: FiniteFloat
    metric: str
    name: str | None = None
    seed: int | None = None
    held_out: FiniteFloat | None = None

    @model_validator(mode="after")
    def _each_once(self) -> "MeasuredSubset":
        if len(set(self.sample_ids)) < len(self.sample_ids):
            raise ValueError("sample_ids names a row twice")
        return self


def read_pairs(path: Path) -> list[MeasuredSubset]:
    """Read a file of measured subsets.

    Raises:
        DataError: If the file cannot be read, a line is not a measured subset, or the metrics differ.
    """
    pairs = read_measured(path, MeasuredSubset, "pair", "measured subset", "docs/learned-quality.md")
    for number, pair in pairs:
        if pair.metric != pairs[0][1].metric:
            raise DataError(
                f"{path} line {number} measures '{pair.metric}' where the first line measures "
                f"'{pairs[0][1].metric}': keep one metric a file"
            )
    return [pair for _, pair in pairs]


def read_measured(path: Path, kind: type[M], noun: str, what: str, docs: str) -> list[tuple[int, M]]:
    """Read a file of JSON lines, each a model of one class, with the number of each line.

    Args:
        path: The file.
        kind: The class.
        noun: What the file holds, for messages: "pair".
        what: What a line is, for messages: "measured subset".
        docs: Page that states the format.

    Raises:
        DataError: If the file cannot be read, is empty, or a line is no such model.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} cannot be read ({why_unread(error)}): give a JSON lines file of {noun}s"
        ) from error
    found: list[tuple[int, M]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append((number, kind.model_validate_json(_without_seal(line, f"{path} line {number}"))))
        except ValidationError as error:
            raise DataError(
                f"{path} line {number} is not a {what}: {first_fault(error)} (format: {docs})"
            ) from None
    if not found:
        raise DataError(f"{path} holds no {noun}: each line must be one {what}")
    return found


def write_pairs(path: Path, pairs: Iterable[BaseModel]) -> None:
    """Write a file that `read_pairs` or `read_mixtures` reads back, atomically."""
    lines = [sealed_line(pair.model_dump(mode="json", exclude_none=True)) for pair in pairs]
    write_bytes(path, b"".join(lines))


def _without_seal(line: str, place: str) -> str:
    """The line without its hash, which a person's line lacks; raises DataError if it does not fit."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return line
    if broken_seal(record):
        raise DataError(
            f"{place} does not fit its hash: if the change is meant, take `{SEAL}` out of the line"
        )
    if not isinstance(record, dict) or SEAL not in record:
        return line
    return json.dumps({key: value for key, value in record.items() if key != SEAL})
