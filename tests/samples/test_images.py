import contextlib
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from finegold.samples.exclusions import ImageError
from finegold.samples.images import DECODINGS, ImageLimits, check_image, decode
from finegold.samples.sample import ImageRef

Picture = Callable[..., bytes]
GRADIENT = np.linspace(0, 255, 24 * 16).astype(np.uint8).reshape(16, 24)


def encode(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def ref(data: bytes, name: str = "") -> ImageRef:
    return ImageRef(name, data=data)


def code(data: bytes, name: str = "", limits: ImageLimits | None = None) -> str:
    """The exclusion code, which checking and decoding agree on."""
    found = []
    for look in (check_image, decode):
        with pytest.raises(ImageError) as error:
            look(ref(data, name), limits=limits or ImageLimits())
        assert error.value.exclusion.reason
        found.append(error.value.exclusion.code)
    assert found[0] == found[1]
    return found[0]


def rgb(data: bytes) -> "np.ndarray[Any, Any]":
    image = decode(ref(data))
    facts = check_image(ref(data))
    assert image.mode == "RGB"
    assert image.size == (facts.width, facts.height)
    return np.asarray(image)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_images_stand_upright(orientation: int, format: str) -> None:
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16] = (255, 0, 0)
    upright[8:, 16:] = (0, 0, 255)
    back = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = Image.fromarray(upright)
    stored = stored if back is None else stored.transpose(back)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"quality": 100, "subsampling": 0} if format == "JPEG" else {}
    found = rgb(encode(stored, format, exif=exif, **options))
    assert found.shape == upright.shape
    assert np.abs(found.astype(int) - upright).mean() < 12


def test_16_bit_grey_is_scaled() -> None:
    wide = GRADIENT.astype(np.uint16) * 257
    for format in ("PNG", "TIFF"):
        found = rgb(encode(Image.fromarray(wide), format))
        assert np.array_equal(found, np.dstack([GRADIENT] * 3))


def test_32_bit_integers_are_read_as_16_bit_or_refused() -> None:
    assert np.array_equal(
        rgb(encode(Image.fromarray(GRADIENT.astype(np.int32) * 257), "TIFF"))[..., 0], GRADIENT
    )
    assert code(encode(Image.fromarray(GRADIENT.astype(np.int32) * 65537), "TIFF")) == "unreadable-image"
    assert code(encode(Image.fromarray(GRADIENT.astype(np.float32)), "TIFF")) == "unreadable-image"


def test_transparency_lies_on_white() -> None:
    pixels = np.zeros((16, 24, 4), np.uint8)
    pixels[..., 0] = 200
    pixels[:8, :, 3] = 255
    for image in (Image.fromarray(pixels), Image.fromarray(pixels).convert("LA")):
        found = rgb(encode(image))
        assert (found[8:] == 255).all()
        assert (found[:8, :, 0] < 255).all()
    palette = Image.fromarray(np.zeros((16, 24), np.uint8), "L").convert("P")
    assert (rgb(encode(palette, transparency=0)) == 255).all()
    grey = Image.fromarray(GRADIENT)
    assert (rgb(encode(grey, transparency=int(GRADIENT[0, 0])))[0, 0] == 255).all()
    assert (rgb(encode(palette, "GIF", transparency=0)) == 255).all()


def test_cmyk_palette_and_one_bit() -> None:
    colour = Image.new("RGB", (24, 16), (250, 20, 30))
    assert (
        np.abs(rgb(encode(colour.convert("CMYK"), "JPEG", quality=98)).astype(int) - (250, 20, 30)).max() < 12
    )
    assert np.abs(rgb(encode(colour.quantize(8))).astype(int) - (250, 20, 30)).max() < 4
    bits = Image.fromarray(GRADIENT).convert("1")
    assert set(np.unique(rgb(encode(bits)))) == {0, 255}


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_cut_off_images_are_found(picture: Picture, format: str, share: float) -> None:
    data = picture(3, format, (200, 160))
    assert code(data[: int(len(data) * share)]) in {"truncated-image", "unreadable-image"}
    if format == "JPEG":
        assert code(data[: int(len(data) * share)]) == "truncated-image"


def test_every_cut_of_a_jpeg_is_found_without_full_decoding(picture: Picture) -> None:
    for progressive in (False, True):
        data = picture(4, "JPEG", (96, 80), progressive=progressive)
        for length in range(700, len(data) - 2, 97):
            with pytest.raises(ImageError):
                check_image(ref(data[:length]))


