"""What every preset chooses on a pool of 3,439 rows, held against what it chose before.

A change here that was not meant is a mistake; one that was meant is a new version of the preset, and its new
values go into `GOLDEN`: an assertion that fails prints them.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from finegold.arrays import Ints, Vectors
from finegold.encoders import ENCODERS
from finegold.selection import find_preset, preset_names
from finegold.workflow import Compute, DataSource, Run, SelectionFiles, SelectionSettings

pytest.importorskip("torch")  # reads the selector of `mm-lima`
SIZES = (50, 200)
BY_MODEL = {"presel", "sound-vlm", "visnec"}
"""Presets whose indicators a vision-language model computes, which takes minutes on this pool."""
GOLDEN = {
    "car": ("abeb3992a8920185", "6025fd485ff00497"),
    "ccs": ("21cb0bc1c08424e8", "81b56b4951151f1a"),
    "clip-only": ("011e11fede8ec6ed", "cfb7efff3071731e"),
    "coincide": ("e5fde97494e0946a", "c822b75982482fd1"),
    "d2": ("aed40339a0a9d5e0", "f399d1d6a44eb7a2"),
    "deita": ("aadf168319a9357c", "885438d3e3a91c18"),
    "dpp": ("dfc853f56d9979a4", "492ee4a0491acca4"),
    "facility-location": ("26d111c661d6c82e", "164f8dade5843e02"),
    "herding": ("924c49f3678b052c", "6df2bcc311584cfd"),
    "instructiongpt4": ("78fd4a10b3f3b6ba", "99170add418e5219"),
    "k-center": ("9784d2ae8b3ea3bf", "ae572780caf73c24"),
    "learned": ("93530f3399230277", "74b286063e6a3e2a"),
    "length-only": ("18511e8f98f99c20", "b0ca7fb719702053"),
    "leverage": ("fed0b688bb58f779", "872a4374ffcf6b7a"),
    "mig": ("0ca15e7ca734c7d0", "00a8f63f316d5a6f"),
    "mmssr": ("1deaa278cb754389", "18f526d8263209ac"),
    "mm-lima": ("596465b74de2bc02", "3f81c04a61fc3678"),
    "no-clusters": ("fdd73d5de9b4b1e9", "3e567895c033ec70"),
    "prism": ("d19f7eb6482a8711", "28e530b05fe45ecc"),
    "random": ("5fa303ee28f68814", "ba0508d17f405552"),
    "rds": ("357ead0a16a911bc", "4e831bee08f1c8d5"),
    "self-filter": ("534b369a48545d1b", "23cc34239b512811"),
    "smallest-first": ("9294b3131ee5be38", "4228da505c6018e4"),
    "sound": ("776010e3807bdde8", "5cf668cb407975ef"),
    "sound@2": ("776010e3807bdde8", "5cf668cb407975ef"),
    "sound@1": ("567432ba1cbbf301", "2c47d3c79bbb6659"),
    "stratified": ("41830095bb0070e2", "b995ffd737374529"),
    "typicality": ("653df168ac03705d", "7a2695e17060a5fe"),
    "votes": ("23bb83732d726128", "c872a3fdc55fe502"),
}
"""First 16 hex digits of the sha256 of the chosen ids, by rank, one a line: 50 rows, 200 rows."""


def choose(shared: Path, folder: Path) -> dict[str, tuple[str, ...]]:
    """The digests of every preset, all of them from one run folder: rows are scored and embedded once.

    This is the only function here that calls finegold.
    """
    ENCODERS.add(Thumbnails.name, lambda name, *, device, dtype: Thumbnails())
    run = Run.open(
        folder / "run",
        DataSource.of(shared / "data/noisy_pool/pool.json", shared / "data/flickr8k/images"),
        encoder=Thumbnails.name,
        compute=Compute(device="cpu"),
    )
    files = {
        "targets": shared / "data/llava_bench/coco_imgs",
        "pairs": measured_subsets(shared, folder / "pairs.jsonl"),
        "selector": shared / "reference/instructiongpt4/selector.pth",
    }
    chosen = {}
    for name in sorted(set(preset_names()) - BY_MODEL):
        needed = SelectionFiles(**{file: files[file] for file in find_preset(name).files})
        asked = [SelectionSettings.of(name, size, files=needed) for size in SIZES]
        both = [run.pick(settings).ids for settings in asked]
        assert [len(set(ids)) for ids in both] == list(SIZES)
        chosen[name] = tuple(map(digest, both))
    return chosen


class Thumbnails:
    """An encoder without weights: 8 x 8 pixels and bags of words, projected.

    All numbers are small and whole, so that distances between images come out the same on every machine.
    Images and texts have nothing to do with one another.
    """

    name, dim = "thumbnails", 32
    reads = 20
    """Words of a text."""

    def identity(self) -> dict[str, Any]:
        return {"encoder": self.name}

    def load(self) -> None:
        pass

    def preprocess(self, image: Image.Image) -> Vectors:
        pixels = np.asarray(image.resize((8, 8), Image.Resampling.BOX)).reshape(-1).astype(np.int64) - 128
        projected: Ints = pixels @ signs("pixels", len(pixels) * self.dim).reshape(-1, self.dim)
        return projected.astype(np.float32)

    def encode_images(self, inputs: Sequence[Vectors]) -> Vectors:
        return np.stack(inputs)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        # The ones keep a text without words from having no direction.
        ones = np.ones(self.dim, np.int64)
        words = [self._words(text)[: self.reads] for text in texts]
        return np.stack([sum((signs(word, self.dim) for word in some), ones) for some in words]).astype(
            np.float32
        )

    def cuts(self, text: str) -> bool:
        return len(self._words(text)) > self.reads

    def windows(self, text: str) -> list[str]:
        words = self._words(text)
        starts = range(0, len(words), self.reads)
        return [" ".join(words[start : start + self.reads]) for start in starts] or [text]

    @staticmethod
    def _words(text: str) -> list[str]:
        return text.lower().split()


@cache
def signs(key: str, count: int) -> Ints:
    """-1, 0 or 1, `count` times, by hashing: the same in all versions of everything."""
    drawn = np.frombuffer(hashlib.shake_256(key.encode()).digest(count), np.uint8)
    return drawn.astype(np.int64) % 3 - 1


def measured_subsets(shared: Path, path: Path) -> Path:
    """Twelve subsets of 200 rows, from short answers to long ones, and a made-up result that rises."""
    rows = json.loads((shared / "data/noisy_pool/pool.json").read_text(encoding="utf-8"))
    ids = [key for _, key in sorted((len(row["conversations"][1]["value"]), row["id"]) for row in rows)]
    starts = range(0, 12 * 270, 270)
    results = [number + (0.3, -0.4, 0.1)[number % 3] for number in range(12)]
    pairs = [
        {"sample_ids": ids[start : start + 200], "result": result, "metric": "made up"}
        for start, result in zip(starts, results, strict=True)
    ]
    path.write_text("\n".join(map(json.dumps, pairs)))
    return path


def digest(ids: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16]


@pytest.fixture(scope="module")
def chosen(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, ...]]:
    return choose(shared, tmp_path_factory.mktemp("golden"))


@pytest.mark.parametrize("preset", sorted(set(preset_names()) - BY_MODEL))
def test_a_preset_chooses_what_it_chose_before(chosen: dict[str, tuple[str, ...]], preset: str) -> None:
    assert chosen[preset] == GOLDEN[preset]


def test_no_preset_is_gone() -> None:
    assert sorted(GOLDEN) == sorted(set(preset_names()) - BY_MODEL)
