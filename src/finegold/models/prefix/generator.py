"""The projected-prefix models that `finegold tune` makes, and `offline`."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from finegold.models.base import Profile
from finegold.models.prefix.answering import PrefixAnswerer, Sampling
from finegold.models.prefix.feature_cache import CachedFeatures
from finegold.models.prefix.network import PrefixNetwork
from finegold.models.prefix.registry import load_network
from finegold.offline.captioner import MODEL_FOLDER
from finegold.run import file_sha256


class PrefixGenerator:
    """Answers with a model that `finegold generate` knows."""

    blind = False

    def __init__(
        self,
        model: str,
        profile: Profile,
        *,
        seed: int = 0,
        device: str = "auto",
        features: Path | None = None,
    ) -> None:
        """Take the settings; `generate` loads the weights.

        Args:
            model: `offline`, `offline-smollm2`, `minigpt4-7b`, or a folder that `tune` wrote.
            profile: How tokens are chosen.
            seed: Of draws; each batch draws from a generator seeded by this and its prompts.
            device: `auto`, `cpu`, `cuda`...
            features: Folder that keeps image features for models of the same tower; None to keep none.
        """
        self.name = model
        self._features = features
        self._profile = profile
        self._seed = seed
        self._device = device
        self._model: PrefixNetwork | None = None

    @property
    def model(self) -> PrefixNetwork:
        """The model itself, loaded when it is first needed."""
        if self._model is None:
            self._model = load_network(self.name, device=self._device)
            if self._features is not None:
                self._model.features = CachedFeatures(self._model.features, self._features)
        return self._model

    def identity(self) -> dict[str, Any]:
        """See `Generator`: the hashes of a folder's files."""
        folder = MODEL_FOLDER if self.name == "offline" else Path(self.name)
        files = sorted(file for file in folder.rglob("*") if file.suffix in (".safetensors", ".json"))
        return {
            "kind": "projected-prefix",
            "model": self.name,
            "files": {str(file.relative_to(folder)): file_sha256(file)[:16] for file in files},
        }

    def generate(
        self, images: Sequence[Image.Image], prompts: Sequence[str], max_new_tokens: int
    ) -> list[str]:
        """See `Generator`."""
        mixed = hashlib.sha256("\0".join((str(self._seed), *prompts)).encode("utf-8", "surrogatepass"))
        sampling = Sampling(
            longest=max_new_tokens,
            temperature=self._profile.temperature,
            top_p=self._profile.top_p,
            seed=int.from_bytes(mixed.digest()[:6], "big"),
        )
        return PrefixAnswerer(self.model).answer(images, prompts, sampling)

    def close(self) -> None:
        """See `Generator`."""
        self._model = None
