"""The model that a name stands for."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from finegold.models.base import Model
from finegold.models.blind import CONSTANT, SPELLING_RULE, ConstantAnswer, SpellingRule

if TYPE_CHECKING:
    from finegold.llm import Session

ENDPOINT = "endpoint:"


def load_model(
    name: str,
    *,
    device: str = "auto",
    dtype: str = "auto",
    session: "Callable[[], Session] | None" = None,
    features: Path | None = None,
) -> Model:
    """The model that a name stands for; its weights are loaded when they are first needed.

    Args:
        name: `offline`, a folder that `finegold tune` wrote, a Hugging Face folder or hub id,
            `endpoint:NAME`, `constant:TEXT` or `spelling-rule`.
        device: `auto`, `cpu`, `cuda`, `cuda:1`...
        dtype: `float32`, `bfloat16`, `float16` or `auto`, which is bfloat16 for a Hugging Face model on a GPU
            and float32 otherwise.
        session: Opens the settings of an endpoint; None takes them from the environment.
        features: Folder that keeps image features of projected-prefix models; None keeps none.

    Raises:
        ConfigError: If the name stands for an endpoint and there are no settings for one.
    """
    if name.startswith(CONSTANT):
        return ConstantAnswer(name.removeprefix(CONSTANT))
    if name == SPELLING_RULE:
        return SpellingRule()
    if name.startswith(ENDPOINT):
        from finegold.llm import session_from
        from finegold.models.endpoint import EndpointModel

        return EndpointModel(name, name.removeprefix(ENDPOINT), (session or session_from)())
    from finegold.models.prefix.storage import is_prefix_name

    if is_prefix_name(name):
        from finegold.models.prefix.model import PrefixModel

        return PrefixModel(name, device=device, dtype=dtype, features=features)
    from finegold.models.huggingface.model import HuggingFaceModel

    return HuggingFaceModel(name, device=device, dtype=dtype)
