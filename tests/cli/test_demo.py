"""Two models answer two prompts about two images on one page."""

from pathlib import Path

import pytest
from PIL import Image
from tests.models.minigpt4 import make_parts
from tests.models.prefix.test_blip2 import folder as blip2_folder
from typer.testing import CliRunner

from finegold.cli import app
from finegold.errors import FinegoldError

__all__ = ["blip2_folder"]


def _demo(*arguments: object) -> None:
    result = CliRunner().invoke(app, ["demo", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.jpg" for name in ("red", "blue")]
    for path in paths:
        Image.new("RGB", (40, 30), path.stem).save(path)
    return paths


def test_every_answer_stands_beside_the_others(images: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    shown = [part for image in images for part in ("--image", image)]
    prompts = ("--prompt", "What <is> this?", "--prompt", "Does it exis in the image?")
    _demo("constant:A <b>dog</b>.", "spelling-rule", *shown, *prompts, "--out", out)
    page = out.read_text()
    assert page.count("A &lt;b&gt;dog&lt;/b&gt;.</bdi></td>") == 4
    assert page.count("<bdi>No</bdi></td>") == 2
    assert page.count("<bdi>Yes</bdi></td>") == 2
    assert page.count("data:image/") >= 2
    assert "What &lt;is&gt; this?" in page
    assert "the likeliest token each time, so no seed" in page


def test_two_checkpoints_stand_side_by_side_and_the_seed_is_said(
    images: list[Path], tmp_path: Path, blip2_folder: Path
) -> None:
    made, out = make_parts(tmp_path, blip2_folder), tmp_path / "page.html"
    models = (f"minigpt4-7b={made.released}", f"minigpt4-7b={made.other}", "constant:Yes")
    settings = ("--temperature", 1, "--seed", 7, "--max-new-tokens", 4, "--device", "cpu", "--out", out)
    _demo(*models, *made.folders, "--image", images[0], "--prompt", "a dog?", *settings)
    first = out.read_text()
    assert "temperature 1.0, top-p 1.0, seed 7" in first
    assert "released.pth" in first
    assert "other.pth" in first
    _demo(*models, *made.folders, "--image", images[0], "--prompt", "a dog?", *settings)
    assert out.read_text() == first
    with pytest.raises(FinegoldError, match="has no projection"):
        _demo("minigpt4-7b", *made.folders, "--image", images[0], "--prompt", "a", "--out", out)
