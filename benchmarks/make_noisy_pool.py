"""Make a pool of known noise from photos and their true captions, to measure what selectors let through.

    python -m benchmarks.make_noisy_pool --captions TSV --out DIR --noise 0.3 [--only NAMES] [--seed 0]

The kinds of noise are not those that the preset `sound` was chosen on:

- `padded`: one true sentence, then talk that says nothing
- `echoed`: one true sentence five times, begun at another word each time
- `shuffled`: the words of true sentences in random order
- `listed`: frequent words of the captions
- `refusal`: a model that says it cannot see
- `near-miss`: the captions of a photo whose captions share most words with the right ones
- `one-right`: one true sentence, four of another photo

Good rows are `detailed` (four or five true captions) or `brief` (one). Writes `pool.json` (LLaVA
conversations) and `labels.json` (id to label).
"""

import argparse
import json
import random
from collections import Counter, defaultdict
from pathlib import Path

from benchmarks.captioned import Photo, nearest, words

GOOD = ("detailed", "brief")
KINDS = ("padded", "echoed", "shuffled", "refusal", "near-miss", "one-right", "listed")
PADDING = (
    "The image is of good quality and shows many details.",
    "Overall, the scene conveys a certain atmosphere to the viewer.",
    "There are several elements that can be noticed on closer inspection.",
    "The composition draws attention to the main subject of the picture.",
    "It is a picture that tells a story and invites interpretation.",
    "The colors and the light contribute to the general impression.",
)
REFUSALS = (
    "I am sorry, but I cannot see the image you are referring to. Please provide a description of it.",
    "As a language model I am unable to view pictures, so I cannot describe this one in detail.",
    "Sorry, I can not help with that request. Is there anything else that I can do for you today?",
)


def sentence(caption: str) -> str:
    """A caption as a sentence: capital first, full stop right after the last word."""
    text = caption.strip().rstrip(" .")
    return text[:1].upper() + text[1:] + "."


def answer(
    kind: str, name: str, captions: dict[str, list[str]], other: str, near: str, rng: random.Random
) -> str:
    """The text of one row."""
    own = [sentence(caption) for caption in rng.sample(captions[name], len(captions[name]))]
    foreign = [sentence(caption) for caption in captions[other]]
    if kind == "detailed":
        return " ".join(own[: rng.choice((4, 5))])
    if kind == "brief":
        return own[0]
    if kind == "padded":
        return " ".join([own[0], *rng.sample(PADDING, 5)])
    if kind == "echoed":
        parts = own[0].rstrip(".").split()
        return " ".join(sentence(" ".join(parts[k:] + parts[:k])) for k in range(5))
    if kind == "shuffled":
        mixed = " ".join(own).replace(".", "").split()
        rng.shuffle(mixed)
        return sentence(" ".join(mixed))
    if kind == "refusal":
        return rng.choice(REFUSALS)
    if kind == "near-miss":
        return " ".join(sentence(caption) for caption in captions[near])
    if kind == "one-right":
        return " ".join([own[0], *foreign[:4]])
    common = [word for word, _ in Counter(words(" ".join(captions[name]))).most_common(20)]
    return ", ".join(common) + "."


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--captions", type=Path, required=True, help="image TAB caption, several lines an image"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--noise", type=float, required=True, help="share of bad rows, 0 to 1")
    parser.add_argument("--only", type=Path, help="file with one image name a line: use no other photo")
    parser.add_argument("--kinds", default=",".join(KINDS), help="kinds of noise, equally often")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    captions: dict[str, list[str]] = defaultdict(list)
    for line in options.captions.read_text(encoding="utf-8").splitlines():
        name, _, caption = line.partition("\t")
        captions[name].append(caption)
    names = sorted(captions)
    if options.only:
        allowed = set(options.only.read_text(encoding="utf-8").split())
        names = [name for name in names if name in allowed]
    photos = [Photo(name, tuple(captions[name])) for name in names]
    near = {name: names[other] for name, other in zip(names, nearest(photos, rng), strict=True)}
    kinds = options.kinds.split(",")
    rows, labels = [], {}
    for number, name in enumerate(rng.sample(names, len(names))):
        bad = rng.random() < options.noise
        kind = rng.choice(kinds) if bad else rng.choices(GOOD, (0.4, 0.6))[0]
        other = rng.choice([candidate for candidate in rng.sample(names, 2) if candidate != name])
        text = answer(kind, name, captions, other, near[name], rng)
        row_id = f"{number:05d}"
        turns = [
            {"from": "human", "value": "<image>\nDescribe this image in detail."},
            {"from": "gpt", "value": text},
        ]
        rows.append({"id": row_id, "image": name, "conversations": turns})
        labels[row_id] = kind
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "pool.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    (options.out / "labels.json").write_text(json.dumps(labels, indent=1), encoding="utf-8")
    print(len(rows), "rows:", dict(Counter(labels.values())))


if __name__ == "__main__":
    main()
