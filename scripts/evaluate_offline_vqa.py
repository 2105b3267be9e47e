"""Measure the answers of a projected-prefix model on photos that the offline models never saw, and on shapes.

    python -m scripts.evaluate_offline_vqa --images DIR --captions captions.tsv --shapes DIR [--blind MODEL]

Questions are made by rule from the captions of the held-out photos and balanced, at most 300 of a kind.
Shapes are the part `test` of the package `easy_vqa`, with as many yes as no to each question, and once as
they come. For each kind it prints the share of right answers, that of a blind model and that of the most
common answer, and by how much a wrong image makes the right answer less likely; then five right and five
wrong answers about photos.
"""

import argparse
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from finegold.models import Model, Sampling, load_model
from finegold.offline.captioner import is_held_out
from finegold.offline.questions import KINDS, ONE_WORD, balanced, conversation, photo_questions
from finegold.tuning.offline.answerer import balanced_shapes, read_shapes
from finegold.tuning.offline.photos import read_photos

MOST = 300
"""Number of questions of a kind."""
SHORT = Sampling(8)


@dataclass(frozen=True, slots=True)
class Item:
    """A question about an image, the turn before it if there is one, and the answer."""

    kind: str
    image: Path
    question: str
    answer: str
    earlier: tuple[tuple[str, str], ...] = ()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--captions", type=Path, required=True)
    parser.add_argument("--shapes", type=Path, required=True)
    parser.add_argument("--model", default="offline-vqa")
    parser.add_argument("--blind", help="model that was trained without looking")
    parser.add_argument("--most", type=int, default=MOST)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    items = photo_items(options.captions, options.images, options.most)
    items += shape_items(options.shapes / "test", options.most)
    with tempfile.TemporaryDirectory() as features:
        model = load_model(options.model, device="cpu", features=Path(features))
        said, gaps = answers(model, items), gap(model, items)
        blind = None
        if options.blind is not None:
            blind = answers(load_model(options.blind, device="cpu", features=Path(features)), items)
    report(items, said, blind, gaps)


def photo_items(captions: Path, folder: Path, most: int) -> list[Item]:
    """Balanced questions about the held-out photos."""
    photos, draw = read_photos(captions, folder), random.Random(1)
    held = photos.subset([i for i, name in enumerate(photos.names) if is_held_out(name)])
    by_photo = [(name, photo_questions(c, draw)) for name, c in zip(held.names, held.captions, strict=True)]
    found = [(name, question) for name, several in by_photo for question in several]
    kept = [found[place] for place in balanced([question for _, question in found], draw)]
    items = []
    for kind in KINDS:
        of_kind = [(name, one) for name, one in kept if one.kind == kind]
        for name, one in draw.sample(of_kind, min(most, len(of_kind))):
            items.append(Item(kind, folder / name, f"{one.text} {ONE_WORD[0]}", one.answer))
    talks = [(name, talk) for name, several in by_photo if (talk := conversation(several, draw))]
    for name, (first, second) in draw.sample(talks, min(most, len(talks))):
        earlier = ((f"{first.text} {ONE_WORD[0]}", first.answer),)
        question = f"{second.again} {ONE_WORD[0]}"
        items.append(Item("second turn", folder / name, question, second.answer, earlier))
    return items


def shape_items(folder: Path, most: int) -> list[Item]:
    """Questions of the test part: three kinds, each yes/no question balanced, and all as they come."""
    shapes, draw = read_shapes(folder), random.Random(2)
    found = [
        Item(f"shapes, {_shape_kind(answer)}", shapes.folder / name, question, answer)
        for name, several in zip(shapes.names, balanced_shapes(shapes, draw), strict=True)
        for question, answer in several
    ]
    kinds = sorted({item.kind for item in found})
    parts = [[item for item in found if item.kind == kind] for kind in kinds]
    parts.append(
        [
            Item("shapes, as they come", shapes.folder / name, question, answer)
            for name, several in zip(shapes.names, shapes.questions, strict=True)
            for question, answer in several
        ]
    )
    return [item for part in parts for item in draw.sample(part, min(most, len(part)))]


def _shape_kind(answer: str) -> str:
    if answer in ("yes", "no"):
        return "yes-no"
    return "shape" if answer in ("circle", "rectangle", "triangle") else "colour"


def answers(model: Model, items: Sequence[Item]) -> list[str]:
    """Greedy answers in small letters, without a full stop."""
    said = []
    for start in range(0, len(items), 50):
        part = items[start : start + 50]
        images = [_open(item.image) for item in part]
        if any(item.earlier for item in part):
            said += [
                str(model.reply(image, item.earlier, item.question, SHORT))
                for image, item in zip(images, part, strict=True)
            ]
        else:
            said += [str(text) for text in model.answer(images, [item.question for item in part], SHORT)]
    return [text.strip(" .").lower() for text in said]


def gap(model: Model, items: Sequence[Item]) -> list[float]:
    """How much likelier each answer is with its image than with another's, nats a token."""
    shifted = [items[(at + 7) % len(items)].image for at in range(len(items))]
    right, wrong = (
        model.losses(
            [_open(path) for path in images],
            [item.question for item in items],
            [item.answer for item in items],
        )
        for images in ([item.image for item in items], shifted)
    )
    return [float(w.mean() - r.mean()) for r, w in zip(right, wrong, strict=True)]


def _open(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


def report(
    items: Sequence[Item], said: Sequence[str], blind: Sequence[str] | None, gaps: Sequence[float]
) -> None:
    """Print the table and ten answers."""
    print("kind | questions | right | blind | most common answer | gap, nats a token")
    for kind in dict.fromkeys(item.kind for item in items):
        rows = [at for at, item in enumerate(items) if item.kind == kind]
        right = np.mean([said[at] == items[at].answer for at in rows])
        guess = np.mean([blind[at] == items[at].answer for at in rows]) if blind else float("nan")
        word, count = Counter(items[at].answer for at in rows).most_common(1)[0]
        mean = np.mean([gaps[at] for at in rows])
        usual = f"{count / len(rows):.3f} ({word})"
        print(f"{kind} | {len(rows)} | {right:.3f} | {guess:.3f} | {usual} | {mean:.3f}")
    for wanted in (True, False):
        places = [
            at
            for at, item in enumerate(items)
            if item.kind in (*KINDS, "second turn") and (said[at] == item.answer) == wanted
        ]
        for at in random.Random(3).sample(places, min(5, len(places))):
            item = items[at]
            print(f"{item.image.name} | {item.question} | {said[at]} | {item.answer}")


if __name__ == "__main__":
    main()
