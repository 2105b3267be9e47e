"""Make pools of image-instruction rows of known defects from photos with captions, to measure selectors on.

    python -m benchmarks.make_pools --captions TSV --out DIR [--only NAMES] [--wording 0] [--rows 800]

Writes `NAME.json` (LLaVA conversations) and `NAME.labels.json` (`good`: the labels that are no defect;
`kinds`: a kind of instruction for each good label; `labels`: id to label) for each pool:

- `captions`: one sentence or several; 26 % have one wrong word, others belong to a similar or another photo
- `noisy`: as docs/sound.md describes its noisy pool, a half of it bad
- `vqa`: yes/no, colours, counts, subjects, places, actions; wrong, senseless and invented answers
- `conversations`: five turns, with a turn of another photo, a wrong short answer, a refusal, a repetition
- `hallucination`: descriptions with a thing that is not there, a swapped word, sentences of a similar photo
- `llm`: paragraphs in the manner of language models, with a sentence at the end that fits every photo
- `mixture`: four kinds, a quarter of each bad; `clean`: seven kinds, nothing bad
- `languages`: English, Spanish, German and Chinese, a quarter of each of another photo
- `text`: captions, and one row in six without a photo
- `subject`: captions, nine rows in ten about the same subject

There are four wordings, in which questions and phrases differ.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.captioned import (
    COLOURS,
    NOUNS,
    PLACES,
    SWAPS,
    Photo,
    lower_first,
    nearest,
    read_photos,
    swap_word,
)
from benchmarks.wordings import LANGUAGES, WORDINGS, Wording, foreign_sentence, text_row


class Row(NamedTuple):
    """Questions and answers in turn, and the label."""

    turns: list[str]
    label: str
    image: bool = True


class Maker:
    """Makes rows of one set of photos in one wording."""

    def __init__(self, photos: list[Photo], wording: Wording, seed: int) -> None:
        self.photos, self.say, self.rng = photos, wording, random.Random(seed)
        self.near = nearest(photos, self.rng)

    def own(self, at: int) -> list[str]:
        """All captions of a photo in random order."""
        return self.rng.sample(self.photos[at].captions, len(self.photos[at].captions))

    def other(self, at: int) -> int:
        """Another photo."""
        return (at + self.rng.randrange(1, len(self.photos))) % len(self.photos)

    def swapped(self, sentences: list[str], at: int) -> list[str] | None:
        """The sentences with one word of one of them swapped."""
        for place in self.rng.sample(range(len(sentences)), len(sentences)):
            if changed := swap_word(sentences[place], self.photos[at], self.rng):
                return [*sentences[:place], changed, *sentences[place + 1 :]]
        return None

    def describe(self, at: int, label: str, count: int | None = None) -> Row | None:
        """A description with the defect that the label names."""
        rng, say = self.rng, self.say
        own = self.own(at)
        count = count or rng.choice((1, 1, 3, 4, 5))
        ask = rng.choice(say.brief if count == 1 else say.detail)
        text: list[str] | None = own[:count]
        if label == "swap":
            text = self.swapped(own[:count], at)
        elif label == "similar":
            text = self.own(self.near[at])[:count]
        elif label == "mismatched":
            text = self.own(self.other(at))[:count]
        elif label == "partly":
            text = [*own[: rng.choice((1, 2))], *self.own(self.other(at))[:3]]
        elif label == "similar-end":
            text = [*own[: rng.choice((2, 3))], *self.own(self.near[at])[: rng.choice((1, 2))]]
        elif label == "object":
            things = [thing for thing in say.things if self.photos[at].denies(thing.split()[-1])]
            text = [*own[: rng.choice((2, 3, 4))], rng.choice(say.placing).format(rng.choice(things))]
        elif label == "truncated":
            parts = own[0].split()
            text = [" ".join(parts[: rng.randint(2, max(2, len(parts) // 2))])]
        elif label == "degenerate":
            text = [" ".join([" ".join(own[0].split()[:3]).rstrip(".,")] * rng.randint(8, 25))]
        elif label == "vague":
            text = [rng.choice(say.vague)]
        elif label == "refusal":
            text = [rng.choice(say.refusals)]
        return Row([ask, " ".join(text)], label) if text else None

    def facts(self, at: int) -> dict[str, tuple[str, str, list[str]]]:
        """Questions of each kind that the captions settle: question, answer, wrong answers."""
        photo, rng, say = self.photos[at], self.rng, self.say
        found: dict[str, tuple[str, str, list[str]]] = {}
        there = photo.agreed([noun for noun in NOUNS if noun not in ("baby", "lady")], 2)
        if there:
            found["yes"] = (say.exists.format(rng.choice(there)), "Yes", ["No"])
        absent = [noun for noun in NOUNS if photo.denies(noun)]
        found["no"] = (say.exists.format(rng.choice(absent)), "No", ["Yes"])
        if colour := photo.colour_of():
            wrong = [one for one in COLOURS if photo.denies(one)]
            found["colour"] = (
                say.colour.format(colour[0]),
                colour[1].capitalize(),
                [w.capitalize() for w in wrong],
            )
        if counted := photo.counted():
            wrong = [one for one in SWAPS["number"] if one != counted[1]]
            found["count"] = (
                say.count.format(counted[0]),
                counted[1].capitalize(),
                [w.capitalize() for w in wrong],
            )
        subject = photo.agreed((*SWAPS["person"][:4], "dog", "horse"), 3)
        if subject:
            wrong = [f"A {one}" for one in (*SWAPS["person"][:4], *SWAPS["animal"]) if photo.denies(one)]
            found["noun"] = (say.subject, f"A {subject[0]}", wrong)
            acts = photo.agreed(SWAPS["act"], 2)
            if acts:
                wrong = [one.capitalize() for one in SWAPS["act"] if photo.denies(one)]
                found["action"] = (say.action.format(subject[0]), acts[0].capitalize(), wrong)
        if place := photo.agreed(PLACES, 2):
            wrong = [say.at(one) for one in PLACES if photo.denies(one)]
            found["place"] = (say.place, say.at(place[0]), wrong)
        return found

    def vqa(self, at: int, label: str) -> Row | None:
        """A question with a short answer."""
        rng, say = self.rng, self.say
        facts = self.facts(at)
        kind = label if label in facts else rng.choice(sorted(facts))
        if label not in facts and label not in ("any", "wrong", "generic", "unanswerable"):
            return None
        ask, right, wrong = facts[kind]
        if label == "wrong":
            right = rng.choice(wrong)
        elif label == "generic":
            open_kinds = sorted(set(facts) - {"yes", "no"})
            if not open_kinds:
                return None
            ask, right = facts[rng.choice(open_kinds)][0], rng.choice(("Yes", "No"))
        elif label == "unanswerable":
            ask, right = rng.choice(say.unanswerable)
        if rng.random() < 0.4:
            ask += say.short
        return Row([ask, right], kind if label == "any" else label)

    def conversation(self, at: int, label: str) -> Row:
        """Five turns, or three where the label is `short` or `short-bad`."""
        rng, say = self.rng, self.say
        own, facts = self.own(at), self.facts(at)
        kinds = rng.sample(sorted(facts), min(2, len(facts)))
        turns = [rng.choice(say.brief), own[0]]
        wrong_at = rng.randrange(len(kinds)) if label in ("turn-wrong", "short-bad") else -1
        for place, kind in enumerate(kinds):
            ask, right, wrong = facts[kind]
            turns += [ask, rng.choice(wrong) if place == wrong_at else right]
        if label.startswith("short"):
            return Row(turns, label)
        more = [" ".join(own[1:3]), " ".join(own[3:5]) or own[1]]
        place = rng.randrange(2)
        if label == "turn-similar":
            more[place] = " ".join(self.own(self.near[at])[:2])
        elif label == "turn-random":
            more[place] = " ".join(self.own(self.other(at))[:2])
        elif label == "turn-refusal":
            more[place] = rng.choice(say.refusals)
        elif label == "turn-repeat":
            more[1] = own[0]
        return Row([*turns, say.more[0], more[0], say.more[1], more[1]], label)

    def llm(self, at: int, label: str) -> Row:
        """A paragraph in the manner of a language model."""
        rng, say = self.rng, self.say
        source = self.other(at) if label == "llm-random" else self.near[at] if label == "llm-similar" else at
        said = self.own(source)[: rng.choice((2, 3, 4))]
        if label == "llm-partly":
            said = [*said[:2], *self.own(self.near[at])[:2]][: max(2, len(said))]
        if label == "llm-empty":
            said = list(say.empty)
        parts = [f"{rng.choice(say.openings)} {lower_first(said[0])}."]
        parts += [f"{rng.choice(say.links)} {lower_first(one)}." for one in said[1:]]
        return Row([rng.choice(say.detail), " ".join([*parts, rng.choice(say.endings)])], label)


Make = Callable[[Maker, int], Row | None]
BAD_KINDS = {"brief": "swap", "detailed": "similar", "vqa": "wrong", "conversation": "short-bad"}


def _labelled(make: Callable[[Maker, int, str], Row | None], shares: dict[str, float]) -> Make:
    def row(maker: Maker, at: int) -> Row | None:
        return make(maker, at, maker.rng.choices(list(shares), list(shares.values()))[0])

    return row


def _described(maker: Maker, at: int, label: str) -> Row | None:
    return maker.describe(at, label, {"brief": 1, "detailed": 5}.get(label))


def _invented(maker: Maker, at: int, label: str) -> Row | None:
    return maker.describe(at, label, None if label == "good" else maker.rng.choice((3, 4)))


def _written(maker: Maker, at: int, label: str) -> Row | None:
    return maker.llm(at, label) if label.startswith("llm") else maker.describe(at, label, 1)


def _mixture(maker: Maker, at: int) -> Row | None:
    kind, bad = maker.rng.choice(list(BAD_KINDS)), maker.rng.random() < 0.25
    if kind in ("brief", "detailed"):
        defect = maker.rng.choice(("swap", "similar", "mismatched")) if bad else "good"
        row = maker.describe(at, defect, 1 if kind == "brief" else 5)
    elif kind == "vqa":
        row = maker.vqa(at, "wrong" if bad else "any")
    else:
        row = maker.conversation(at, "short-bad" if bad else "short")
    return row and Row(row.turns, f"{kind}-bad" if bad else kind)


def _clean(maker: Maker, at: int) -> Row | None:
    kind = maker.rng.choice(CLEAN_KINDS)
    photo = maker.photos[at]
    if kind in ("brief", "detailed"):
        return _described(maker, at, kind)
    if kind == "vqa":
        row = maker.vqa(at, "any")
        return row and Row(row.turns, kind)
    if kind == "conversation":
        return Row(maker.conversation(at, "good").turns, kind)
    if kind == "llm":
        return Row(maker.llm(at, "llm-true").turns, kind)
    things = photo.agreed(NOUNS, 1)
    if kind == "list":
        return Row([maker.say.listing, "\n".join(f"- {thing}" for thing in things)], kind) if things else None
    return Row([maker.say.why, f"Yes, {lower_first(maker.own(at)[0])}."], kind)


def _languages(maker: Maker, at: int) -> Row | None:
    language, bad = maker.rng.choice(LANGUAGES), maker.rng.random() < 0.25
    photo = maker.photos[maker.other(at) if bad else at]
    if language == "en":
        return Row(
            [maker.rng.choice(maker.say.brief), maker.rng.choice(photo.captions)], "en-bad" if bad else "en"
        )
    said = foreign_sentence(photo, language, maker.rng)
    return Row(said, f"{language}-bad" if bad else language) if said else None


def _text(maker: Maker, at: int) -> Row | None:
    if maker.rng.random() < 1 / 6:
        return Row(text_row(maker.rng), "text", image=False)
    return CAPTIONS(maker, at)


CAPTIONS = _labelled(
    Maker.describe,
    {
        "good": 0.5,
        "swap": 0.26,
        "similar": 0.08,
        "mismatched": 0.06,
        "partly": 0.06,
        "truncated": 0.02,
        "vague": 0.02,
    },
)
NOISY = {
    "detailed": 0.2,
    "brief": 0.3,
    "mismatched": 0.25,
    "partly": 0.105,
    "degenerate": 0.05,
    "vague": 0.05,
    "truncated": 0.045,
}
VQA = {"any": 0.61, "wrong": 0.27, "generic": 0.06, "unanswerable": 0.06}
TURNS = {
    "good": 0.51,
    "turn-similar": 0.11,
    "turn-random": 0.11,
    "turn-wrong": 0.1,
    "turn-repeat": 0.1,
    "turn-refusal": 0.07,
}
HALLUCINATION = {"good": 0.49, "similar-end": 0.21, "object": 0.15, "swap": 0.15}
LLM = {
    "llm-true": 0.34,
    "brief": 0.19,
    "mismatched": 0.11,
    "llm-random": 0.11,
    "llm-similar": 0.1,
    "llm-partly": 0.1,
    "llm-empty": 0.05,
}
VQA_KINDS = ("yes", "no", "colour", "count", "noun", "action", "place")
CLEAN_KINDS = ("brief", "detailed", "vqa", "conversation", "llm", "list", "yes-why")
POOLS: dict[str, tuple[Make, dict[str, str]]] = {
    "captions": (CAPTIONS, {"good": "description"}),
    "noisy": (_labelled(_described, NOISY), {"detailed": "detailed", "brief": "brief"}),
    "vqa": (_labelled(Maker.vqa, VQA), {kind: kind for kind in VQA_KINDS}),
    "conversations": (_labelled(Maker.conversation, TURNS), {"good": "conversation"}),
    "hallucination": (_labelled(_invented, HALLUCINATION), {"good": "description"}),
    "llm": (_labelled(_written, LLM), {"llm-true": "llm-true", "brief": "brief"}),
    "mixture": (_mixture, {kind: kind for kind in BAD_KINDS}),
    "clean": (_clean, {kind: kind for kind in CLEAN_KINDS}),
    "languages": (_languages, {language: language for language in LANGUAGES}),
    "text": (_text, {"good": "description", "text": "text"}),
    "subject": (CAPTIONS, {"good": "description"}),
}
SHARE_OF_SUBJECT = 0.9


def make_pool(
    name: str, photos: list[Photo], *, wording: int, rows: int, seed: int
) -> tuple[list[Any], dict[str, Any]]:
    """The rows and the labels of a pool; photos repeat if there are fewer than rows."""
    if name == "subject":
        dogs = [photo for photo in photos if photo.counts["dog"] + photo.counts["dogs"] >= 3]
        rest = [photo for photo in photos if photo not in dogs]
        photos = dogs + random.Random(seed).sample(
            rest, min(len(rest), round(len(dogs) * (1 - SHARE_OF_SUBJECT) / SHARE_OF_SUBJECT))
        )
    make, kinds = POOLS[name]
    maker = Maker(photos, WORDINGS[wording], seed)
    records: list[Any] = []
    labels: dict[str, str] = {}
    while len(records) < rows:
        for at in maker.rng.sample(range(len(photos)), len(photos)):
            row = make(maker, at)
            if row is None or len(records) == rows:
                continue
            row_id = f"{name[:3]}{len(records):05d}"
            turns = [{"from": ("human", "gpt")[k % 2], "value": text} for k, text in enumerate(row.turns)]
            record = {"id": row_id, "conversations": turns}
            if row.image:
                turns[0]["value"] = f"<image>\n{turns[0]['value']}"
                record["image"] = photos[at].name
            records.append(record)
            labels[row_id] = row.label
    return records, {"good": sorted(kinds), "kinds": kinds, "labels": labels}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--captions", type=Path, required=True, help="image TAB caption, several lines an image"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", type=Path, help="file with one image name a line: use no other photo")
    parser.add_argument("--pools", default=",".join(POOLS))
    parser.add_argument("--wording", type=int, default=0, choices=range(len(WORDINGS)))
    parser.add_argument("--rows", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    photos = read_photos(options.captions, options.only)
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.pools.split(","):
        rows, labels = make_pool(name, photos, wording=options.wording, rows=options.rows, seed=options.seed)
        (options.out / f"{name}.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
        (options.out / f"{name}.labels.json").write_text(json.dumps(labels, indent=1), encoding="utf-8")
        print(f"{name}: {len(rows)} rows, {dict(Counter(labels['labels'].values()))}")


if __name__ == "__main__":
    main()
