"""What all verbs share: words of their options, earlier names, logs, and Ctrl-C."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from scripts.make_reference import verbs
from tests.cli.test_cli import finegold
from tests.conftest import MakeDataset
from tests.docs import desk
from tests.llm.server import FakeServer, completion
from typer.testing import CliRunner

from finegold.cli import app
from finegold.cli.verbs import BEGINS_AGAIN, EARLIER_NAMES, GOES_ON

VERBS = verbs()


def test_placeholders_stand_in_capitals() -> None:
    for verb in ("", *VERBS):
        shown = CliRunner().invoke(app, [*([verb] if verb else []), "-h"], env={"COLUMNS": "250"}).stdout
        small = re.findall(r"<\w+(?:\[\w+\])?>|<int range>|<float range>", shown)
        assert not small, (verb, small)
    for name, verb in VERBS.items():
        for one in verb.params:
            if one.metavar:
                assert one.metavar == one.metavar.upper(), (name, one.metavar)


def test_one_name_stands_for_one_kind_of_thing() -> None:
    kinds = defaultdict(set)
    for verb in VERBS.values():
        for one in verb.params:
            if one.param_type_name == "option" and one.metavar is not None:  # else a list of words
                kinds[max(one.opts, key=len)].add(one.metavar)
    # `--split` is one split of a dataset, and one for each task of a benchmark.
    assert {name: found for name, found in kinds.items() if len(found) > 1} == {
        "--split": {"NAME", "TASK=SPLIT"}
    }
    thing = {"--batch-size", "--max-new-tokens", "--data", "--task-data", "--out", "--images", "--features"}
    assert thing <= set(kinds)
    for verb, names in EARLIER_NAMES.items():
        options = {word for one in VERBS[verb].params for word in one.opts}
        assert set(names.values()) <= options
        assert not set(names) & options


def test_a_number_that_is_none_or_out_of_range_is_refused_before_anything_is_done() -> None:
    values = {"NUMBER": ("nan", "1e999", "-1"), "N": ("-1", "9" * 30)}
    below_0 = ("judge", "--temperature", "-1")
    tried = set()
    for verb, found in VERBS.items():
        needed = [word for one in found.params if one.required for word in _words(one)]
        for one in found.params:
            name = max(one.opts, key=len)
            wrong = values.get(str(one.metavar), ()) if (name, one.help) not in tried else ()
            tried.add((name, one.help))
            for value in wrong:
                if (verb, name, value) != below_0:
                    done = desk.finegold(verb, *needed, f"{name}={value}")
                    assert done.status == 2, (name, value, done.err)
                    assert name in done.err, (name, value, done.err)


def _words(required: Any) -> list[str]:
    """A word for an argument, or an option with one, that a verb needs."""
    name = max(required.opts, key=len)
    return ["nothing"] if required.param_type_name == "argument" else [f"{name}=nothing"]


def test_an_earlier_name_is_understood_and_said() -> None:
    done = CliRunner().invoke(app, ["tasks", "--data=nowhere", "--json"])
    assert done.exit_code == 0, done.output
    assert "--data is now called --task-data" in done.stderr


def test_steps_are_logged_on_stderr_where_that_is_wanted(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset(8)
    (data.parent / "images" / "0002.png").write_bytes(b"no image")
    pick = ("pick", data, "--size", 2, "--preset", "length-only", "--json")
    quiet = finegold(*pick, "--out", tmp_path / "a")
    info = finegold(*pick, "--out", tmp_path / "b", "--log-level", "info")
    debug = finegold("--log-level=debug", *pick, "--out", tmp_path / "c")
    assert quiet.stdout.count("\n") == info.stdout.count("\n") == debug.stdout.count("\n") == 1
    assert "INFO" not in quiet.stderr
    assert re.search(r"\d\d:\d\d:\d\d INFO end step ingest, seconds", info.stderr)
    assert "DEBUG excluded" not in info.stderr
    assert debug.stderr.count("DEBUG excluded row 2") == 1
    events = (tmp_path / "b.run" / "events.jsonl").read_text()
    assert events.count("\n") == info.stderr.count("INFO") + 1
    wrong = finegold(*pick, "--out", tmp_path / "d", "--log-level", "loud")
    assert wrong.returncode == 2
    assert "info, debug" in " ".join(wrong.stderr.split())


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_says_how_to_go_on(make_dataset: MakeDataset, tmp_path: Path) -> None:
    with FakeServer(lambda _: completion("80", delay=600 if len(server.asks) > 2 else 0)) as server:
        command = [
            *(sys.executable, "-m", "finegold", "score", tmp_path / "run", "--data", make_dataset(8)),
            *("--scorer", "llm", "--model", "m", "--base-url", server.url, "--concurrency", "1"),
            *("--cache", tmp_path / "cache.sqlite"),
        ]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "FINEGOLD_LLM_API_KEY": "k"}
        child = subprocess.Popen(
            list(map(str, command)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            # A shell's background job, in which the tests may run, ignores the signal.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        while len(server.asks) < 3 and child.poll() is None:
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=60)
        assert child.returncode == 130, said
        assert said.endswith(f"\nfinegold: interrupted: {GOES_ON['score']}\n")
        assert "Traceback" not in said
        assert len(server.asks) == 3
        server.script = lambda _: completion("80")
        again = finegold(*command[3:])
        assert again.returncode == 0, again.stderr
        assert len(server.asks) == 3 + 6  # two of the replies were kept


def test_every_long_verb_says_how_to_go_on() -> None:
    long = {"pick", "score", "cluster", "select", "compare", "tune", "generate", "evaluate", "judge", "study"}
    assert long <= set(GOES_ON) <= set(VERBS)
    assert "half written" in BEGINS_AGAIN
