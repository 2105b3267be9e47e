"""Text encoders: texts to vectors that are near for texts that mean the same."""

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from finegold.arrays import Vectors
from finegold.encoders.base import ENCODERS, TEXT_BATCH, TextEncoder, embed_texts, load_encoder
from finegold.encoders.huggingface import MODEL_TYPES, call_loader
from finegold.engines.devices import resolve_device
from finegold.extras import check_hub, hub_commit, quiet_transformers, require
from finegold.run import file_hashes
from finegold.samples.words import split_windows

MINILM = "minilm"
"""The text encoder whose weights come from the package index."""


class MiniLmEncoder:
    """all-MiniLM-L6-v2 of the offline models, on the CPU or a GPU."""

    def __init__(self, name: str, *, device: str = "auto") -> None:
        self.name, self._device = name, resolve_device(device)
        from finegold.offline.minilm import WIDTH

        self.dim = WIDTH

    def identity(self) -> dict[str, Any]:
        """Hash of the weights."""
        from finegold.offline.minilm import SHA256

        return {"text_encoder": MINILM, "sha256": SHA256}

    def load(self) -> None:
        """Load the weights; raises MissingExtraError or ModelError."""
        self._model()

    def _model(self) -> Any:
        from finegold.offline.minilm import load_minilm

        return load_minilm(self._device)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """The mean over the tokens of each text, shape (n, 384)."""
        vectors: Vectors = self._model()(texts).pooled.float().cpu().numpy()
        return vectors

    def windows(self, text: str) -> list[str]:
        """Pieces of at most 256 tokens."""
        from finegold.offline.minilm import MAX_TOKENS

        return split_windows(text, self._model().count_tokens, MAX_TOKENS)


class SentenceEncoder:
    """A model of the sentence-transformers kind: a transformer whose token states are pooled.

    The model's `1_Pooling/config.json` says whether the mean of the tokens or the first token counts; the
    mean does without it. Further layers of the model (dense, normalisation) are not used.
    """

    def __init__(self, name: str, *, device: str = "auto") -> None:
        """Read the model's configuration; weights load later; raises ModelError if it cannot be read."""
        self._transformers = require("transformers", extra="models", why=f"the text encoder '{name}'")
        self.name, self._device = name, resolve_device(device)
        check_hub(name, (MINILM,))
        self._config = self._call(self._transformers.AutoConfig.from_pretrained)
        self.model_type = str(self._config.model_type)
        self.dim = int(getattr(self._config, "hidden_size", 0))
        self._commit = hub_commit(name)
        self._first = _pools_first(name, self._commit)
        self._model: Any = None
        self._tokenizer: Any = None

    def identity(self) -> dict[str, Any]:
        """Hashes of a local model's files, or the hub revision; and the pooling."""
        found: dict[str, Any] = {"text_encoder": "sentence", "pooling": "first" if self._first else "mean"}
        folder = Path(self.name)
        if folder.is_dir():
            return found | {"files": file_hashes(folder, (".safetensors", ".bin", ".json", ".txt"))}
        return found | {"model": self.name, "revision": self._commit}

    def load(self) -> None:
        """Load weights and tokenizer; raises ModelError."""
        if self._model is None:
            import torch

            models = self._transformers
            self._tokenizer = self._call(models.AutoTokenizer.from_pretrained, revision=self._commit)
            with quiet_transformers():
                model = self._call(
                    models.AutoModel.from_pretrained, revision=self._commit, dtype=torch.float32
                )
            self._model = model.eval().to(self._device)

    @property
    def max_tokens(self) -> int:
        """Longest text in tokens, the markers included."""
        positions = int(getattr(self._config, "max_position_embeddings", 512))
        return min(positions, int(self._tokenizer.model_max_length), 512)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Pooled token states, shape (n, d)."""
        import torch

        self.load()
        tokens = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt"
        ).to(self._device)
        with torch.inference_mode():
            states: torch.Tensor = self._model(**tokens).last_hidden_state
            mask = tokens["attention_mask"][:, :, None].to(states.dtype)
            pooled = states[:, 0] if self._first else (states * mask).sum(1) / mask.sum(1)
        vectors: Vectors = pooled.float().cpu().numpy()
        return vectors

    def windows(self, text: str) -> list[str]:
        """Pieces that fit the model."""
        self.load()

        def count(piece: str) -> int:
            return len(self._tokenizer(piece, truncation=False, verbose=False)["input_ids"])

        return split_windows(text, count, self.max_tokens)

    def _call(self, from_pretrained: Callable[..., Any], **options: Any) -> Any:
        advice = "--text-encoder a local folder with the model, or minilm, which needs no hub"
        return call_loader(from_pretrained, self.name, "text encoder", advice, **options)


def _pools_first(name: str, revision: str | None) -> bool:
    from transformers.utils import cached_file

    try:
        path = cached_file(name, "1_Pooling/config.json", revision=revision)
        pooling = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(pooling, dict) and bool(pooling.get("pooling_mode_cls_token"))


@cache
def load_text_encoder(name: str, *, device: str = "auto") -> TextEncoder:
    """The text encoder of a name; the same object for the same arguments, its weights not loaded yet.

    Args:
        name: `minilm`; a model of the sentence-transformers kind, by local folder or hub id; or an image-text
            encoder as `load_encoder` takes it, whose text tower is used.
        device: `auto`, or a device of torch.

    Raises:
        MissingExtraError: If a package that it needs is not installed.
        ModelError: If the model cannot be found.
    """
    if name == MINILM:
        return MiniLmEncoder(name, device=device)
    if name.partition(":")[0] in ENCODERS:
        return load_encoder(name, device=device)
    sentence = SentenceEncoder(name, device=device)
    return load_encoder(name, device=device) if sentence.model_type in MODEL_TYPES else sentence


def embed_long_texts(encoder: TextEncoder, texts: Sequence[str], batch_size: int = TEXT_BATCH) -> Vectors:
    """Embed texts of any length: the mean over the windows of each, every distinct window once.

    Returns:
        Shape (n, d), raw.
    """
    windows = {text: encoder.windows(text) for text in set(texts)}
    pieces = list({piece: None for several in windows.values() for piece in several})
    place = {piece: index for index, piece in enumerate(pieces)}
    vectors = embed_texts(encoder, pieces, batch_size)
    found = np.empty((len(texts), encoder.dim), np.float32)
    for row, text in enumerate(texts):
        found[row] = vectors[[place[piece] for piece in windows[text]]].mean(axis=0)
    return found
