"""Fixtures that the whole suite shares."""

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from PIL import Image, ImageDraw

# No test fails because the machine is slow.
settings.register_profile("finegold", deadline=None)
settings.load_profile("finegold")
COLOURS = ("red", "green", "blue", "orange", "purple", "black")
SHAPES = ("circle", "square", "line")

MakeDataset = Callable[..., Path]


def _picture(colour: str, shape: str, shift: int) -> Image.Image:
    image = Image.new("RGB", (96, 80), "white")
    draw = ImageDraw.Draw(image)
    box = (10 + shift, 10, 60 + shift, 60)
    if shape == "circle":
        draw.ellipse(box, fill=colour)
    elif shape == "square":
        draw.rectangle(box, fill=colour)
    else:
        draw.line(box, fill=colour, width=7)
    return image


@pytest.fixture(autouse=True)
def safe_path_as_it_was() -> Iterator[None]:
    """`main` sets it for the rest of its process, which here is the process of all tests."""
    before = os.environ.get("PYTHONSAFEPATH")
    yield
    if before is None:
        os.environ.pop("PYTHONSAFEPATH", None)


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """A function that writes `rows` LLaVA rows to a folder and returns the JSON file."""

    def make(rows: int = 40, *, name: str = "data", seed: int = 0) -> Path:
        folder = tmp_path / name
        (folder / "images").mkdir(parents=True)
        rng = random.Random(seed)
        records = []
        for number in range(rows):
            colour, shape = rng.choice(COLOURS), rng.choice(SHAPES)
            file = f"{number:04d}.png"
            _picture(colour, shape, rng.randrange(30)).save(folder / "images" / file)
            words = " ".join(["There is nothing else to see."] * rng.randrange(4))
            answer = f"A {colour} {shape} number {number} on a white ground. {words}".strip()
            turns = [{"from": "human", "value": "<image>\nWhat is this?"}, {"from": "gpt", "value": answer}]
            records.append({"id": f"r{number:04d}", "image": file, "conversations": turns})
        (folder / "data.json").write_text(json.dumps(records))
        return folder / "data.json"

    return make


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real photos, captions and published scores beside the checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("the shared data folder is not beside this checkout")
    return folder


# Not of the session: while playwright is open its event loop is the running one of the thread, and
# `asyncio.run` refuses in every test that comes after.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium; skips without one, and fails without one in CI."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    playwright = pytest.importorskip("playwright.sync_api")
    if path is None:
        message = "no Chromium on PATH: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield chromium
        chromium.close()
