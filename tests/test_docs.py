"""The docs say what the code does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def test_the_generated_pages_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/make_reference.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_docs_name_verbs_and_options_that_exist(page: Path) -> None:
    from typer.main import get_command

    from finegold.cli import app

    verbs = get_command(app).commands  # type: ignore[attr-defined]
    for command in re.findall(r"^ {4}(finegold .*)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        verb, *rest = command.split("#")[0].split()[1:]
        assert verb in verbs, command
        known = {name for parameter in verbs[verb].params for name in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= known, command


def test_the_table_of_formats_names_every_format() -> None:
    from finegold.samples import FORMATS

    text = (ROOT / "docs/inspect.md").read_text(encoding="utf-8")
    table = text[text.index("## Formats") :]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == FORMATS.names()
