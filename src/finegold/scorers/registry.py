"""Scorers by name, as a command line gives them, and their parameters for fingerprints."""

import json
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import Field, fields, is_dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from finegold.errors import ConfigError, FinegoldError, did_you_mean
from finegold.registry import Registry
from finegold.scorers.base import Context, Scorer


def _check(name: str, found: object) -> type[Scorer]:
    expected = "expected a frozen dataclass that extends `finegold.scorers.Scorer`"
    if not (isinstance(found, type) and is_dataclass(found) and issubclass(found, Scorer)):
        raise ConfigError(f"'{name}' is {found!r}, {expected}")
    lacking = [part for part in ("name", "version", "requires") if not hasattr(found, part)]
    if lacking := [*lacking, *sorted(found.__abstractmethods__)]:
        raise ConfigError(f"'{name}' lacks {', '.join(lacking)}, {expected}")
    return found


SCORERS = Registry("scorer", "finegold.scorers", check=_check)
"""finegold's own scorers and those of other packages, by name."""


def scorer_class(name: str) -> type[Scorer]:
    """The class of a registered name, or of `module:Class`; the module may lie in the current folder.

    Raises:
        ConfigError: If there is no such scorer.
    """
    module, colon, attribute = name.partition(":")
    if not colon:
        return SCORERS.get(name)
    try:
        with _current_folder_for(module):
            found = getattr(import_module(module), attribute)
    except FinegoldError:
        raise
    except Exception as error:
        why = error if isinstance(error, ImportError | AttributeError) else f"{type(error).__name__}: {error}"
        raise ConfigError(f"the scorer '{name}' cannot be imported ({why}): give module:Class") from error
    return _check(name, found)


@contextmanager
def _current_folder_for(module: str) -> Iterator[None]:
    """Let a module that is installed nowhere come from the current folder, which may hold untrusted data.

    The folder is searched last, and during the import of that module only. So no file in it stands in for an
    installed package, nor later for one that is not installed.
    """
    here = str(Path.cwd())
    before = list(sys.path)
    sys.path[:] = [place for place in before if place and Path(place) != Path(here)]
    try:
        if find_spec(module.partition(".")[0]) is None:
            sys.path.append(here)
        yield
    finally:
        sys.path[:] = before


def scorer_label(name: str) -> tuple[str, str]:
    """Label and unit of an indicator; its name, without a unit, if the scorer is not installed."""
    try:
        return SCORERS.get(name).label or name, SCORERS.get(name).value_unit
    except ConfigError:
        return name, ""


def scorer_name(scorer: Scorer) -> str:
    """The name under which a scorer object is used; a class of one's own gets its name in this process.

    A class may share the name of one that it is made from, as `llm-image` has that of `llm`: their scores are
    one indicator.

    Raises:
        ConfigError: If the name belongs to another scorer.
    """
    kind = type(scorer)
    if scorer.name not in SCORERS:
        SCORERS.add(scorer.name, kind)
    known = SCORERS.get(scorer.name)
    if issubclass(kind, known):
        return scorer.name
    if (known.__module__, known.__qualname__) != (kind.__module__, kind.__qualname__):
        raise ConfigError(
            f"the name '{scorer.name}' of the scorer {kind.__qualname__} belongs to {known.__module__}: give "
            "it another name"
        )
    SCORERS.add(scorer.name, kind)  # a cell of a notebook that was run again
    return scorer.name


def stated_parameters(scorer: Scorer) -> dict[str, Any]:
    """The parameters of a scorer object that are not the defaults of its class."""
    return {
        field.name: value
        for field in _fields(type(scorer))
        if field.init and (value := getattr(scorer, field.name)) != field.default
    }


def is_automatic(name: str) -> bool:
    """Whether there is a scorer of this name that a selection computes by itself."""
    return name in SCORERS and SCORERS.get(name).automatic


