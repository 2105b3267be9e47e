"""Plug-ins by name: finegold's own, one file each, and those that other packages offer through entry points.

A kind of plug-in has one `Registry`. finegold's own plug-ins lie in the modules of one package, and each
registers itself, so that a new one is one new file:

    @SCORERS.register("length")
    @dataclass(frozen=True)
    class Length(Scorer): ...

Another package declares its plug-ins in the entry-point group of the kind, such as `finegold.scorers`. Where
two have the same name, finegold's own is taken. Presets, recipes and studies are TOML files: see `read_toml`.
"""

import tomllib
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module, resources
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Generic, TypeVar

from finegold.errors import ConfigError, did_you_mean

T = TypeVar("T")
P = TypeVar("P")


class Registry(Generic[T]):
    """The plug-ins of one kind.

    Args:
        kind: What a plug-in is called in messages: `scorer`.
        group: Entry-point group of other packages' plug-ins: `finegold.scorers`.
        package: The package or module that holds finegold's own plug-ins, such as
            `finegold.selection.pickers`; by default the one of the group's name.
        check: Turns an object into a `T`, or raises ConfigError with what is wrong with it. It gets the
            name, the object and the facts it was registered with. None takes every object as it is.
    """

    def __init__(
        self, kind: str, group: str, package: str | None = None, *, check: Callable[..., T] | None = None
    ) -> None:
        self.kind = kind
        self.group = group
        self._package = package or group
        self._check = check or (lambda _, plugin: plugin)
        self._found: dict[str, T] = {}

    def register(self, name: str, **facts: Any) -> Callable[[P], P]:
        """Decorate a class or a function: it becomes the plug-in `name` and stays what it is."""

        def keep(plugin: P) -> P:
            self.add(name, plugin, **facts)
            return plugin

        return keep

    def add(self, name: str, plugin: object, **facts: Any) -> None:
        """Register an object under a name.

        Raises:
            ConfigError: If the object is no plug-in of this kind.
        """
        self._found[name] = self._check(name, plugin, **facts)

    def names(self) -> list[str]:
        """Every name that `get` takes, sorted."""
        self._import(self._modules())
        return sorted({*self._found, *(point.name for point in entry_points(group=self.group))})

    def usable(self, needed: str | None = None) -> dict[str, T]:
        """Every plug-in that can be loaded, by name; raises ConfigError if the one that is needed cannot."""
        found = {}
        for name in self.names():
            try:
                found[name] = self.get(name)
            except ConfigError:
                if name == needed:
                    raise
        return found

    def __getitem__(self, name: str) -> T:
        return self.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def get(self, name: str) -> T:
        """The plug-in of a name.

        One of finegold's own is kept; if a module has its name, no other is imported. One of another package
        is loaded and checked each time, so that a package that was uninstalled is gone at once.

        Raises:
            ConfigError: If there is no plug-in of that name, or another package's cannot be loaded.
        """
        modules, module = self._modules(), name.replace("-", "_")
        if name not in self._found:
            self._import([module] if module in modules else [])
        if name not in self._found:
            self._import(modules)
        if name in self._found:
            return self._found[name]
        for point in entry_points(group=self.group, name=name):
            plugin = load_entry_point(point, self.kind)
            try:
                return self._check(name, plugin)
            except ConfigError as error:
                raise _unusable(point, self.kind, str(error)) from None
        known = self.names()
        raise ConfigError(
            f"there is no {self.kind} '{name}'{did_you_mean(name, known)}: give one of {', '.join(known)}"
        )

    def _import(self, modules: Sequence[str]) -> None:
        for module in modules:
            import_module(f"{self._package}.{module}")

    def _modules(self) -> list[str]:
        package = import_module(self._package)
        return [module.name for module in iter_modules(getattr(package, "__path__", ()))]


def load_entry_point(point: EntryPoint, kind: str) -> Any:
    """Load the object that another package offers.

    Raises:
        ConfigError: If its module cannot be imported or lacks the object.
    """
    try:
        return point.load()
    except Exception as error:
        raise _unusable(point, kind, f"{type(error).__name__}: {error}") from error


def _unusable(point: EntryPoint, kind: str, reason: str) -> ConfigError:
    package = f" of the package '{point.dist.name}'" if point.dist else ""
    return ConfigError(
        f"the {kind} '{point.name}'{package} cannot be used ({reason}): repair or uninstall that package"
    )


def toml_names(package: str, folder: str, group: str | None = None) -> list[str]:
    """Names of the TOML files in a folder of a package and of an entry-point group, sorted."""
    entries = (resources.files(package) / folder).iterdir()
    names = {entry.name.removesuffix(".toml") for entry in entries if entry.name.endswith(".toml")}
    others = {point.name for point in entry_points(group=group)} if group else set()
    return sorted(names | others)


def read_toml(name: str, package: str, folder: str, kind: str, group: str | None = None) -> dict[str, Any]:
    """Content of a TOML file, with its name in `name`.

    Args:
        name: One of `toml_names`, or a path that ends in `.toml`.
        package: The package that holds finegold's own files.
        folder: The folder of that package.
        kind: What such a file is called in messages: `recipe`.
        group: Entry-point group of other packages' files. An entry point gives the path of a TOML file.

    Raises:
        ConfigError: If there is no such file, or it is not TOML.
    """
    if name.endswith(".toml"):
        return {"name": Path(name).stem, **parse_toml(Path(name), kind)}
    file = resources.files(package) / folder / f"{name}.toml"
    if "/" not in name and file.is_file():
        return {"name": name, **parse_toml(file, kind)}
    for point in entry_points(group=group, name=name) if group else ():
        return {"name": name, **parse_toml(Path(load_entry_point(point, kind)), kind)}
    known = toml_names(package, folder, group)
    raise ConfigError(
        f"there is no {kind} '{name}'{did_you_mean(name, known)}: give one of {', '.join(known)}, or a .toml "
        "file"
    )


def parse_toml(file: Any, kind: str) -> dict[str, Any]:
    """Content of a TOML file, a path or a resource; `kind` is what such a file is called in messages.

    Raises:
        ConfigError: If it cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the {kind} {file} cannot be read ({error.strerror}): name a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the {kind} {file} is not valid TOML ({error}): repair it") from None
