import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from finegold.errors import DataError
from finegold.samples import open_dataset
from finegold.samples.check import check

datasets = pytest.importorskip("datasets")


def test_what_the_library_saves_is_read_and_what_we_write_it_loads(
    tmp_path: Path, picture: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    images = [Image.open(io.BytesIO(picture(seed, "PNG"))) for seed in range(6)]
    features = datasets.Features(
        {
            "id": datasets.Value("int64"),
            "images": datasets.List(datasets.Image()),
            "messages": datasets.List(
                {"role": datasets.Value("string"), "content": datasets.Value("string")}
            ),
        }
    )
    rows = {
        "id": list(range(6)),
        "images": [[image] for image in images],
        "messages": [
            [{"role": "user", "content": "What?"}, {"role": "assistant", "content": f"Noise {n}."}]
            for n in range(6)
        ],
    }
    made = datasets.Dataset.from_dict(rows, features=features)
    made.save_to_disk(str(tmp_path / "in"), num_shards=2)
    source = open_dataset(tmp_path / "in")
    assert [check(row).exclusion for row in source.rows()] == [None] * 6
    (tmp_path / "out").mkdir()
    (tmp_path / "out/selection.json").write_text("{}")
    source.write(tmp_path / "out", [4, 1])
    loaded = datasets.load_from_disk(str(tmp_path / "out"))
    assert loaded.features == made.features
    assert loaded["id"][:] == [1, 4]
    assert loaded[1]["images"][0].tobytes() == images[4].tobytes()
    assert loaded._fingerprint != made._fingerprint
    assert [row.id for row in open_dataset(tmp_path / "out").rows()] == ["1", "4"]
    datasets.DatasetDict({"train": made}).save_to_disk(str(tmp_path / "splits"))
    with pytest.raises(DataError, match=f"name one of {tmp_path / 'splits/train'}"):
        open_dataset(tmp_path / "splits")


def test_damaged_folders_are_explained(tmp_path: Path, write_dataset: Callable[..., Path]) -> None:
    folder = write_dataset(tmp_path, "huggingface", ["a", "b"], ["x", "y"])
    state = json.loads((folder / "state.json").read_text())
    for files, said in (
        ([], "names no data files"),
        ([{"filename": "../data-0.arrow"}], "outside"),
        ([{"filename": "none.arrow"}], "is missing"),
    ):
        (folder / "state.json").write_text(json.dumps({**state, "_data_files": files}))
        with pytest.raises(DataError, match=said):
            open_dataset(folder)
    (folder / "state.json").write_text(json.dumps(state))
    shard = folder / "data-1.arrow"
    shard.write_bytes(shard.read_bytes()[:300])
    with pytest.raises(DataError, match="not a whole Arrow file"):
        open_dataset(folder)
