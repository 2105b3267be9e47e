"""Losses of answers on disk: indicators of one model ask for the same ones, and get them computed once.

    losses/<fingerprint of the model>/<start of the file's sha256>.parquet

Each file holds the losses that one part of a dataset added. What a loss is of, the pixels, the texts and how
they are read, is its key, so any dataset and any indicator finds it. A file that does not fit its name was
damaged: it is deleted, and its losses are computed again.
"""

import hashlib
import io
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from finegold.arrays import Vectors
from finegold.models.base import GREEDY, Dialogue, Model, Sampling
from finegold.run import canonical_json, write_bytes
from finegold.samples import Exclusion

SCHEMA = pa.schema([("key", pa.binary(32)), ("losses", pa.list_(pa.list_(pa.float32())))])
"""Columns of a file: what the losses are of, and the nats of the tokens of each answer."""
FILES_HELD = 4
"""Files whose losses are held in memory: indicators go over the rows in the same order."""


class LossFiles:
    """The losses in a folder, by key."""

    def __init__(self, folder: Path) -> None:
        """Take the folder, which need not be there; it is read when losses are first asked for."""
        self._folder = folder
        self._held: OrderedDict[Path, dict[bytes, list[Vectors]]] = OrderedDict()
        self._new: dict[bytes, list[Vectors]] = {}

    @cached_property
    def _file_of(self) -> dict[bytes, Path]:
        """The file of each key."""
        found: dict[bytes, Path] = {}
        for path in sorted(self._folder.glob("*.parquet")):
            table = _read(path, ["key"])
            found |= dict.fromkeys([] if table is None else table["key"].to_pylist(), path)
        return found

    def get(self, key: bytes) -> list[Vectors] | None:
        """Losses of a key, an array an answer; None if there are none."""
        if key in self._new:
            return self._new[key]
        path = self._file_of.get(key)
        if path is None:
            return None
        if path not in self._held:
            table = _read(path, SCHEMA.names)
            rows = [] if table is None else table.to_pylist()
            self._held[path] = {
                row["key"]: [np.array(one, np.float32) for one in row["losses"]] for row in rows
            }
            while len(self._held) > FILES_HELD:
                self._held.popitem(last=False)
        self._held.move_to_end(path)
        return self._held[path].get(key)

    def add(self, found: Mapping[bytes, list[Vectors]]) -> None:
        """Hold further losses; `flush` writes them."""
        self._new |= found

    def flush(self) -> None:
        """Write what was added since the last time, whole or not at all."""
        if not self._new:
            return
        keys = sorted(self._new)
        table = pa.table({"key": keys, "losses": [self._new[key] for key in keys]}, schema=SCHEMA)
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        data = buffer.getvalue()
        path = self._folder / f"{hashlib.sha256(data).hexdigest()[:12]}.parquet"
        write_bytes(path, data)
        self._file_of.update(dict.fromkeys(keys, path))
        self._new = {}


def _read(path: Path, columns: Sequence[str]) -> pa.Table | None:
    """A file's columns; None for a damaged file, which is deleted."""
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest().startswith(path.stem):
        return pq.read_table(io.BytesIO(data), columns=list(columns))
    path.unlink()
    return None


class KeptLosses(Model):
    """A model that reads losses of conversations from files, and computes and keeps those that are not there.

    For scorers: losses of single answers, preferences and numbers of tokens are the model's own, and `reply`
    shows no earlier turns.
    """

    def __init__(self, model: Model, folder: Path) -> None:
        """Take the model, and the folder of its losses, which must be of this model alone."""
        self.name, self.blind = model.name, model.blind
        self._model, self._files = model, LossFiles(folder)

    def identity(self) -> dict[str, Any]:
        """Identity of the model."""
        return self._model.identity()

    def answer(
        self, images: Sequence[Image.Image | None], prompts: Sequence[str], sampling: Sampling = GREEDY
    ) -> Sequence[str | Exclusion]:
        """Answers of the model."""
        return self._model.answer(images, prompts, sampling)

    def dialogue_losses(
        self,
        images: Sequence[Image.Image | None],
        dialogues: Sequence[Dialogue],
        *,
        mask_images: bool = False,
        max_tokens: int | None = None,
        batch_size: int = 16,
    ) -> list[list[Vectors]]:
        """Losses from the files, and of the model where there are none: see `Model.dialogue_losses`."""
        pixels = {id(image): _pixels(image) for image in images}
        keys = [
            _key([pixels[id(image)], mask_images, [list(pair) for pair in dialogue], max_tokens])
            for image, dialogue in zip(images, dialogues, strict=True)
        ]
        found = {key: self._files.get(key) for key in keys}
        missing = {key: row for row, key in enumerate(keys) if found[key] is None}
        if missing:
            computed = self._model.dialogue_losses(
                [images[row] for row in missing.values()],
                [dialogues[row] for row in missing.values()],
                mask_images=mask_images,
                max_tokens=max_tokens,
                batch_size=batch_size,
            )
            fresh = dict(zip(missing, computed, strict=True))
            self._files.add(fresh)
            found |= fresh
        return [one for key in keys if (one := found[key]) is not None]

    def flush(self) -> None:
        """Keep what was computed since the last time."""
        self._files.flush()

    def losses(
        self,
        images: Sequence[Image.Image | None],
        prompts: Sequence[str | None],
        answers: Sequence[str],
        *,
        mask_images: bool = False,
        max_tokens: int | None = None,
        batch_size: int = 16,
    ) -> list[Vectors]:
        """Losses of the model; they are not kept."""
        return self._model.losses(
            images,
            prompts,
            answers,
            mask_images=mask_images,
            max_tokens=max_tokens,
            batch_size=batch_size,
        )

    def preferences(
        self, images: Sequence[Image.Image | None], prompts: Sequence[str], words: tuple[str, str]
    ) -> list[float]:
        """Preferences of the model."""
        return self._model.preferences(images, prompts, words)

    def check_losses(self) -> None:
        """Raise ModelError if the model computes no losses."""
        self._model.check_losses()

    def count_tokens(self, text: str) -> int:
        """Number of tokens that a text is to the model."""
        return self._model.count_tokens(text)

    def load(self) -> None:
        """Load the model."""
        self._model.load()

    def close(self) -> None:
        """Release the model."""
        self._model.close()


def _pixels(image: Image.Image | None) -> str | None:
    if image is None:
        return None
    return hashlib.sha256(f"{image.mode} {image.size}".encode() + image.tobytes()).hexdigest()


def _key(depends: object) -> bytes:
    return hashlib.sha256(canonical_json(depends).encode("utf-8", "surrogatepass")).digest()
