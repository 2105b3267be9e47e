"""A small pool of plain pictures with answers of random words."""

import json
import random
from pathlib import Path

from PIL import Image


def make_pool(folder: Path, rows: int, seed: int = 0) -> Path:
    """Write a LLaVA file of small pictures; returns the JSON file."""
    (folder / "images").mkdir(parents=True)
    rng, records = random.Random(seed), []
    for number in range(rows):
        colour = tuple(rng.randrange(256) for _ in range(3))
        Image.new("RGB", (48, 40), colour).save(folder / "images" / f"{number:04d}.png")
        answer = " ".join(f"Word {rng.randrange(1000)} of {number}." for _ in range(rng.randrange(1, 9)))
        turns = [{"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": answer}]
        records.append({"id": f"r{number:04d}", "image": f"{number:04d}.png", "conversations": turns})
    (folder / "data.json").write_text(json.dumps(records))
    return folder / "data.json"
