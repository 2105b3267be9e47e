"""Short TOML files that come with finegold under a name, or are a user's own (`my.toml`)."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

from finegold.errors import ConfigError


def toml_names(package: str, folder: str) -> list[str]:
    """Names of the files in a folder of a package, sorted."""
    entries = (resources.files(package) / folder).iterdir()
    return sorted(entry.name.removesuffix(".toml") for entry in entries if entry.name.endswith(".toml"))


def read_named_toml(name: str, package: str, folder: str, what: str) -> dict[str, Any]:
    """Content of a file by name, or by its path if that ends in `.toml`; `name` is set to the file's.

    Args:
        name: One of `toml_names`, or a path.
        package: Where finegold's own are.
        folder: Of the package.
        what: For messages: `recipe`.

    Raises:
        ConfigError: If there is no such file, or it is not TOML.
    """
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise ConfigError(f"there is no {what} at {name}")
        text, stem = path.read_text(encoding="utf-8"), path.stem
    else:
        known = toml_names(package, folder)
        if name not in known:
            raise ConfigError(
                f"the {what} '{name}' is unknown, expected one of {', '.join(known)}, or a .toml file"
            )
        text = (resources.files(package) / folder / f"{name}.toml").read_text(encoding="utf-8")
        stem = name
    try:
        return {"name": stem, **tomllib.loads(text)}
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the {what} {name} is not valid TOML ({error})") from None
