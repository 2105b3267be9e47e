from pathlib import Path

import pytest
from scripts.house import SRC, modules

from finegold.errors import DataError
from finegold.samples import Exclusion
from finegold.samples.exclusions import CODES, STEPS, find_code


def test_a_code_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(DataError, match="'mising-image' is unknown, expected one of malformed-row"):
        Exclusion("mising-image", "the image is not there")


def test_an_exclusion_knows_its_step() -> None:
    assert Exclusion("missing-image", "it is not there").step == "reading"
    assert Exclusion("embedding-failed", "no vector").step == "embedding"
    assert Exclusion("clip-failed", "no value").step == "scoring"
    assert Exclusion("duplicate-exact", "the same", duplicate_of="b").step == "deduplication"
    assert find_code("llm-image-failed") is CODES["SCORER-failed"]


def test_every_code_names_a_step_that_exists_and_says_what_to_do() -> None:
    assert {entry.step for entry in CODES.values()} == set(STEPS)
    for entry in CODES.values():
        assert entry.meaning.endswith(".")
        assert entry.remedy.endswith(".")


def test_the_table_holds_no_code_that_nothing_gives() -> None:
    given = "\n".join(
        Path(path).read_text(encoding="utf-8")
        for name, path in modules(SRC).items()
        if not name.endswith("samples.exclusions")
    )
    made_up = {f"duplicate-{method}" for method in ("exact", "perceptual", "semantic")} | {"SCORER-failed"}
    assert not {code for code in CODES if f'"{code}"' not in given} - made_up
