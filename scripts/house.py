"""Print how the source is laid out: packages, who imports whom, lines a file.

    python scripts/house.py [SRC]

Every import counts, those inside functions and those for type checking too.
"""

import ast
import sys
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median

SRC = Path(__file__).parents[1] / "src" / "finegold"


def modules(src: Path) -> dict[str, Path]:
    """Dotted name, without `finegold.`, to file; a package's `__init__` has the package's name."""
    found = {}
    for path in sorted(src.rglob("*.py")):
        parts = path.relative_to(src).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(src: Path) -> dict[str, set[str]]:
    """The modules of finegold that each module imports."""
    known = modules(src)
    found: dict[str, set[str]] = {}
    for name, path in known.items():
        targets = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "finegold":
                base = (node.module or "").removeprefix("finegold").lstrip(".")
                for alias in node.names:
                    inner = f"{base}.{alias.name}".lstrip(".")
                    targets.add(inner if inner in known else base)
        found[name] = targets - {name, ""}
    return found


def room(module: str) -> str:
    """The package or top-level module that a module belongs to."""
    return module.split(".")[0]


def main() -> None:
    """Print the table of rooms and the figures of the whole."""
    src = Path(sys.argv[1]) if len(sys.argv) > 1 else SRC
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules(src).items()}
    arrows: dict[str, Counter[str]] = defaultdict(Counter)
    for name, targets in imports(src).items():
        for target in targets:
            if room(target) != room(name):
                arrows[room(name)][room(target)] += 1
    rooms = sorted({room(name) for name in lines} - {""})
    print(f"{'room':<18}{'files':>6}{'lines':>7}  imports")
    for one in rooms:
        sizes = [count for name, count in lines.items() if room(name) == one]
        said = ", ".join(f"{target} {count}" for target, count in sorted(arrows[one].items()))
        print(f"{one:<18}{len(sizes):>6}{sum(sizes):>7}  {said}")
    pairs = sum(len(targets) for targets in arrows.values())
    longest = max(lines, key=lambda name: lines[name])
    print(
        f"\n{len(lines)} files, {sum(lines.values()):,} lines, median {median(lines.values()):.0f}, longest "
        f"{lines[longest]} ({longest}); {len(rooms)} rooms, {pairs} arrows between them"
    )
    other = [
        path for path in sorted(src.rglob("*")) if path.suffix in (".toml", ".csv", ".html", ".css", ".js")
    ]
    beside = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in other)
    print(f"beside them {beside:,} lines of TOML, CSV, HTML, CSS and JavaScript")


if __name__ == "__main__":
    main()
