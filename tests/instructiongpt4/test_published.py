import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from finegold.errors import DataError
from finegold.instructiongpt4 import read_published


@pytest.fixture
def copy(released: Path, tmp_path: Path) -> Any:
    shutil.copytree(released, tmp_path / "released", copy_function=shutil.copyfile)
    (tmp_path / "released").chmod(0o755)
    return tmp_path / "released"


def test_features_are_scaled_as_the_selector_takes_them(replay: Any) -> None:
    assert replay.published.features[0, 12:] == pytest.approx([30.0464, 38.044, 15.95639246778989, 88])
    assert replay.published.subsets.shape == (30, 114, 16)


def test_a_missing_file_is_named(copy: Any) -> None:
    (copy / "scores.json").unlink()

    with pytest.raises(DataError, match=r"scores.json cannot be read .*give --from a folder"):
        read_published(copy)


def test_a_score_that_is_no_number_is_found(copy: Any) -> None:
    scores = json.loads((copy / "scores.json").read_text())
    scores["gpt"][5] = "high"
    (copy / "scores.json").write_text(json.dumps(scores))

    with pytest.raises(DataError, match="'gpt' that is not a number"):
        read_published(copy)


def test_clusters_that_leave_a_row_out_are_refused(copy: Any) -> None:
    clusters = json.loads((copy / "spectral_clusters.json").read_text())
    clusters["9"] = clusters["9"][1:]
    (copy / "spectral_clusters.json").write_text(json.dumps(clusters))

    with pytest.raises(DataError, match="does not list each of the 3439 image ids"):
        read_published(copy)
