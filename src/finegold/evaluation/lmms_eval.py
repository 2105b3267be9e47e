"""finegold's models inside lmms-eval 0.7, through its entry point for models.

lmms-eval finds `manifest` in the entry-point group `lmms_eval.models`, so that in an environment with both

    lmms_eval --model finegold --model_args pretrained=offline --tasks flickr30k_test

runs. Written after lmms-eval's documented interface for simple models. It needs a separate environment,
because lmms-eval brings torchvision and 50 more packages.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from PIL import Image

from finegold.errors import ConfigError, ModelError
from finegold.evaluation.answering import batches, find_profile
from finegold.extras import require
from finegold.models import Model, Sampling, load_model
from finegold.models.prefix import Parts
from finegold.samples import IMAGE_PLACEHOLDER, Exclusion

_WHY = "the lmms-eval bridge"
_MAX_NEW_TOKENS = 1024
"""New tokens where a task names no limit; what lmms-eval's own models take."""


def manifest() -> Any:
    """The `ModelManifest` that registers the model `finegold`.

    Raises:
        MissingExtraError: If lmms-eval is not installed.
    """
    registry = require("lmms_eval.models.registry_v2", extra="lmms-eval", why=_WHY)
    return registry.ModelManifest(model_id="finegold", simple_class_path=f"{__name__}.FinegoldModel")


def __getattr__(name: str) -> Any:
    """`FinegoldModel`, made at its first use, because its base class is lmms-eval's."""
    if name != "FinegoldModel":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    base: Any = require("lmms_eval.api.model", extra="lmms-eval", why=_WHY).lmms

    class FinegoldModel(base):  # type: ignore[misc]  # lmms-eval has no types
        """A finegold model as a simple model of lmms-eval."""

        is_simple = True

        def __init__(
            self,
            pretrained: str = "offline",
            batch_size: int | str = 16,
            device: str | None = None,
            dtype: str = "auto",
            profile: str = "greedy",
            seed: int = 0,
            projection: str | None = None,
            language_model: str | None = None,
            vision_model: str | None = None,
            **other: Any,
        ) -> None:
            super().__init__()
            unknown = sorted(other.keys() - {"max_batch_size"})
            if unknown:
                raise ConfigError(
                    f"--model_args has {', '.join(unknown)}, expected pretrained, dtype, profile, seed, "
                    "projection, language_model, vision_model"
                )
            self._batch_size = int(batch_size)
            self._sampling = find_profile(profile).sampling(_MAX_NEW_TOKENS, int(seed))
            start = None if projection is None else Path(projection)
            parts = Parts(language_model, vision_model, start)
            self._answering = load_model(pretrained, device=device or "auto", dtype=dtype, parts=parts)
            self._answering.use_template(find_profile(profile).template)

        def generate_until(self, requests: Sequence[Any]) -> list[str]:
            return answer_requests(
                self._answering, requests, self.task_dict, self._batch_size, self._sampling
            )

        def loglikelihood(self, requests: Sequence[Any]) -> Any:
            raise NotImplementedError("finegold's models answer; they give no likelihoods to lmms-eval")

        def generate_until_multi_round(self, requests: Sequence[Any]) -> Any:
            raise NotImplementedError("finegold's models answer single questions")

    return FinegoldModel


def answer_requests(
    model: Model, requests: Sequence[Any], documents: Any, batch_size: int, sampling: Sampling | None = None
) -> list[str]:
    """Answers to lmms-eval's requests, in order.

    Args:
        model: The model that answers.
        requests: Each with `args` = (context, settings, images of a document, document id, task, split).
        documents: Documents by task, split and id.
        batch_size: Number of questions in a call.
        sampling: How tokens are chosen; a request's own `max_new_tokens` comes first. None is greedy.

    Raises:
        ModelError: If a question has not exactly one image, or gets no answer: lmms-eval would score a gap as
            wrong.
    """
    sampling = sampling or Sampling(_MAX_NEW_TOKENS)
    answers = []
    for count, group in groupby((request.args for request in requests), key=_max_new_tokens):
        for batch in batches(list(group), batch_size):
            images = [_image(arguments, documents) for arguments in batch]
            prompts = [arguments[0].replace(IMAGE_PLACEHOLDER, "").strip() for arguments in batch]
            texts = model.answer(images, prompts, replace(sampling.for_batch(prompts), max_new_tokens=count))
            for arguments, answer in zip(batch, texts, strict=True):
                if isinstance(answer, Exclusion):
                    raise ModelError(f"{arguments[4]} document {arguments[3]} has no answer: {answer.reason}")
                answers.append(_until(answer, arguments[1].get("until")))
    return answers


def _max_new_tokens(arguments: Any) -> int:
    return int(arguments[1].get("max_new_tokens") or _MAX_NEW_TOKENS)


def _image(arguments: Any, documents: Any) -> Image.Image:
    _, _, visual, document, task, split = arguments
    images = visual(documents[task][split][document])
    if len(images) != 1 or not isinstance(images[0], Image.Image):
        raise ModelError(f"{task} document {document} has {len(images)} images, expected one picture")
    return images[0].convert("RGB")


def _until(answer: str, ends: str | Sequence[str] | None) -> str:
    for end in [ends] if isinstance(ends, str) else ends or []:
        answer = answer.split(end)[0] if end else answer
    return answer.strip()
