"""Plug-ins by name: finegold's own by their module, those of other packages by entry points."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.plugins import install

from finegold.errors import ConfigError
from finegold.registry import Registry, read_toml, toml_names

OWN = {
    "__init__.py": "",
    "red_wine.py": "from own_plugins.shelf import SHELF\n\nSHELF.register('red-wine')('own red')\n",
    "white.py": "from own_plugins.shelf import SHELF\n\n"
    "SHELF.add('white', 'own white')\nSHELF.add('rose', 'own rose')\n",
    "shelf.py": "from finegold.registry import Registry\n\n"
    "SHELF = Registry('wine', 'test.wines', 'own_plugins')\n",
}
OTHERS = {
    "water": "others:WATER",
    "white": "others:WATER",
    "broken": "others_that_are_gone:WINE",
    "absent": "others:WINE",
}


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry[str]]:
    """A package with modules that register themselves, and another one with entry points."""
    for name, code in OWN.items():
        (tmp_path / "own_plugins").mkdir(exist_ok=True)
        (tmp_path / "own_plugins" / name).write_text(code)
    install(tmp_path, "others", "WATER = 'still water'\n", {"test.wines": OTHERS})
    monkeypatch.syspath_prepend(str(tmp_path))
    from own_plugins.shelf import SHELF  # type: ignore[import-not-found]  # written above

    yield SHELF
    for name in [name for name in sys.modules if name.startswith(("own_plugins", "others"))]:
        del sys.modules[name]


def test_a_plug_in_is_found_by_its_module_alone(shelf: Registry[str]) -> None:
    assert shelf.get("red-wine") == "own red"
    assert "own_plugins.white" not in sys.modules


def test_one_of_several_in_a_module_is_found_too(shelf: Registry[str]) -> None:
    assert shelf.get("rose") == "own rose"


def test_names_are_those_of_both_and_finegolds_own_wins(shelf: Registry[str]) -> None:
    assert shelf.names() == list(shelf) == ["absent", "broken", "red-wine", "rose", "water", "white"]
    assert shelf.get("water") == "still water"
    assert shelf.get("white") == "own white"
    assert "water" in shelf
    assert "beer" not in shelf


def test_an_unknown_name_lists_the_known_ones(shelf: Registry[str]) -> None:
    with pytest.raises(ConfigError, match=r"no wine 'beer': give one of absent, .*, white$"):
        shelf.get("beer")


@pytest.mark.parametrize("name", ["broken", "absent"])
def test_a_broken_plug_in_is_one_sentence_that_names_its_package(shelf: Registry[str], name: str) -> None:
    expected = (
        rf"the wine '{name}' of the package 'others' cannot be used \(.*\): repair or uninstall that package$"
    )
    with pytest.raises(ConfigError, match=expected):
        shelf.get(name)
    assert shelf.get("water") == "still water"


def test_a_plug_in_of_an_uninstalled_package_is_gone_at_once(shelf: Registry[str], tmp_path: Path) -> None:
    assert shelf.get("water") == "still water"
    shutil.rmtree(tmp_path / "others-1.0.dist-info")
    with pytest.raises(ConfigError, match="no wine 'water'"):
        shelf.get("water")


def test_what_is_no_plug_in_of_the_kind_is_refused(shelf: Registry[str]) -> None:
    def check(name: str, found: object) -> str:
        if not str(found).startswith("own"):
            raise ConfigError(f"'{name}' is foreign")
        return str(found).upper()

    checked = Registry("wine", "test.wines", "own_plugins.shelf", check=check)
    checked.add("red", "own red")
    assert checked.get("red") == "OWN RED"
    with pytest.raises(ConfigError, match=r"the wine 'water' of the package 'others' .*'water' is foreign"):
        checked.get("water")


def test_toml_files_come_from_the_package_a_path_or_another_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in ("own_toml/kept/plain.toml", "mine.toml", "elsewhere.toml", "bad.toml"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("size = 3\n" if file != "bad.toml" else "size =\n")
    (tmp_path / "own_toml/__init__.py").write_text("")
    code = "from pathlib import Path\n\nFILE = str(Path(__file__).with_name('elsewhere.toml'))\n"
    install(tmp_path, "toml_plugins", code, {"test.toml": {"theirs": "toml_plugins:FILE"}})
    monkeypatch.syspath_prepend(str(tmp_path))
    place = ("own_toml", "kept", "recipe", "test.toml")
    assert toml_names("own_toml", "kept", "test.toml") == ["plain", "theirs"]
    assert read_toml("plain", *place) == {"name": "plain", "size": 3}
    assert read_toml("theirs", *place) == {"name": "theirs", "size": 3}
    assert read_toml(str(tmp_path / "mine.toml"), *place) == {"name": "mine", "size": 3}
    with pytest.raises(ConfigError, match=r"no recipe 'other': give one of plain, theirs, or a \.toml file$"):
        read_toml("other", *place)
    with pytest.raises(ConfigError, match=r"bad\.toml is not valid TOML"):
        read_toml(str(tmp_path / "bad.toml"), *place)
    with pytest.raises(ConfigError, match=r"gone\.toml cannot be read .*: name a TOML file"):
        read_toml("gone.toml", *place)
