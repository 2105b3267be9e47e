"""Records: frozen dataclasses as JSON and back, and one sentence where that fails."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finegold.errors import DataError
from finegold.run import from_json, read_record, to_json, write_record

SCHEMA = "finegold/test/2"
ADVICE = "make it again"


@dataclass(frozen=True, slots=True)
class Part:
    order: Literal["ab", "ba"]
    score: float | None


@dataclass(frozen=True)
class Whole:
    name: str
    sizes: tuple[int, ...]
    both: tuple[Part, Part]
    by_name: Mapping[str, Part]
    facts: Mapping[str, Any]
    note: str = "none"

    @property
    def total(self) -> int:
        return sum(self.sizes)


PARTS = st.builds(
    Part, st.sampled_from(["ab", "ba"]), st.none() | st.floats(allow_nan=False, allow_infinity=False)
)
WHOLES = st.builds(
    Whole,
    st.text(),
    st.lists(st.integers(-(2**53), 2**53)).map(tuple),
    st.tuples(PARTS, PARTS),
    st.dictionaries(st.text(), PARTS),
    st.dictionaries(st.text(), st.none() | st.booleans() | st.text() | st.lists(st.integers(0, 9))),
    st.text(),
)


@given(WHOLES)
def test_a_record_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, whole: Whole) -> None:
    path = tmp_path_factory.getbasetemp() / "record.json"
    write_record(path, whole, SCHEMA, total=whole.total)
    assert read_record(path, Whole, SCHEMA, advice=ADVICE) == whole


def test_a_file_of_before_has_no_schema_and_may_lack_what_has_a_default() -> None:
    part = {"order": "ab", "score": 3}
    value = {"name": "a", "sizes": [1], "both": [part, part], "by_name": {}, "facts": {}}
    found = from_json(Whole, value, SCHEMA, place="it", advice=ADVICE)
    assert found == Whole("a", (1,), (Part("ab", 3.0), Part("ab", 3.0)), {}, {})
    assert to_json(found, SCHEMA)["schema"] == SCHEMA
    assert "schema" not in to_json(found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"schema": "finegold/test/1"},
            "the file has the schema 'finegold/test/1', expected '{}': make it again",
        ),
        (
            {"schema": "finegold/test/3"},
            "the file has the schema 'finegold/test/3', expected '{}': use the newer",
        ),
        (
            {"sizes": [1, "2"]},
            "the file cannot be read: 'sizes.1' should be a valid integer; make it again",
        ),
        ({"name": None}, "the file cannot be read: 'name' should be a valid string; make it again"),
        (
            {"both": [{"order": "ab"}]},
            "the file cannot be read: 'both.0.score' is missing; make it again",
        ),
        (
            {"by_name": {"x": {"order": "no", "score": 1}}},
            "the file cannot be read: 'by_name.x.order' should be",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence(change: dict[str, Any], message: str) -> None:
    part = Part("ab", None)
    value = to_json(Whole("a", (1,), (part, part), {}, {}), SCHEMA) | change
    with pytest.raises(DataError) as caught:
        from_json(Whole, value, SCHEMA, place="the file", advice=ADVICE)
    assert str(caught.value).startswith(message.format(SCHEMA))


@pytest.mark.parametrize("content", ["", "[", "[]", "3", None])
def test_what_is_no_record_at_all_is_one_sentence(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "record.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DataError, match=r"record\.json cannot be read.*make it again$"):
        read_record(path, Whole, SCHEMA, advice=ADVICE)
