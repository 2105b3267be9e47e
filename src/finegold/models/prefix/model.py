"""Answers and losses of projected-prefix models: `offline`, and those that `finegold tune` makes."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from finegold.arrays import Vectors
from finegold.engines.devices import resolve_device
from finegold.extras import extra_of, require
from finegold.models.base import (
    GREEDY,
    Model,
    Sampling,
    dtype_named,
    require_images,
)
from finegold.models.generation import UNFINISHED, keep_special_tokens, seeded_inference, shown_steps
from finegold.models.prefix.features import FeatureCache
from finegold.models.prefix.network import PrefixNetwork
from finegold.models.prefix.storage import (
    Parts,
    automatic_dtype,
    load_network,
    model_folder,
    read_config,
)
from finegold.models.prefix.template import (
    Template,
    encode_answer,
    encode_piece,
    encode_prompt,
    end_ids,
    template_named,
)
from finegold.run import file_hashes, file_sha256

if TYPE_CHECKING:
    import torch


class PrefixModel(Model):
    """A projected-prefix model; each question needs an image."""

    def __init__(
        self,
        name: str,
        *,
        device: str = "auto",
        dtype: str = "auto",
        features: Path | None = None,
        parts: Parts | None = None,
    ) -> None:
        """Take the settings; see `load_model`."""
        self.name = name
        self._device, self._dtype, self._features = device, dtype, features
        self._parts = (parts or Parts()).located()
        self._version: str | None = None

    @cached_property
    def network(self) -> PrefixNetwork:
        """The network, loaded when it is first needed.

        Raises:
            ModelError: If it cannot be loaded.
        """
        network = load_network(self.name, parts=self._parts, device=self._device, dtype=self._precision)
        keep_special_tokens(network.language_model, network.tokenizer)
        if self._features is not None:
            network.features = FeatureCache(self._features, network.features)
        return network

    def load(self) -> None:
        """Load the network."""
        _ = self.network

    def close(self) -> None:
        """Release the network."""
        vars(self).pop("network", None)

    @property
    def _precision(self) -> "torch.dtype":
        require("torch", extra=extra_of(self.name), why=f"the model '{self.name}'")
        return dtype_named(self._dtype, automatic_dtype(self.name, resolve_device(self._device)))

    def use_template(self, name: str | None) -> None:
        """Ask in another version of the model's chat format; formats of other models change nothing."""
        self._version = name

    def _chat_template(self, saved: Template) -> Template:
        """The format in which questions are put: the version that was named, if it is of the saved family."""
        other = saved if self._version is None else template_named(self._version)
        return other if other.family == saved.family else saved

    def identity(self) -> dict[str, Any]:
        """Hashes of the folder's files, or of the projection and the other parts of a model of parts."""
        folder = model_folder(self.name)
        config, parts = read_config(self.name), self._parts
        found: dict[str, Any] = {"kind": "projected-prefix", "model": self.name}
        if folder is not None:
            files = sorted(file for file in folder.rglob("*") if file.suffix in (".safetensors", ".json"))
            found["files"] = {str(file.relative_to(folder)): file_sha256(file)[:16] for file in files}
        if parts.from_scratch:
            found["projection"] = "untrained"
        elif parts.projection is not None:
            found["projection"] = {"file": parts.projection.name, "sha256": file_sha256(parts.projection)}
        language_model = parts.language_model or config.language_model
        if folder is None or Path(language_model).is_dir():
            found["language_model"] = _source(language_model)
        if vision_model := parts.vision_model or config.features.get("path"):
            found["vision_model"] = _source(vision_model)
        saved = template_named(config.template)
        if (template := self._chat_template(saved)) is not saved:
            found["template"] = template.name
        precision = str(self._precision).removeprefix("torch.")
        return found if self._dtype == "auto" and precision == "float32" else found | {"dtype": precision}

    def answer(
        self, images: Sequence[Image.Image | None], prompts: Sequence[str], sampling: Sampling = GREEDY
    ) -> list[str]:
        """Answer in the chat form of the model's template, up to its end symbol.

        Raises:
            ConfigError: If a question has no image.
        """
        return self._answer(images, [((), prompt) for prompt in prompts], sampling)

    def sees_turns(self) -> bool:
        """Whether the template has turns."""
        return template_named(read_config(self.name).template).turns is not None

    def reply(
        self,
        image: Image.Image | None,
        earlier: Sequence[tuple[str, str]],
        prompt: str,
        sampling: Sampling,
        on_text: Callable[[str], None] | None = None,
    ) -> str:
        """Answer in the chat form behind the earlier turns, as MiniGPT-4's demonstration does."""
        return self._answer([image], [(earlier, prompt)], sampling, on_text)[0]

    def _answer(
        self,
        images: Sequence[Image.Image | None],
        prompts: Sequence[tuple[Sequence[tuple[str, str]], str]],
        sampling: Sampling,
        on_text: Callable[[str], None] | None = None,
    ) -> list[str]:
        """Answer prompts, each with the turns before it."""
        from transformers import StoppingCriteriaList

        shown = require_images(self.name, images)
        network = self.network
        template = self._chat_template(network.template)
        ends = end_ids(network.tokenizer, template)
        questions = [
            encode_prompt(network.tokenizer, template, prompt, chat=True, earlier=earlier)
            for earlier, prompt in prompts
        ]
        batch = network.collate(questions, [[] for _ in questions], left=True)
        features = network.features.encode(shown).to(network.device)
        whole = [*ends, [network.tokenizer.eos_token_id]]

        def texts(rows: list[list[int]]) -> list[str]:
            answers = [_before_end(row, whole) for row in rows]
            found = network.tokenizer.batch_decode(answers, skip_special_tokens=True)
            return [template.clean(text) for text in found]

        criteria = [_ends_with(ends)]
        if on_text is not None:
            criteria.append(shown_steps(lambda ids: on_text(texts([ids])[0].rstrip(UNFINISHED))))
        with seeded_inference(sampling.seed):
            ids = network.language_model.generate(
                inputs_embeds=network.embed(batch, features),
                attention_mask=batch.attention_mask,
                stopping_criteria=StoppingCriteriaList(criteria),
                pad_token_id=network.tokenizer.pad_token_id,
                **sampling.arguments(),
            )
        return texts(ids.tolist())

    def count_tokens(self, text: str) -> int:
        """Number of tokens of a text."""
        return len(encode_piece(self.network.tokenizer, text))

    def _answer_ids(self, prompt: str | None, answer: str) -> list[int]:  # noqa: ARG002 (is not needed)
        return encode_answer(self.network.tokenizer, self.network.template, answer)

    def _token_losses(
        self,
        images: Iterable[Image.Image | None],
        prompts: Sequence[str | None],
        answers: Sequence[list[int]],
        mask_images: bool,
    ) -> list[Vectors]:
        import torch

        network = self.network
        seen = [None] * len(answers) if mask_images else list(images)
        # One picture may stand with many texts: the turns of a conversation, or the answers of other rows.
        distinct = {id(image): image for image in seen if image is not None}
        place = {key: row for row, key in enumerate(distinct)}
        none = torch.empty(0, network.features.tokens, network.features.width)
        features = network.features.encode(list(distinct.values())) if distinct else none
        features = features[[place[id(image)] for image in seen if image is not None]]
        batch = network.collate(
            [encode_prompt(network.tokenizer, network.template, prompt or "") for prompt in prompts],
            answers,
            shown=[image is not None for image in seen],
        )
        with torch.inference_mode():
            nats = network.token_losses(batch, features.to(network.device)).cpu().numpy()
        return np.split(nats, np.cumsum([len(ids) for ids in answers])[:-1])


def _source(name: str) -> dict[str, Any]:
    """What a model's part is made of: the hashes of its weights, or the name of a model of a hub."""
    if not Path(name).is_dir():
        return {"model": name}
    hashes = file_hashes(Path(name), {".safetensors", ".bin", ".model"})
    return {"model": name, "files": {file: sha256[:16] for file, sha256 in hashes.items()}}


def _ends_with(ends: list[list[int]]) -> Any:
    """Stopping criterion of `generate`: a row stops when it ends with one of the token sequences."""

    def stops(input_ids: "torch.Tensor", _scores: Any, **_kwargs: Any) -> "torch.Tensor":
        import torch

        done = torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)
        for end in ends:
            if input_ids.shape[1] >= len(end):
                done |= (input_ids[:, -len(end) :] == torch.tensor(end, device=input_ids.device)).all(1)
        return done

    return stops


def _before_end(ids: list[int], ends: list[list[int]]) -> list[int]:
    for at in range(len(ids)):
        if any(ids[at : at + len(end)] == end for end in ends):
            return ids[:at]
    return ids
