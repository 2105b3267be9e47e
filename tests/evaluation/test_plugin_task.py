"""The task of docs/extend.md, installed as another package's, works in the verbs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with an installed package that offers the task."""
    page = (ROOT / "docs" / "extend.md").read_text("utf-8").split("## A task")[1]
    code = page.split("```python\n")[1].split("```")[0].replace("\nadd_task(COLOURS)\n", "\n")
    site = tmp_path / "site"
    information = site / "colours-1.0.dist-info"
    information.mkdir(parents=True)
    (site / "colours_package.py").write_text(code)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: colours\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[finegold.tasks]\ncolours = colours_package:COLOURS\n")
    return site


def finegold(site: Path, *words: object) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(site), str(ROOT / "src"), *sys.path])
    return subprocess.run(
        [sys.executable, "-m", "finegold", *map(str, words)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_task_of_another_package_is_listed_answered_and_scored(site: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "colours"
    (folder / "images").mkdir(parents=True)
    colours = ["red", "blue", "red", "red"]
    for number, colour in enumerate(colours):
        Image.new("RGB", (8, 8), colour).save(folder / "images" / f"{number}.png")
    lines = [json.dumps({"image": f"{n}.png", "colour": colour}) + "\n" for n, colour in enumerate(colours)]
    (folder / "items.jsonl").write_text("".join(lines))
    words = ("evaluate", "constant:red", "--tasks", "colours", "--task-data", folder.parent)

    done = finegold(site, *words, "--out", tmp_path / "out")

    assert done.returncode == 0, done.stderr
    (score,) = json.loads((tmp_path / "out" / "results.json").read_text())["tasks"]["colours"]["scores"][
        "ehub"
    ]
    assert (score["metric"], score["value"], score["images"]) == ("accuracy", 0.75, 4)
    assert "colours  Colours, answers: open" in finegold(site, "tasks").stdout


def test_a_task_under_another_name_than_its_own_is_refused(site: Path, tmp_path: Path) -> None:
    points = site / "colours-1.0.dist-info" / "entry_points.txt"
    points.write_text("[finegold.tasks]\nshades = colours_package:COLOURS\n")

    done = finegold(
        site, "evaluate", "constant:red", "--tasks", "shades", "--task-data", tmp_path, "--out", tmp_path
    )

    assert done.returncode == 2
    assert "the task 'shades' is the task 'colours'" in " ".join((done.stdout + done.stderr).split())
