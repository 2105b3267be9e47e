from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tests.models.conftest import ColourFeatures

from finegold.errors import RunError
from finegold.models.prefix.features import FeatureCache

IMAGES = {"a" * 64: Image.new("RGB", (8, 8), "red"), "b" * 64: Image.new("RGB", (8, 8), "blue")}


def test_an_image_is_encoded_once_for_all_runs(tmp_path: Path) -> None:
    first, second = ColourFeatures(), ColourFeatures()
    hashes = [*IMAGES, "a" * 64]
    assert list(FeatureCache(tmp_path, first).fill(hashes, IMAGES.__getitem__)) == [2]
    cache = FeatureCache(tmp_path, second)
    assert list(cache.fill(hashes, IMAGES.__getitem__)) == []
    assert (first.encoded, second.encoded) == (2, 0)
    assert torch.equal(cache.read(hashes), first.encode([IMAGES[h] for h in hashes]))


def test_another_source_has_its_own_features(tmp_path: Path) -> None:
    class Other(ColourFeatures):
        def identity(self) -> dict[str, Any]:
            return {"source": "other"}

    list(FeatureCache(tmp_path, ColourFeatures()).fill(list(IMAGES), IMAGES.__getitem__))
    assert FeatureCache(tmp_path, Other()).missing(list(IMAGES)) == list(IMAGES)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, ColourFeatures())
    list(cache.fill(list(IMAGES), IMAGES.__getitem__))
    path = cache.path("a" * 64)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(RunError, match=r"a{64}.npy cannot be read .* delete it"):
        cache.read(["a" * 64])
