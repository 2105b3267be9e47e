"""Generators: the models that can be evaluated, by the name that a user gives."""

from collections.abc import Callable

from finegold.errors import ConfigError
from finegold.llm import Session
from finegold.models.base import PROFILES, Generator, Profile, find_profile
from finegold.models.blind import CONSTANT, LEAK, Constant, SpellingRule
from finegold.models.endpoint import PREFIX, EndpointGenerator
from finegold.models.huggingface.generator import HuggingFaceGenerator


def open_generator(
    model: str,
    profile: Profile,
    *,
    seed: int = 0,
    device: str = "auto",
    dtype: str = "auto",
    session: Callable[[], Session] | None = None,
) -> Generator:
    """The generator that a name stands for; weights are loaded when they are first needed.

    Args:
        model: `constant:TEXT`, `spelling-rule`, `endpoint:MODEL`, `offline`, a folder that `finegold tune`
            wrote, or a Hugging Face folder or hub id.
        profile: How tokens are chosen.
        seed: Of draws.
        device: `auto`, `cpu`, `cuda`...
        dtype: Of a Hugging Face model.
        session: Opens the endpoint's settings.

    Raises:
        ConfigError: If the name stands for an endpoint and there are no settings for one.
    """
    if model.startswith(CONSTANT):
        return Constant(model.removeprefix(CONSTANT))
    if model == LEAK:
        return SpellingRule()
    if model.startswith(PREFIX):
        if session is None:
            raise ConfigError(f"'{model}' is an endpoint, and no endpoint is set")
        return EndpointGenerator(model.removeprefix(PREFIX), session(), profile)
    from finegold.models.prefix.registry import is_prefix_name

    if is_prefix_name(model):
        from finegold.models.prefix.generator import PrefixGenerator

        return PrefixGenerator(model, profile, seed=seed, device=device)
    return HuggingFaceGenerator(model, profile, seed=seed, device=device, dtype=dtype)


__all__ = ["PROFILES", "Generator", "Profile", "find_profile", "open_generator"]
