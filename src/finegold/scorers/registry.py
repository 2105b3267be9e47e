"""Scorers by name, and what tells one from another."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from finegold.errors import ConfigError
from finegold.scorers.base import Scorer

ENTRY_POINTS = "finegold.scorers"
"""Group of third-party scorers: a frozen dataclass under the name that selects it."""
NOT_IN_FINGERPRINT: Mapping[str, bool] = {"fingerprint": False}
"""Metadata of a scorer's field on which the numbers do not depend, such as a device."""
_BUILT_IN = {
    "clip": "finegold.scorers.clip:Clip",
    "detail": "finegold.scorers.detail:Detail",
    "ifd": "finegold.scorers.ifd:Ifd",
    "length": "finegold.scorers.length:Length",
    "llm": "finegold.scorers.llm:LlmScorer",
    "llm-image": "finegold.scorers.llm:LlmImageScorer",
    "perplexity": "finegold.scorers.perplexity:Perplexity",
    "phrasing": "finegold.scorers.phrasing:Phrasing",
    "reward": "finegold.scorers.reward:Reward",
    "support": "finegold.scorers.support:Support",
}


def scorer_names() -> list[str]:
    """Names that `make_scorer` takes, sorted."""
    return sorted(name for name, _ in _points())


def _points() -> Iterator[tuple[str, EntryPoint | str]]:
    yield from _BUILT_IN.items()
    for point in entry_points(group=ENTRY_POINTS):
        if point.name not in _BUILT_IN:
            yield point.name, point


def scorer_class(name: str) -> type[Scorer]:
    """The class behind a name; finegold's own win over those of other packages.

    Raises:
        ConfigError: If there is none of that name, or it is no dataclass.
    """
    point = dict(_points()).get(name)
    if point is None:
        raise ConfigError(f"there is no scorer '{name}': give one of {', '.join(scorer_names())}")
    if isinstance(point, str):
        module, _, attribute = point.partition(":")
        found = getattr(import_module(module), attribute)
    else:
        found = point.load()
    if not (isinstance(found, type) and is_dataclass(found)):
        raise ConfigError(f"the scorer '{name}' is {found!r} instead of a dataclass: repair its package")
    return cast("type[Scorer]", found)


def make_scorer(name: str, **parameters: Any) -> Scorer:
    """A scorer with its parameters, its models not loaded.

    Raises:
        ConfigError: If the name, a parameter or a parameter's value is not known; the message lists what is.
    """
    found = scorer_class(name)
    known = [field.name for field in _fields(found) if field.init]
    for parameter in parameters:
        if parameter not in known:
            raise ConfigError(
                f"the scorer '{name}' has no parameter '{parameter}': "
                + (f"give one of {', '.join(known)}" if known else "it takes none")
            )
    try:
        return found(**parameters)
    except TypeError as error:
        raise ConfigError(f"the scorer '{name}' cannot be made ({error}): give {', '.join(known)}") from None


def scorer_parameters(scorer: Scorer) -> dict[str, Any]:
    """What a scorer's numbers depend on beside the data, JSON-able, for fingerprints.

    Its name, version and fields, except those marked `NOT_IN_FINGERPRINT`; and what its method `identity()`
    returns, if it has one: hashes or revisions of the models behind it.
    """
    chosen = {
        field.name: getattr(scorer, field.name)
        for field in _fields(type(scorer))
        if field.metadata.get("fingerprint", True)
    }
    identity = getattr(scorer, "identity", None)
    return {
        "scorer": scorer.name,
        "version": scorer.version,
        "parameters": chosen,
        "model": identity() if identity is not None else None,
    }


def _fields(scorer: type[Scorer]) -> tuple[Any, ...]:
    return fields(scorer)  # type: ignore[arg-type]


def is_automatic(name: str) -> bool:
    """Whether there is a scorer of this name that a selection computes without being told to."""
    return name in scorer_names() and name not in ("reward", "llm", "llm-image", "ifd", "perplexity")


def uses_encoder(name: str) -> bool:
    """Whether there is a scorer of this name that takes an encoder."""
    return name in scorer_names() and "encoder" in {field.name for field in _fields(scorer_class(name))}


def scorer_label(name: str) -> tuple[str, str]:
    """Label and unit of an indicator; the name, without a unit, if its scorer is not installed."""
    return (name, "")
