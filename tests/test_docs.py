"""The docs say what the code does."""

import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from scripts.make_reference import verbs
from tests.conftest import MakeDataset
from tests.plugins import install
from tests.test_house import LAYERS

from finegold.dedup import parse_dedup
from finegold.evaluation import TASKS
from finegold.registry import toml_names
from finegold.scorers import SCORERS
from finegold.selection import preset_names
from finegold.selection.manifest import read_manifest, read_table
from finegold.selection.options import parse_weights
from finegold.version import __version__

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)

VERBS = verbs()


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    """Fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL)


def without_blocks(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def shell_lines(page: Path) -> list[str]:
    """Lines of the indented blocks, each with its continuation lines."""
    return re.findall(r"^ {4}(\S.*)$", re.sub(r" \\\n +", " ", without_blocks(page)), re.MULTILINE)


def split(line: str) -> list[str]:
    """The words of a command, without its comment; none of a line that is no command."""
    try:
        return shlex.split(line, comments=True)
    except ValueError:  # output with an apostrophe
        return []


def commands(page: Path) -> list[list[str]]:
    """Every finegold command of the indented blocks, from its verb on."""
    found = []
    for words in map(split, shell_lines(page)):
        at = words.index("finegold") if "finegold" in words else 0
        if words[at : at + 1] == ["finegold"] and words[at - 1] != "--model":
            found.append(words[at + 1 :])
    return found


def mentions(page: Path) -> list[list[str]]:
    """Every finegold command that a sentence names, from its verb on."""
    return [split(line) for line in re.findall(r"`finegold ([a-z].*?)`", without_blocks(page), re.DOTALL)]


def verb_of(words: list[str]) -> Any:
    assert words[0] in VERBS, f"there is no verb '{words[0]}'"
    return VERBS[words[0]]


@every_page
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", text_of(page)):
        assert (page.parent / target).exists(), target


def _headings(page: Path) -> set[str]:
    lines = re.findall(r"^#+ (.*)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in lines}


@every_page
def test_links_to_sections_lead_somewhere(page: Path) -> None:
    for target, section in re.findall(r"\]\((?!https?://)([^)#]*)#([^)]+)\)", text_of(page)):
        assert section in _headings(page.parent / target if target else page), section


@every_page
def test_files_of_the_sources_that_a_page_names_exist(page: Path) -> None:
    own = set(re.findall(r"src/finegold/[\w/-]+\.\w+", text_of(page))) if page.name == "extend.md" else set()
    plugins = {Path(name).name for name in own} - {"exclusions.py"}
    for name in re.findall(r"`([\w/-]+/[\w-]+\.(?:py|toml))`", text_of(page)):
        there = any((folder / name).exists() for folder in (ROOT, ROOT / "src", ROOT / "src" / "finegold"))
        assert there or Path(name).name in plugins, name


def test_the_architecture_names_every_room_from_left_to_right() -> None:
    table = text_of(ROOT / "docs" / "architecture.md").split("## The rooms")[1].split("##")[0]
    first = re.findall(r"^\| (`[^|]*`) \|", table, re.MULTILINE)
    assert [name for cell in first for name in re.findall(r"`(\w+)/?`", cell)] == [
        name for layer in LAYERS for name in layer if name != "__main__"
    ]


def names(known: Callable[[], list[str]]) -> Callable[[str, set[str]], None]:
    """A check that each name of a list with commas is known, is a file, or is defined on the page."""

    def check(text: str, defined: set[str]) -> None:
        allowed = {*known(), *defined, "all"}
        for name in text.split(","):
            known_name = name.partition("=")[0] in allowed  # a task may be named with its files
            assert known_name or ":" in name or name.endswith((".toml", ".json")), name

    return check


CHECKS: dict[str, Callable[[str, set[str]], object]] = {
    "--preset": names(preset_names),
    "--presets": names(preset_names),
    "--scorer": names(SCORERS.names),
    "--tasks": names(TASKS.names),
    "--recipe": names(lambda: toml_names("finegold.tuning", "recipes")),
    "--dedup": lambda text, _: parse_dedup(text),
    "--weights": lambda text, _: parse_weights(text),
}
"""What options take beyond what the command line checks itself."""


def check_values(page: Path, words: list[str]) -> None:
    """Hold the values of options against what is there, or what the page itself defines."""
    defined = {name for code in blocks(page, "(?:python|toml)") for name in re.findall(r'"([\w-]+)"', code)}
    for code in blocks(page, "toml"):
        defined |= set(re.findall(r"^([\w-]+) = ", code, re.MULTILINE))
    for option, value in pairwise(words):
        if option in CHECKS:
            CHECKS[option](value, defined)
    if words[0] == "study" and len(words) > 1 and not words[1].startswith("--"):
        names(lambda: toml_names("finegold.study", "studies"))(words[1], set())


@every_page
def test_commands_are_understood_as_they_are_written(page: Path) -> None:
    for words in commands(page):
        verb_of(words).make_context(words[0], words[1:])
        check_values(page, words)


@every_page
def test_commands_in_sentences_name_verbs_and_options_that_exist(page: Path) -> None:
    for words in mentions(page):
        known = {name for parameter in verb_of(words).params for name in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known, words
        check_values(page, words)


LMMS_EVAL = ("--include_path", "--model_args", "--batch_size", "--log_samples")
"""Options of lmms-eval, which the pages tell of."""


@every_page
def test_options_in_sentences_belong_to_a_verb_or_a_script(page: Path) -> None:
    known = {name for verb in VERBS.values() for p in verb.params for name in (*p.opts, *p.secondary_opts)}
    scripts = "".join(
        path.read_text(encoding="utf-8")
        for name in ("scripts", "benchmarks")
        for path in (ROOT / name).glob("*.py")
    )
    for option in re.findall(r"`(--[\w-]+)", text_of(page)):
        foreign = option in {"--no-deps", "--debug", "--version", "--help", "--log-level", *LMMS_EVAL}
        assert option in known or f'"{option}"' in scripts or foreign, option


def _script(words: list[str]) -> tuple[Path, list[str]] | None:
    """The file of this repository that a `python` line runs, and its arguments."""
    for at, word in enumerate(words):
        if word.endswith(".py") and word.startswith(("scripts/", "benchmarks/", "demo/")):
            return ROOT / word, words[at + 1 :]
        if word == "-m" and words[at + 1].startswith(("scripts.", "benchmarks.", "tests.")):
            return (ROOT / words[at + 1].replace(".", "/")).with_suffix(".py"), words[at + 2 :]
    return None


@every_page
def test_scripts_exist_and_have_the_options(page: Path) -> None:
    spans = re.findall(r"`((?:python|taskset) [^`]*)`", text_of(page))
    for line in [*shell_lines(page), *spans]:
        found = _script(split(line))
        if found is not None:
            script, arguments = found
            code = script.read_text(encoding="utf-8")
            assert all(f'"{word}"' in code for word in arguments if word.startswith("--")), line


def imported(code: str) -> Iterator[tuple[str, str | None]]:
    """Modules of finegold that a snippet imports, and the names that it takes from them."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("finegold"):
            yield from ((node.module, alias.name) for alias in node.names)
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names if alias.name.startswith("finegold"))


