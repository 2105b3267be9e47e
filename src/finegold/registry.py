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
from collections.abc import Callable, Iterator
from importlib import import_module, resources
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Generic, TypeVar, cast

from finegold.errors import ConfigError

T = TypeVar("T")
P = TypeVar("P")


class Registry(Generic[T]):
    """The plug-ins of one kind.

    Args:
        kind: What one of them is called in messages: `scorer`.
        group: Entry-point group of other packages' plug-ins: `finegold.scorers`.
        package: The package or module that holds finegold's own, such as `finegold.selection.pickers`; the
            group's name if not given.
        check: Turns a registered object into a `T`, or raises ConfigError with what is wrong with it; given
            the name, the object and the facts it was registered with. None takes every object as it is.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        package: str | None = None,
        *,
        check: Callable[..., T] | None = None,
    ) -> None:
        self.kind = kind
        self.group = group
        self._package = package or group
        self._check = check
        self._found: dict[str, T] = {}
        self._imported = False

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
        self._found[name] = cast("T", plugin) if self._check is None else self._check(name, plugin, **facts)

    def names(self) -> list[str]:
        """Every name that `get` takes, sorted."""
        self._import_all()
        return sorted({*self._found, *(point.name for point in entry_points(group=self.group))})

    def __getitem__(self, name: str) -> T:
        return self.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def get(self, name: str) -> T:
        """The plug-in of a name. Only the module that may hold it is imported, if there is one.

        Raises:
            ConfigError: If there is none of that name, or another package's cannot be loaded.
        """
        if name not in self._found and name.replace("-", "_") in self._modules():
            import_module(f"{self._package}.{name.replace('-', '_')}")
        if name not in self._found:
            self._import_all()
        if name not in self._found:
            points = [point for point in entry_points(group=self.group) if point.name == name]
            if not points:
                raise ConfigError(f"there is no {self.kind} '{name}': give one of {', '.join(self.names())}")
            plugin = load_entry_point(points[0], self.kind)
            try:
                self.add(name, plugin)
            except ConfigError as error:
                raise _unusable(points[0], self.kind, str(error)) from None
        return self._found[name]

    def _import_all(self) -> None:
        if not self._imported:
            for module in self._modules():
                import_module(f"{self._package}.{module}")
            self._imported = True

    def _modules(self) -> list[str]:
        package = import_module(self._package)
        return [module.name for module in iter_modules(getattr(package, "__path__", ()))]


def load_entry_point(point: EntryPoint, kind: str) -> Any:
    """The object that another package offers.

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
    own = {entry.name.removesuffix(".toml") for entry in entries if entry.name.endswith(".toml")}
    others = {point.name for point in entry_points(group=group)} if group else set()
    return sorted(own | others)


def read_toml(name: str, package: str, folder: str, kind: str, group: str | None = None) -> dict[str, Any]:
    """Content of a TOML file, by its name or by its path if that ends in `.toml`; `name` is the file's.

    Args:
        name: One of `toml_names`, or a path.
        package: The package that holds finegold's own files.
        folder: The folder of that package.
        kind: What such a file is called in messages: `recipe`.
        group: Entry-point group of other packages' files. An entry point gives the path of a TOML file.

    Raises:
        ConfigError: If there is no such file, or it is not TOML.
    """
    if name.endswith(".toml"):
        return _parse(Path(name), Path(name).stem, kind)
    own = resources.files(package) / folder / f"{name}.toml"
    if "/" not in name and own.is_file():
        return _parse(own, name, kind)
    for point in entry_points(group=group) if group else ():
        if point.name == name:
            return _parse(Path(load_entry_point(point, kind)), name, kind)
    known = ", ".join(toml_names(package, folder, group))
    raise ConfigError(f"the {kind} '{name}' is unknown, expected one of {known}, or a .toml file")


def _parse(file: Any, name: str, kind: str) -> dict[str, Any]:
    try:
        return {"name": name, **tomllib.loads(file.read_text(encoding="utf-8"))}
    except OSError as error:
        raise ConfigError(f"the {kind} {file} cannot be read ({error.strerror}): name a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the {kind} {file} is not valid TOML ({error})") from None
