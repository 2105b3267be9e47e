"""Parts of messages: names that were probably meant, numbers with their nouns, what a check found."""

import json
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from finegold.errors import counted, did_you_mean, first_fault, why_unread, with_article


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    inner: Inner


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"inner": {"size": 1}}, "'name' is missing"),
        ({"nmae": "a", "inner": {"size": 1}}, "'nmae' is no field of it (did you mean 'name'?)"),
        ({"name": "a", "inner": {"size": "x"}}, "'inner.size' should be a valid integer, unable to parse"),
        ({"name": "a", "inner": [1]}, "'inner' should be an object with fields"),
        ([1], "it should be an object with fields"),
    ],
)
def test_what_a_check_found_first_is_in_words(value: object, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(value)
    assert first_fault(caught.value, Outer.model_fields).startswith(said)


def test_why_a_file_cannot_be_read_is_in_words(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    reasons = []
    for read in (
        lambda: (tmp_path / "none").read_text(),
        lambda: (tmp_path / "latin").read_text("utf-8"),
        lambda: json.loads("[1,\n2"),
    ):
        with pytest.raises((OSError, ValueError)) as caught:
            read()
        reasons.append(why_unread(caught.value))
    assert reasons == [
        "No such file or directory",
        "it is no UTF-8 text, as its byte 3 shows",
        "it is no JSON: expecting ',' delimiter at line 2, column 2",
    ]


def test_nouns_have_their_article_and_number() -> None:
    assert [with_article("int"), with_article("float")] == ["an int", "a float"]
    assert [counted(0, "row"), counted(1, "row"), counted(1200, "row")] == ["0 rows", "1 row", "1,200 rows"]
    assert did_you_mean("Sond", ["sound", "random"]) == " (did you mean 'sound'?)"
    assert did_you_mean("zebra", ["sound"]) == ""
