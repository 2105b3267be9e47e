"""A format from another package: the one of docs/extend.md, as its reader would write it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = """
import json, sys
from finegold.samples import FORMATS, open_dataset

dataset = open_dataset("data.tsv")
written = dataset.write(__import__("pathlib").Path("out"), [2, 0])
again = open_dataset("out")
print(json.dumps({
    "formats": [dataset.format, again.format],
    "reasons": [row.exclusion and row.exclusion.reason for row in dataset.rows()],
    "kept": [[row.id, row.sample.answer, row.sample.images[0].path.name] for row in again.rows()],
    "images": [written.images.name, written.files],
}))
"""


@pytest.mark.parametrize(("ending", "sure"), [("tsv", 1), ("csv", 0.9)])
def test_a_format_is_one_file(
    tmp_path: Path, picture: Callable[..., bytes], ending: str, sure: float
) -> None:
    code = re.search(
        r"## A format.*?```python\n(.*?)```", (ROOT / "docs/extend.md").read_text("utf-8"), re.DOTALL
    )
    assert code is not None
    info = tmp_path / "package" / "my_package-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[finegold.formats]\ntsv = my_tsv:TsvDataset\n")
    module = code[1].replace('@FORMATS.register("tsv")\n', "").replace(".tsv", f".{ending}")
    module = module.replace("return float(", f"return {sure} * float(")
    (tmp_path / "package/my_tsv.py").write_text(module, "utf-8")

    (tmp_path / "images").mkdir()
    for name in "abc":
        (tmp_path / f"images/{name}.jpg").write_bytes(picture(ord(name)))
    lines = ["a\ta.jpg\tWhat?\tA cat.", "b\tb.jpg\tWhat?", "c\tc.jpg\tWhat?\tEine Katze – grün."]
    (tmp_path / f"data.{ending}").write_text("\n".join(lines), "utf-8")
    (tmp_path / "out").mkdir()

    path = os.pathsep.join([str(tmp_path / "package"), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.replace(".tsv", f".{ending}")],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "formats": ["tsv", "tsv"],
        "reasons": [None, "the line has 3 columns, expected 4", None],
        "kept": [["a", "A cat.", "a.jpg"], ["c", "Eine Katze – grün.", "c.jpg"]],
        "images": ["images", 2],
    }
    assert (tmp_path / f"out/data.{ending}").read_text("utf-8").splitlines() == [lines[0], lines[2]]
