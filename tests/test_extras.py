"""What is said of models that are not there, and how long that takes to find out."""

import subprocess
import sys
from pathlib import Path

import pytest

from finegold.errors import ModelError, did_you_mean
from finegold.extras import check_hub


def test_a_misspelt_name_gets_a_suggestion() -> None:
    known = ["sound", "random", "length-only"]
    assert did_you_mean("sonud", known) == " (did you mean 'sound'?)"
    assert did_you_mean("Lenght-only", known) == " (did you mean 'length-only'?)"
    assert did_you_mean("xyz", known) == ""
    assert did_you_mean("llava_mx", ["LLaVA_Mix"]) == " (did you mean 'LLaVA_Mix'?)"


def test_a_name_that_can_be_no_model_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model 'offlne' \(did you mean 'offline'\?\): give the path"):
        check_hub("offlne", ("offline",))
    check_hub(str(tmp_path))


def test_without_a_hub_a_model_is_looked_for_in_the_cache_alone(tmp_path: Path) -> None:
    # With retries this takes five minutes; the limit only ends a run that would.
    command = [sys.executable, "-m", "finegold", "chat", "nobody/nothing", "--image", str(tmp_path / "a.png")]
    (tmp_path / "a.png").write_bytes(b"")
    from PIL import Image

    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    env = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run(
        command,
        env=env | {"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 2
    assert "Retrying" not in done.stderr
    assert done.stderr.startswith("finegold: the processor of 'nobody/nothing' cannot be loaded")
