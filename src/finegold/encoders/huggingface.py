"""Any CLIP or SigLIP of Hugging Face transformers, by hub id or local path.

CLIP: Radford et al. 2021 (arXiv 2103.00020). SigLIP: Zhai et al. 2023 (arXiv 2303.15343); SigLIP 2 of fixed
resolution (arXiv 2502.14786) has the same classes.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from finegold.arrays import Vectors
from finegold.engines.devices import resolve_device
from finegold.errors import ConfigError, ModelError, did_you_mean
from finegold.extras import check_hub, hub_commit, quiet_transformers, reading_tokenizer, require
from finegold.run import file_hashes
from finegold.samples.words import split_windows

if TYPE_CHECKING:
    import torch

MODEL_TYPES = ("clip", "siglip")
DTYPES = ("auto", "float32", "float16", "bfloat16")
MARKERS = 3
"""Most tokens that a tokenizer adds to those of a text: start, end, and SentencePiece's leading space."""


class HuggingFaceEncoder:
    """The two towers of one model, with its image processor (PIL back-end) and tokenizer.

    Images and texts go through the model's projections and stay un-normalised.
    """

    def __init__(self, name: str, *, device: str = "auto", dtype: str = "auto") -> None:
        """Read the model's configuration; weights load later.

        Args:
            name: Hub id or local folder.
            device: `auto`, `cpu`, `cuda`, `mps`, or one of several such as `cuda:1`.
            dtype: `float32`, `float16` or `bfloat16`; `auto` is float16 on cuda and float32 elsewhere.

        Raises:
            MissingExtraError: If torch or transformers is not installed.
            ConfigError: If device or dtype cannot be used.
            ModelError: If the model cannot be loaded, or is neither a CLIP nor a SigLIP.
        """
        why = f"the encoder '{name}'"
        require("torch", extra="models", why=why)
        self._transformers = require("transformers", extra="models", why=why)
        if dtype not in DTYPES:
            hint = did_you_mean(dtype, DTYPES)
            raise ConfigError(f"the dtype '{dtype}' is not known{hint}: give one of {', '.join(DTYPES)}")
        self.name = name
        self._device = resolve_device(device)
        self._dtype = (
            dtype if dtype != "auto" else "float16" if self._device.startswith("cuda") else "float32"
        )
        check_hub(name, ("offline",))
        self._config = self._call(self._transformers.AutoConfig.from_pretrained)
        self._type = str(self._config.model_type)
        if self._type not in MODEL_TYPES:
            raise ModelError(
                f"'{name}' is a {self._type} model: give --encoder a CLIP or SigLIP, by hub id or local "
                "path, or offline"
            )
        self.dim = int(
            self._config.projection_dim if self._type == "clip" else self._config.vision_config.hidden_size
        )
        self.max_tokens = int(self._config.text_config.max_position_embeddings)
        self._model: Any = None
        self._tokenizer: Any = None
        self._processor: Any = None

    def identity(self) -> dict[str, Any]:
        """Hub revision, or hashes of a local model's files; type and precision."""
        return dict(self._identity)

    @cached_property
    def _identity(self) -> dict[str, Any]:
        identity: dict[str, Any] = {"encoder": "huggingface", "type": self._type, "dtype": self._dtype}
        folder = Path(self.name)
        if folder.is_dir():
            return identity | {"files": file_hashes(folder, (".safetensors", ".bin", ".json", ".txt"))}
        return identity | {"model": self.name, "revision": self._commit}

    @cached_property
    def _commit(self) -> str | None:
        return hub_commit(self.name)

    def load(self) -> None:
        """Load weights, tokenizer and image processor.

        Raises:
            ModelError: If they cannot be loaded.
        """
        if self._model is not None:
            return
        import torch

        transformers = self._transformers
        self._tokenizer = self._call(transformers.AutoTokenizer.from_pretrained, revision=self._commit)
        self._processor = self._call(
            transformers.AutoImageProcessor.from_pretrained, revision=self._commit, backend="pil"
        )
        with quiet_transformers():
            model, report = self._call(
                transformers.AutoModel.from_pretrained,
                revision=self._commit,
                dtype=getattr(torch, self._dtype),
                output_loading_info=True,
            )
        if lacking := sorted(report["missing_keys"]):
            # The library fills such gaps with random numbers.
            raise ModelError(
                f"the model '{self.name}' lacks {len(lacking)} weights, among them {lacking[0]}: "
                "give --encoder a whole CLIP or SigLIP, or offline"
            )
        self._model = model.eval().to(self._device)

    def _call(self, from_pretrained: Callable[..., Any], **options: Any) -> Any:
        place = "local model" if Path(self.name).exists() else "model"
        advice = "--encoder a local folder with the model, or --encoder offline, which needs no hub"
        return call_loader(from_pretrained, self.name, place, advice, **options)

    def preprocess(self, image: Image.Image) -> "torch.Tensor":
        """RGB image to the model's `pixel_values`, shape (3, side, side)."""
        self.load()
        pixels: torch.Tensor = self._processor(images=image, return_tensors="pt")["pixel_values"][0]
        return pixels

    def encode_images(self, inputs: "Sequence[torch.Tensor]") -> Vectors:
        """Image projections, shape (n, d)."""
        import torch

        self.load()
        with torch.inference_mode():
            pixels = torch.stack(list(inputs)).to(self._device, self._model.dtype)
            return _vectors(self._model.get_image_features(pixel_values=pixels))

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Text projections, shape (n, d); a text beyond `max_tokens` is cut there."""
        return self.text_projections(self.tokenize(texts))

    def tokenize(self, texts: Sequence[str]) -> "dict[str, torch.Tensor]":
        """One padded batch of tokens on the model's device."""
        self.load()
        # SigLIP was trained on texts padded to full length without a mask, and reads others wrongly.
        padding = "max_length" if self._type == "siglip" else True
        tokens = self._tokenizer(
            list(texts), padding=padding, truncation=True, max_length=self.max_tokens, return_tensors="pt"
        )
        return {
            name: tokens[name].to(self._device)
            for name in ("input_ids", "attention_mask")
            if name in tokens and (name == "input_ids" or self._type == "clip")
        }

    def text_projections(self, tokens: "dict[str, torch.Tensor]") -> Vectors:
        """The forward pass over what `tokenize` returned."""
        import torch

        with torch.inference_mode():
            return _vectors(self._model.get_text_features(**tokens))

    def cuts(self, text: str) -> bool:
        """Whether the text has more tokens than `max_tokens`."""
        # No tokenizer here makes more tokens than bytes, markers aside.
        return len(text.encode()) > self.max_tokens - MARKERS and self._count_tokens(text) > self.max_tokens

    def windows(self, text: str) -> list[str]:
        """Runs of sentences that fit `max_tokens`; a longer sentence is cut at words."""
        return split_windows(text, self._count_tokens, self.max_tokens)

    def _count_tokens(self, text: str) -> int:
        self.load()
        return len(self._tokenizer(text, truncation=False, verbose=False)["input_ids"])


def _vectors(output: Any) -> Vectors:
    vectors: Vectors = output.pooler_output.float().to("cpu").numpy()
    return vectors


def call_loader(
    from_pretrained: Callable[..., Any], name: str, what: str, advice: str, **options: Any
) -> Any:
    """Call one of the library's loaders, and say what a user can do if it fails.

    Args:
        from_pretrained: The loader.
        name: Hub id or local folder.
        what: What is loaded, for the message.
        advice: What to give instead.
        options: For the loader; a `revision` of None is left out.

    Raises:
        ModelError: If it fails.
    """
    if options.get("revision", "") is None:
        del options["revision"]
    try:
        with reading_tokenizer(name):
            return from_pretrained(name, trust_remote_code=False, **options)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        reason = reason if len(reason) <= 160 else f"{reason[:160]}..."
        raise ModelError(
            f"the {what} '{name}' could not be loaded, from disk or from the hub ({reason}): give {advice}"
        ) from error
