import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from finegold.encoders import Encoder, load_encoder
from finegold.encoders.step import embed, embeddings_of
from finegold.engines import Compute, ThisProcess
from finegold.run import BLOCK_ROWS, RunFolder
from finegold.samples import Dataset, open_dataset

ROWS = 2 * BLOCK_ROWS + 40


def _row(index: int, images: list[str]) -> dict[str, Any]:
    placeholders = "<image>" * len(images)
    turns = [
        {"from": "human", "value": f"{placeholders}What is it?"},
        {"from": "gpt", "value": f"Thing {index}."},
    ]
    return {"id": f"r{index:04d}", "conversations": turns, "image": images} if images else {
        "id": f"r{index:04d}",
        "conversations": turns,
    }  # fmt: skip


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Rows with one image each; row 3 has two, row 4 none, row 5 one that is cut off."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for index in range(20):
        pixels = rng.integers(0, 256, (20 + index, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    (folder / "cut.png").write_bytes((folder / "7.png").read_bytes()[:300])
    images = {3: ["0.png", "1.png"], 4: [], 5: ["cut.png"]}
    rows = [_row(index, images.get(index, [f"{index % 20}.png"])) for index in range(ROWS)]
    (folder / "data.json").write_text(json.dumps(rows))
    return open_dataset(folder / "data.json", images=folder, format="llava")


@pytest.fixture
def encoder(tiny_clip: Path) -> Encoder:
    return load_encoder(str(tiny_clip), device="cpu")


def _run(path: Path) -> RunFolder:
    return RunFolder.create(path, {"path": "data.json"})


USABLE = np.ones(ROWS, np.bool_)


def _vectors(path: Path, dataset: Dataset, encoder: Encoder, **options: Any) -> np.ndarray:
    table = embed(_run(path), dataset, encoder, usable=USABLE, data="d", **options).read()
    assert table["sample_id"].to_pylist() == [f"r{index:04d}" for index in range(ROWS)]
    return embeddings_of(table)


def test_rows_without_an_embedding_are_nan_and_say_why(
    dataset: Dataset, encoder: Encoder, tmp_path: Path
) -> None:
    table = embed(_run(tmp_path), dataset, encoder, usable=USABLE, data="d").read()
    vectors, reasons = embeddings_of(table), table["reason"].to_pylist()
    assert np.flatnonzero(np.isnan(vectors).any(1)).tolist() == [4, 5]
    assert np.isnan(vectors[4:6]).all()
    assert [row for row, reason in enumerate(reasons) if reason] == [5]
    assert "cut.png" in reasons[5]
    np.testing.assert_allclose(vectors[3], (vectors[20] + vectors[21]) / 2, atol=1e-5)


@pytest.mark.parametrize("size", [1, 7, 64])
def test_the_batch_size_does_not_reach_the_numbers(
    size: int, dataset: Dataset, encoder: Encoder, tmp_path: Path
) -> None:
    expected = _vectors(tmp_path / "a", dataset, encoder)
    np.testing.assert_allclose(
        _vectors(tmp_path / "b", dataset, encoder, engine=ThisProcess(Compute(batch_size=size))),
        expected,
        atol=1e-5,
    )


def test_a_killed_run_resumes_to_the_same_bytes(dataset: Dataset, encoder: Encoder, tmp_path: Path) -> None:
    whole = embed(_run(tmp_path / "a"), dataset, encoder, usable=USABLE, data="d")
    broken = Breaking(encoder, batches=11)
    with pytest.raises(KeyboardInterrupt):
        embed(_run(tmp_path / "b"), dataset, broken, usable=USABLE, data="d")
    resumed = embed(_run(tmp_path / "b"), dataset, counting := Breaking(encoder, 99), usable=USABLE, data="d")
    assert counting.images == ROWS - BLOCK_ROWS
    assert [path.read_bytes() for path in resumed.paths()] == [path.read_bytes() for path in whole.paths()]


class Breaking:
    """Stops after some batches, as Ctrl-C would."""

    def __init__(self, encoder: Encoder, batches: int) -> None:
        self._encoder = encoder
        self._left = batches
        self.images = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode_images(self, inputs: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        self.images += len(inputs)
        return self._encoder.encode_images(inputs)


def test_unusable_rows_are_left_out_and_a_part_without_usable_rows_is_empty(
    dataset: Dataset, encoder: Encoder, tmp_path: Path
) -> None:
    usable = np.zeros(ROWS, np.bool_)
    usable[[1, ROWS - 1]] = True
    table = embed(_run(tmp_path), dataset, encoder, usable=usable, data="d")
    assert table.read()["sample_id"].to_pylist() == ["r0001", f"r{ROWS - 1:04d}"]
    assert len(table.paths()) == 3
    first = embed(_run(tmp_path), dataset, encoder, usable=usable[:2], data="first rows")
    assert first.read()["sample_id"].to_pylist() == ["r0001"]


def test_other_data_or_another_encoder_is_another_table(
    dataset: Dataset, encoder: Encoder, tiny_siglip: Path, tmp_path: Path
) -> None:
    run = _run(tmp_path)
    few = np.zeros(ROWS, np.bool_)
    few[0] = True
    other = load_encoder(str(tiny_siglip), device="cpu")
    tables = [
        embed(run, dataset, encoder, usable=few, data="d"),
        embed(run, dataset, encoder, usable=few, data="e"),
        embed(run, dataset, other, usable=few, data="d"),
    ]
    assert len({table.folder for table in tables}) == 3
