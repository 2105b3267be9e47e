"""Build the wheel, install it elsewhere, and do a small job there.

python scripts/check_wheel.py [--without-weights] [--borrow]

The new environment gets the wheel, and what the core needs from the package index. With `--borrow` it sees
the packages of this environment in place of new ones, and `--encoder offline` is tried too.
`--without-weights` leaves out the weights that finegold trained; `offline` has to say that they are missing.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
WEIGHTS = "finegold/offline/trained/"
MISSING = "install finegold from a wheel that holds them, or name another model"


def build(folder: Path, *, weights: bool) -> Path:
    """Build the wheel from a copy of what git knows, and look into it."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    kept = [name for name in names.stdout.split("\0") if name and (weights or WEIGHTS not in name)]
    for name in kept:
        (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / "source" / name)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--disable-pip-version-check"]
    subprocess.run([*pip, "-w", str(folder / "dist"), str(folder / "source")], check=True)
    (wheel,) = (folder / "dist").glob("finegold-*.whl")
    held = zipfile.ZipFile(wheel).namelist()
    sources = {name.removeprefix("src/") for name in kept if name.startswith("src/finegold/")}
    assert sources <= set(held), f"the wheel lacks {min(sources - set(held))}"
    assert any(name.startswith(WEIGHTS) for name in held) == weights, "the weights are not as asked"
    for name in ("licenses/LICENSE", "licenses/NOTICE", "METADATA", "entry_points.txt"):
        assert any(one.endswith(f".dist-info/{name}") for one in held), f"the wheel lacks {name}"
    assert not [name for name in held if name.startswith(("tests", "scripts", "docs"))]
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, {len(held)} files")
    return wheel


def install(wheel: Path, folder: Path, *, borrow: bool) -> Path:
    """Install the wheel into a new environment, and return the folder of its programs."""
    venv.create(folder, with_pip=True)
    if borrow:
        site = next((folder / "lib").glob("python*")) / "site-packages"
        (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    only = ["--no-deps", "--ignore-installed"] if borrow else []
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, *only, str(wheel)], check=True)
    return folder / "bin"


def do_a_job(programs: Path, desk: Path, *, weights: bool, borrow: bool) -> None:
    """Inspect, pick, select, replay and report in an empty folder, as a user would."""

    def run(*words: str, status: int = 0) -> str:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            [str(programs / words[0]), *words[1:]],
            cwd=desk,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        print("ok  ", " ".join(words))
        return done.stdout + done.stderr

    where = run("python", "-c", "import finegold; print(finegold.__file__)")
    assert str(programs.parent) in where, f"finegold is imported from {where}"
    for number in range(12):
        Image.new("RGB", (40, 30), (9 * number, 90, 200)).save(desk / f"{number}.png")
    rows = []
    for number in range(12):
        question = {"role": "user", "content": f"<image>What is number {number}?"}
        answer = {
            "role": "assistant",
            "content": "A plain colour. " + "It fills the picture. " * (number % 4),
        }
        rows.append({"id": str(number), "image": f"{number}.png", "messages": [question, answer]})
    (desk / "rows.json").write_text(json.dumps(rows))
    run("finegold", "--version")
    run("finegold", "doctor")
    for verb in ("presets", "scorers", "tasks"):
        run("finegold", verb)
    run("finegold", "inspect", "rows.json", "--images", ".")
    run(
        "finegold",
        *["pick", "rows.json", "--images", ".", "--size", "4", "--preset", "length-only", "--out", "out"],
    )
    run("finegold", *["select", "out.run", "--size", "3", "--preset", "random", "--out", "other"])
    run(
        "finegold",
        *["replay", "out/selection.json", "--data", "rows.json", "--images", ".", "--out", "again"],
    )
    run("finegold", *["report", "out.run", "--selection", "out/selection.json", "--out", "page.html"])
    run("finegold", *["check", "out.run"])
    with_model = "pick rows.json --images . --size 4 --encoder offline --out seen"
    if not borrow:
        for words, extra in ((with_model, "offline"), ("view out.run", "view")):
            message = run("finegold", *words.split(), status=2)
            assert f"pip install 'finegold[{extra}]'" in message, message
    elif weights:
        run("finegold", *with_model.split())
    else:
        for words in (with_model, "chat offline --image 1.png"):
            message = run("finegold", *words.split(), status=2)
            assert MISSING in message, message


def main() -> None:
    """Build, install and try."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--without-weights", action="store_true")
    parser.add_argument("--borrow", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        wheel = build(folder, weights=not asked.without_weights)
        programs = install(wheel, folder / "elsewhere", borrow=asked.borrow)
        (folder / "desk").mkdir()
        do_a_job(programs, folder / "desk", weights=not asked.without_weights, borrow=asked.borrow)


if __name__ == "__main__":
    main()
