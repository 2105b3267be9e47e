"""Make the demo's dataset: real photos from three Python packages, captions good and broken on purpose.

    python demo/make_dataset.py OUT

OUT gets `captions.json` (LLaVA conversations), `images/` and `truth.json` (what was done to each row; nothing
reads it while picking).
"""

import json
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

HERE = Path(__file__).parent
INSTRUCTION = "<image>\nDescribe this image in detail."


def photo(file: str) -> Image.Image:
    """One of the photos, found in the package that carries it."""
    package, _, rest = file.partition("/")
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        sys.exit(f"the demo takes photos from {package}, which is not installed: pip install 'finegold[dev]'")
    image = Image.open(Path(spec.origin).parent / rest).convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image)
    white.thumbnail((512, 512))
    return white


def main(out: Path) -> None:
    """Write the dataset to `out`."""
    captions: dict[str, dict[str, str]] = tomllib.loads((HERE / "captions.toml").read_text(encoding="utf-8"))
    (out / "images").mkdir(parents=True, exist_ok=True)
    for name, entry in captions.items():
        photo(entry["file"]).save(out / "images" / f"{name}.jpg", quality=88)

    rows: list[dict[str, Any]] = []
    truth: dict[str, str] = {}

    def add(row_id: str, label: str, image: str, answer: str, instruction: str = INSTRUCTION) -> None:
        turns = [{"from": "human", "value": instruction}, {"from": "gpt", "value": answer}]
        rows.append({"id": row_id, "image": image, "conversations": turns})
        truth[row_id] = label

    names = list(captions)
    for place, name in enumerate(names):
        entry, other = captions[name], captions[names[(place + 7) % len(names)]]
        add(f"{name}-detailed", "good", f"{name}.jpg", entry["detailed"])
        add(f"{name}-brief", "good", f"{name}.jpg", entry["brief"])
        if place % 2 == 0:
            add(f"{name}-mismatched", "caption of another photo", f"{name}.jpg", other["detailed"])
        if place % 3 == 0:
            half = ". ".join([*entry["detailed"].split(". ")[:1], *other["detailed"].split(". ")[1:]])
            add(f"{name}-partly-wrong", "one sentence right, the rest of another photo", f"{name}.jpg", half)
        if place % 4 == 0:
            add(f"{name}-truncated", "cut off", f"{name}.jpg", entry["brief"][:14].rstrip())
        if place % 5 == 0:
            add(f"{name}-repeating", "the same words again and again", f"{name}.jpg", "A photo of " * 12)
        if place % 6 == 0:
            add(f"{name}-vague", "says nothing", f"{name}.jpg", "There are some things in this image.")

    (out / "images" / "empty.jpg").write_bytes(b"")
    whole = (out / "images" / "rocket.jpg").read_bytes()
    (out / "images" / "half.jpg").write_bytes(whole[: len(whole) // 2])
    add("no-such-photo", "image is missing", "gone.jpg", "A dog runs over the grass.")
    add("zero-bytes", "image is empty", "empty.jpg", "A boat on a lake.")
    add("half-a-photo", "image is truncated", "half.jpg", "A rocket on its launch pad.")
    add("outside", "path leaves the image folder", "../../secret.jpg", "A secret.")
    add("no-answer", "answer is empty", "cat.jpg", "")
    add(
        "two-placeholders",
        "two placeholders, one image",
        "cat.jpg",
        "A cat.",
        "<image><image>\nCompare these.",
    )
    add("pagoda-brief", "good", "moon.jpg", "The same id with other content.")
    rows.append(rows[0])

    (out / "captions.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    (out / "truth.json").write_text(json.dumps(truth, indent=1), encoding="utf-8")
    print(f"{len(rows)} rows over {len(captions)} photos in {out}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
