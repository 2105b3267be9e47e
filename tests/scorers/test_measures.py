"""Basic measures of images and texts."""

from pathlib import Path

import pytest
from PIL import Image, ImageFilter
from tests.conftest import MakeDataset

from finegold.samples import Sample, open_dataset
from finegold.scorers import SCORERS, Context, make_scorer
from finegold.scorers.base import Batch
from finegold.selection import find_preset, preset_names
from finegold.workflow import Run, pick

NAMES = ("width", "height", "aspect", "brightness", "sharpness", "entropy", "turns", "words")


def _measure(name: str, image: Image.Image | None, sample: Sample) -> float | None:
    (found,) = make_scorer(name).prepare(Context())(Batch([sample], [image]))
    return found.value


@pytest.fixture
def sample(make_dataset: MakeDataset) -> Sample:
    found = next(iter(open_dataset(make_dataset(3)).rows())).sample
    assert found is not None
    return found


def test_images_are_measured(sample: Sample) -> None:
    black, white = Image.new("RGB", (40, 10)), Image.new("RGB", (10, 10), "white")
    stripes = Image.new("RGB", (64, 64))
    stripes.paste((255, 255, 255), (0, 0, 64, 32))
    noise = Image.effect_noise((128, 128), 60).convert("RGB")
    found = {name: _measure(name, black, sample) for name in NAMES[:6]}
    assert found == {"width": 40, "height": 10, "aspect": 4, "brightness": 0, "sharpness": 0, "entropy": 0}
    assert _measure("brightness", white, sample) == 1
    assert _measure("brightness", stripes, sample) == 0.5
    assert _measure("entropy", stripes, sample) == 1
    sharp = _measure("sharpness", noise, sample)
    blurred = _measure("sharpness", noise.filter(ImageFilter.GaussianBlur(3)), sample)
    assert sharp is not None
    assert blurred is not None
    assert sharp > 10 * blurred > 0
    assert _measure("sharpness", Image.new("RGB", (2, 50)), sample) == 0
    assert all(_measure(name, None, sample) is None for name in NAMES[:6])


def test_texts_are_measured(sample: Sample) -> None:
    assert _measure("turns", None, sample) == 2
    words = _measure("words", None, sample)
    assert words is not None
    assert words >= 9  # "A red circle number 0 on a white ground." and its full stop


def test_measures_serve_conditions_and_no_preset(make_dataset: MakeDataset, tmp_path: Path) -> None:
    found = pick(
        make_dataset(12),
        1,
        run=tmp_path / "run",
        preset="random",
        where="brightness > 0.1 and aspect < 1.3 and words < 12",
    )
    rows = found.table.to_pylist()
    kept = [row for row in rows if row["status"] != "excluded"]
    assert 0 < len(kept) < 12
    assert all(row["words"] < 12 and row["brightness"] > 0.1 and row["aspect"] == 1.2 for row in kept)
    assert all("words is" in row["reason"] for row in rows if row["status"] == "excluded")
    assert "brightness" in Run.open(tmp_path / "run").export(tmp_path / "all.csv", format="csv").column_names
    assert all(not set(NAMES) & set(find_preset(name).reads) for name in preset_names())
    assert set(NAMES) <= set(SCORERS.names())
