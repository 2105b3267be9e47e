"""Scorers as a command line names them: `clip`, or `module:Class`, with parameters as text."""

import json
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from finegold.errors import ConfigError
from finegold.scorers.base import Scorer
from finegold.scorers.registry import make_scorer, scorer_class


def scorer_from_text(name: str, texts: Mapping[str, str], defaults: Mapping[str, Any]) -> Scorer:
    """Make a scorer.

    Args:
        name: A registered name, or `module:Class` of a module in the current folder or installed.
        texts: Parameters; `3`, `0.5`, `true` and `null` are read as JSON, unless the field is text.
        defaults: Parameters to give if the scorer has a field of that name and `texts` does not set it.

    Raises:
        ConfigError: If there is no such scorer or parameter.
    """
    found = _import(name) if ":" in name else scorer_class(name)
    types = {field.name: str(field.type) for field in fields(found)}  # type: ignore[arg-type]
    given = {key: value for key, value in defaults.items() if key in types}
    given |= {key: text if "str" in types.get(key, "str") else _value(text) for key, text in texts.items()}
    if ":" not in name:
        return make_scorer(name, **given)
    unknown = sorted(set(given) - set(types))
    if unknown:
        raise ConfigError(
            f"the scorer '{name}' has no parameter '{unknown[0]}': it takes {', '.join(types) or 'none'}"
        )
    return found(**given)


def _import(name: str) -> type[Scorer]:
    module, _, attribute = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"the scorer '{name}' cannot be imported ({error}): give module:Class") from error
    lacking = [part for part in ("name", "version", "requires", "load", "score") if not hasattr(found, part)]
    if not isinstance(found, type) or not is_dataclass(found) or lacking:
        raise ConfigError(
            f"'{name}' is no scorer, which is a frozen dataclass with name, version, requires, load and score"
            + (f", and lacks {', '.join(lacking)}" if lacking else "")
        )
    return cast("type[Scorer]", found)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
