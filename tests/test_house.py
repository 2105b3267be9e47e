"""The house: data goes left to right, and a room imports only from rooms left of it."""

import ast
from collections import defaultdict
from pathlib import Path

from scripts.house import SRC, imports, modules, room

LAYERS = (
    ("errors", "arrays", "version"),
    ("extras", "registry", "statistics"),
    ("run",),
    ("engines",),
    ("samples",),
    ("offline",),
    ("llm",),
    ("models",),
    ("encoders",),
    ("scorers",),
    ("clustering",),
    ("dedup",),
    ("selection",),
    ("instructiongpt4",),
    ("metrics",),
    ("tuning",),
    ("evaluation",),
    ("judging",),
    ("report",),
    ("workflow",),
    ("study",),
    ("view",),
    ("cli",),
    ("__main__",),
)
PLACE = {name: place for place, names in enumerate(LAYERS) for name in names}


def test_every_room_has_its_place() -> None:
    assert {room(name) for name in modules(SRC)} - {""} <= set(PLACE)


def test_imports_point_left() -> None:
    upward = [
        f"{name} imports {target}"
        for name, targets in imports(SRC).items()
        for target in sorted(targets)
        if name and room(name) != room(target) and PLACE[room(target)] >= PLACE[room(name)]
    ]
    assert not upward


def test_no_imports_go_in_a_circle() -> None:
    graph = imports(SRC)
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above[above.index(name) :], name))
        if name in done:
            return
        for target in sorted(graph.get(name, ())):
            visit(target, (*above, name))
        done.add(name)

    for name in graph:
        visit(name, ())


def test_no_module_is_longer_than_400_lines() -> None:
    long = {name: len(path.read_text().splitlines()) for name, path in modules(SRC).items()}
    assert not {name: count for name, count in long.items() if count > 400}


def test_a_public_class_or_function_name_stands_for_one_thing() -> None:
    """A verb on the command line has the name of the function that does it."""
    found = defaultdict(list)
    for name, path in modules(SRC).items():
        if room(name) == "cli":
            continue
        for node in ast.parse(Path(path).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                found[node.name].append(name)
    assert not {name: places for name, places in found.items() if len(places) > 1}
