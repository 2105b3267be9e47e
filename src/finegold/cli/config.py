"""The options of a command from a TOML file, and in one: `--config pick.toml`, `--save-config pick.toml`."""

import json
import tomllib
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

OWN = ("config", "save_config")
"""Options that no file holds."""


def read_config(context: typer.Context, path: Path | None) -> Path | None:
    """Take the values of a file as the defaults of the command's options; what is given otherwise wins.

    Raises:
        ConfigError: If the file cannot be read, or names no option of the command.
    """
    from finegold.errors import ConfigError, did_you_mean

    if path is None:
        return None
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(
            f"--config names {path}, which cannot be read ({why}): give a TOML file of options, such as one "
            "that --save-config wrote"
        ) from None
    names = {_key(one): one.name for one in context.command.params if one.name not in (*OWN, "help")}
    values: dict[str, Any] = {}
    for key, value in content.items():
        name = names.get(key.replace("_", "-"))
        if name is None:
            raise ConfigError(
                f"{path} sets '{key}'{did_you_mean(key, names)}, and this command has no such option: give "
                f"some of {', '.join(sorted(names))}"
            )
        values[name] = value if isinstance(value, bool | list) else str(value)
    context.default_map = {**(context.default_map or {}), **values}
    return path


def write_config(context: typer.Context, path: Path) -> None:
    """Write the options that were given to the command, also those of its `--config`, to a TOML file."""
    from finegold.run import write_text

    lines = []
    for one in context.command.params:
        value = context.params.get(str(one.name))
        source = context.get_parameter_source(str(one.name))
        if one.name in OWN or value is None or source is None or source.name == "DEFAULT":
            continue
        lines.append(f"{_key(one)} = {_toml(value)}\n")
    write_text(path, "".join(lines))


def _key(parameter: Any) -> str:
    """The longest name of an option without its hyphens, or the name of an argument."""
    if parameter.param_type_name == "argument":
        return str(parameter.name)
    return str(max(parameter.opts, key=len).lstrip("-"))


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(str(value.value if isinstance(value, Enum) else value))


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        is_eager=True,
        callback=read_config,
        help="TOML file of options, such as --save-config writes; options of the command win.",
    ),
]
SaveConfig = Annotated[
    Path | None, typer.Option("--save-config", help="Write the options that were given to a TOML file.")
]