def uses_encoder(name: str) -> bool:
    """Whether there is a scorer of this name that takes an encoder."""
    return name in SCORERS and SCORERS.get(name).uses_encoder


def parameter_names(found: type[Scorer]) -> list[str]:
    """Names of a scorer's parameters, in order."""
    return [field.name for field in _fields(found) if field.init]


def make_scorer(name: str, **parameters: Any) -> Scorer:
    """A scorer with its parameters, its models not loaded.

    Args:
        name: A registered name, or `module:Class`.
        parameters: Values of the scorer's fields.

    Raises:
        ConfigError: If the name, a parameter or a parameter's value is not known; the message lists what is.
    """
    found = scorer_class(name)
    known = parameter_names(found)
    for parameter in parameters:
        if parameter not in known:
            raise ConfigError(
                f"the scorer '{name}' has no parameter '{parameter}'{did_you_mean(parameter, known)}: "
                + (f"give one of {', '.join(known)}" if known else "it takes none")
            )
    hints: dict[str, Any] = {}
    with suppress(NameError):  # types that a plug-in imports for checking alone
        hints = get_type_hints(found)
    for field in _fields(found):
        value, hint = parameters.get(field.name), hints.get(field.name, object)
        least = field.metadata.get("least")
        if field.name in parameters and not (_is_of_type(value, hint) and (least is None or value >= least)):
            wanted = hint.__name__ if isinstance(hint, type) else hint
            raise ConfigError(
                f"the parameter '{field.name}' of the scorer '{name}' is {value!r}, expected {wanted}"
                f"{'' if least is None else f' of {least} or more'}: give another value"
            )
    try:
        return found(**parameters)
    except TypeError as error:
        raise ConfigError(f"the scorer '{name}' cannot be made ({error}): give {', '.join(known)}") from None


def scorer_from_text(name: str, texts: Mapping[str, str], defaults: Mapping[str, Any]) -> Scorer:
    """A scorer with its parameters as text.

    Args:
        name: A registered name, or `module:Class`.
        texts: Parameters; `3`, `0.5`, `true` and `null` are read as JSON, unless the field is text.
        defaults: Parameters to give if the scorer has a field of that name and `texts` does not set it.

    Raises:
        ConfigError: If there is no such scorer or parameter.
    """
    types = {field.name: str(field.type) for field in _fields(scorer_class(name)) if field.init}
    parameters = {key: value for key, value in defaults.items() if key in types}
    for key, text in texts.items():
        try:
            parameters[key] = text if "str" in types.get(key, "str") else json.loads(text)
        except ValueError:
            parameters[key] = text
    return make_scorer(name, **parameters)


def scorer_parameters(scorer: Scorer, context: Context | None = None) -> dict[str, Any]:
    """What a scorer's numbers depend on besides the data, JSON-able, for fingerprints.

    They are its name and version, its fields except those marked `NOT_IN_FINGERPRINT`, and its `identity`.
    """
    chosen = {
        field.name: getattr(scorer, field.name)
        for field in _fields(type(scorer))
        if field.metadata.get("fingerprint", True)
    }
    return {
        "scorer": scorer.name,
        "version": scorer.version,
        "parameters": chosen,
        "model": scorer.identity(context or Context()),
    }


def _is_of_type(value: Any, hint: Any) -> bool:
    """Whether a value is of a plain type, and finite if it is a number; the class checks all other types."""
    if get_args(hint) and get_origin(hint) in (UnionType, Union):
        return any(_is_of_type(value, one) for one in get_args(hint))
    if hint in (int, float):
        number = isinstance(value, int | hint) and not isinstance(value, bool)
        return number and math.isfinite(value)
    return isinstance(value, hint) if hint in (bool, str, type(None)) else True


def _fields(scorer: type[Scorer]) -> tuple[Field[Any], ...]:
    return fields(scorer)  # type: ignore[arg-type]  # the registry takes dataclasses only