@every_page
def test_python_snippets_compile_and_import_what_is_there(page: Path) -> None:
    for code in blocks(page, "python"):
        compile(code, page.name, "exec")
        for module, name in imported(code):
            found = importlib.import_module(module)
            if name is not None and not hasattr(found, name):
                importlib.import_module(f"{module}.{name}")


@every_page
def test_python_stands_in_marked_blocks(page: Path) -> None:
    assert not [line for line in shell_lines(page) if re.match(r"(from \S+ )?import ", line)]


@every_page
def test_toml_snippets_are_toml(page: Path) -> None:
    for code in blocks(page, "toml"):
        tomllib.loads(code)


def test_the_picker_and_the_preset_of_the_docs_work_as_another_package_s(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    page = text_of(ROOT / "docs" / "extend.md").split("## A picker")[1]
    code, preset = (
        re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)[0] for language in ("python", "toml")
    )
    code = code.replace('@PICKERS.register("spread")\n', "").replace("PICKERS\n", "plugin\n")
    code += 'PRESET = __file__.replace("my_spread.py", "spread.toml")\n'
    points = {
        "finegold.pickers": {"spread": "my_spread:spread"},
        "finegold.presets": {"spread": "my_spread:PRESET"},
    }
    site = install(tmp_path / "site", "my_spread", code, points)
    (site / "spread.toml").write_text(preset)
    command = ["pick", make_dataset(20), "--preset", "spread", "--size", "3", "--out", tmp_path / "out"]
    done = subprocess.run(
        [sys.executable, "-m", "finegold", *map(str, command)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(site), str(ROOT / "src"), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    chosen = read_manifest(tmp_path / "out" / "selection.json")
    qualities = sorted(row["length"] for row in read_table(tmp_path / "out" / "selection.json").to_pylist())
    # From the third longest of twenty on, at even steps down to the shortest.
    assert sorted(row.scores["length"] or 0 for row in chosen.rows) == [qualities[at] for at in (5, 11, 17)]


def test_the_generated_pages_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/make_reference.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_page_of_the_docs_is_on_the_site() -> None:
    listed = set(re.findall(r"[\w-]+\.md", text_of(ROOT / "mkdocs.yml").split("nav:")[1]))
    assert {page.name for page in (ROOT / "docs").glob("*.md")} <= listed


def test_the_table_of_formats_names_every_format() -> None:
    from finegold.samples import FORMATS

    text = (ROOT / "docs/inspect.md").read_text(encoding="utf-8")
    table = text[text.index("## Formats") :]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == FORMATS.names()


def test_the_messages_that_the_questions_are_about_are_those_of_the_code() -> None:
    headings = re.findall(r"^### `(.*)`$", text_of(ROOT / "docs" / "faq.md"), re.MULTILINE)
    texts = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    code = re.sub(r'"\s+f?"', "", texts)  # a sentence over several lines
    assert len(headings) > 10
    pieces = [piece.strip() for one in headings for piece in re.split(r"\.\.\.|: (?=the reasons)", one)]
    assert not [piece for piece in pieces if piece not in code]


def test_the_glossary_is_in_the_order_of_the_alphabet() -> None:
    terms = re.findall(r"^\*\*(.*?)\.\*\*", text_of(ROOT / "docs" / "glossary.md"), re.MULTILINE)
    assert terms == sorted(terms, key=str.lower)
    assert len(terms) > 40


def test_the_readme_names_every_format() -> None:
    from finegold.samples import FORMATS

    table = text_of(ROOT / "README.md").split("| you have |")[1].split("\n\n")[0]
    assert all(f"`{name}`" in table or f"{name}.toml`" in table for name in FORMATS.names())


def test_every_verb_takes_json_and_quiet_but_those_that_the_page_for_programs_names() -> None:
    said = text_of(ROOT / "docs" / "pick.md").split("## For programs")[1].split(".")[0]
    excepted = set(re.findall(r"`([a-z]+)`", said.partition("except")[2]))
    for option in ("--json", "--quiet"):
        lacking = {name for name, verb in VERBS.items() if not any(option in p.opts for p in verb.params)}
        assert lacking == excepted, option


def test_one_version_is_named_everywhere() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    cited = re.findall(r"^version: (.*)$", text_of(ROOT / "CITATION.cff"), re.MULTILINE)
    assert [project["version"]] == cited == [__version__]
    assert f"## {__version__}" in text_of(ROOT / "CHANGELOG.md")
    assert f"wheel of {__version__}" in text_of(ROOT / "docs" / "release.md")