def test_names_of_the_problems(tmp_path: Path, picture: Picture) -> None:
    assert code(b"") == "empty-image"
    assert code(b"<html>not found</html>") == "unreadable-image"
    assert code(b"\xff\xd8\xff\xe0 nothing more") in {"truncated-image", "unreadable-image"}
    assert code(picture(0, "PNG"), "a.jpg") == "wrong-extension"
    assert code(picture(0, "JPEG"), "a.png") == "wrong-extension"
    frames = [Image.new("RGB", (8, 8), (n, 0, 0)) for n in (0, 100, 200)]
    for format in ("GIF", "PNG", "WEBP", "TIFF"):
        assert code(encode(frames[0], format, save_all=True, append_images=frames[1:])) == "animated-image"
    for path, expected in (
        (tmp_path / "none.jpg", "missing-image"),
        (tmp_path / "none/none.jpg", "missing-image"),
        (tmp_path, "unreadable-image"),
    ):
        with pytest.raises(ImageError) as error:
            decode(ImageRef(path.name, path=path))
        assert error.value.exclusion.code == expected
    check_image(ref(picture(), "photo.JPEG"))
    check_image(ref(picture(), "photo"))
    check_image(ref(picture(), "photo.v2"))


def test_other_formats_are_not_opened() -> None:
    for format, name in (
        ("PPM", "a.ppm"),
        ("ICO", "a.ico"),
        ("TGA", "a.tga"),
        ("PCX", "a.pcx"),
        ("EPS", "a.eps"),
    ):
        assert code(encode(Image.new("RGB", (16, 16)), format), name) == "unreadable-image"


def bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


def test_sizes_are_refused_before_decoding(picture: Picture) -> None:
    assert code(bomb(50_000, 50_000)) == "large-image"
    assert code(bomb(9_000, 9_000)) == "large-image"
    assert code(picture(0, "PNG", (24, 16)), limits=ImageLimits(pixels=24 * 16 - 1)) == "large-image"
    check_image(ref(picture(0, "PNG", (24, 16))), limits=ImageLimits(pixels=24 * 16))
    assert code(picture(), limits=ImageLimits(file_bytes=100)) == "large-image"


def test_a_png_with_large_notes_is_read_without_them() -> None:
    plain = encode(Image.fromarray(GRADIENT))
    for note in ("x" * 50_000_000, "x" * 500):
        for zipped in (True, False):
            info = PngImagePlugin.PngInfo()
            info.add_text("Comment", note, zip=zipped)
            info.add_itxt("Title", note, zip=zipped)
            found = encode(Image.fromarray(GRADIENT), pnginfo=info, icc_profile=note.encode())
            assert np.array_equal(rgb(found), rgb(plain))


def test_a_jpeg_without_its_end_marker_is_whole_if_its_pixels_are(picture: Picture) -> None:
    for progressive in (False, True):
        data = picture(4, "JPEG", (96, 80), progressive=progressive)
        assert data.endswith(b"\xff\xd9")
        for ending in (data[:-2], data[:-1], data[:-2] + b"\0\0"):
            assert np.array_equal(rgb(ending), rgb(data))
        for length in range(len(data) - 60, len(data) - 3):
            assert code(data[:length]) == "truncated-image"


def test_a_progressive_jpeg_that_lacks_its_last_pass_is_cut_off(picture: Picture) -> None:
    data = picture(4, "JPEG", (96, 80), progressive=True)
    assert code(data[: data.rindex(b"\xff\xda")]) == "truncated-image"


def test_large_pictures_are_converted_as_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    layered = Image.fromarray(random.integers(0, 256, (50, 40, 4)).astype(np.uint8))
    wide = Image.fromarray(random.integers(0, 65536, (50, 40)).astype(np.uint16))
    palette = layered.convert("RGB").quantize(16)
    found = [encode(layered), encode(layered.convert("LA")), encode(wide), encode(palette, transparency=3)]
    whole = [rgb(data) for data in found]
    monkeypatch.setattr("finegold.samples.pixels._STRIP", 128)
    for data, expected in zip(found, whole, strict=True):
        assert np.array_equal(rgb(data), expected)


def test_damage_never_raises_anything_else(picture: Picture) -> None:
    random = np.random.default_rng(0)
    for format in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"):
        data = np.frombuffer(picture(1, format), np.uint8)
        for _ in range(40):
            broken = data.copy()
            broken[random.integers(0, len(data), 6)] = random.integers(0, 256, 6)
            for look in (check_image, decode):
                with contextlib.suppress(ImageError):
                    look(ref(broken.tobytes()))


def test_the_original_decoding_is_pillows_conversion_alone() -> None:
    """As MiniGPT-4 and LVLM-eHub decode: `Image.open(path).convert("RGB")`, in numbers."""
    see_through = Image.new("RGBA", (2, 1), (10, 20, 30, 0))
    deep = Image.fromarray(np.array([[100, 300, 65535]], np.uint16))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encode(Image.fromarray(np.arange(18, dtype=np.uint8).reshape(2, 3, 3)), exif=exif)
    found = {
        decoding: [
            np.asarray(decode(ref(encode(see_through)), decoding=decoding))[0, 0].tolist(),
            np.asarray(decode(ref(encode(deep)), decoding=decoding))[0, :, 0].tolist(),
            decode(ref(turned), decoding=decoding).size,
        ]
        for decoding in DECODINGS
    }
    assert found == {
        "finegold": [[255, 255, 255], [0, 1, 255], (2, 3)],
        "original": [[10, 20, 30], [100, 255, 255], (3, 2)],
    }
