"""What photos with several captions each say about themselves: subjects, colours, counts, places, actions.

The benchmark pools are made from these facts by rule. A caption says less than its photo, so a label "wrong"
is a little noisy: a thing that no caption names may be there all the same.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

SWAPS: Mapping[str, tuple[str, ...]] = {
    "person": ("man", "woman", "boy", "girl", "baby", "child", "lady", "kid"),
    "people": ("men", "women", "boys", "girls", "children", "kids"),
    "animal": ("dog", "cat", "horse", "bird", "cow", "sheep"),
    "animals": ("dogs", "cats", "horses", "birds"),
    "toy": ("ball", "frisbee", "stick", "rope", "kite", "balloon", "bone", "hoop"),
    "colour": (
        "black",
        "white",
        "brown",
        "red",
        "blue",
        "green",
        "yellow",
        "orange",
        "pink",
        "purple",
        "tan",
    ),
    "ground": ("snow", "water", "grass", "sand", "mud", "dirt", "ice"),
    "place": (
        "beach",
        "street",
        "park",
        "field",
        "pool",
        "mountain",
        "forest",
        "river",
        "lake",
        "road",
        "city",
    ),
    "vehicle": ("bike", "car", "motorcycle", "boat", "skateboard", "truck", "bus", "surfboard", "snowboard"),
    "clothes": ("shirt", "jacket", "dress", "hat", "shorts", "jeans", "coat", "helmet", "suit", "sweater"),
    "act": (
        "running",
        "sitting",
        "jumping",
        "standing",
        "walking",
        "swimming",
        "sleeping",
        "climbing",
        "eating",
    ),
    "acts": ("runs", "sits", "jumps", "stands", "walks", "swims", "sleeps", "climbs", "eats"),
    "number": ("two", "three", "four", "five"),
    "thing": ("bench", "fence", "tree", "wall", "rock", "table", "chair", "window", "bridge", "building"),
}
"""Words that can stand in each other's place."""
CLASS = {word: name for name, group in SWAPS.items() for word in group}
NEAR = (
    {"child", "kid", "boy", "girl", "baby"},
    {"woman", "lady", "girl"},
    {"man", "boy", "kid"},
    {"brown", "tan", "orange"},
    {"children", "kids", "boys", "girls"},
    {"snow", "ice"},
    {"mud", "dirt", "sand"},
    {"street", "road", "city"},
    {"jacket", "coat", "sweater"},
    {"water", "pool", "lake", "river", "beach"},
    {"field", "park", "grass"},
    {"standing", "walking"},
    {"stands", "walks"},
    {"running", "jumping", "walking"},
    {"runs", "jumps", "walks"},
)
"""Words that may all be true of one photo."""
COLOURS, PLACES = (
    SWAPS["colour"],
    ("snow", "water", "grass", "sand", "beach", "street", "park", "field", "pool", "forest"),
)
NOUNS = tuple(
    w for name in ("person", "animal", "toy", "vehicle", "clothes", "thing", "place") for w in SWAPS[name]
)


def words(text: str) -> list[str]:
    """Lower-case words."""
    return re.findall(r"[a-z]+", text.lower())


def sentence(caption: str) -> str:
    """A caption as a sentence: capital first, full stop right after the last word."""
    text = re.sub(r"\s+([,.;!?])", r"\1", caption.strip()).rstrip(" .")
    return text[:1].upper() + text[1:] + "."


def lower_first(text: str) -> str:
    """A sentence for the middle of another one: small first letter, no full stop."""
    return text[:1].lower() + text[1:].rstrip(". ")


@dataclass(frozen=True)
class Photo:
    """A photo with its captions as sentences, and the words of all of them."""

    name: str
    captions: tuple[str, ...]

    @cached_property
    def counts(self) -> Counter[str]:
        """In how many captions each word is."""
        return Counter(word for caption in self.captions for word in set(words(caption)))

    def denies(self, word: str) -> bool:
        """Whether neither the word nor one that may mean the same is in any caption."""
        close = {word, word + "s", word.rstrip("s")}.union(*(group for group in NEAR if word in group))
        return not close & set(self.counts)

    def agreed(self, group: Sequence[str], least: int = 2) -> list[str]:
        """Words of a group that several captions have, the most frequent first."""
        counts = self.counts
        found = [word for word in group if counts[word] >= least]
        return sorted(found, key=lambda word: (-counts[word], word))

    def colour_of(self) -> tuple[str, str] | None:
        """A noun with one colour that the captions agree on."""
        pairs: dict[str, Counter[str]] = defaultdict(Counter)
        for caption in self.captions:
            for first, second in pairwise(words(caption)):
                if first in COLOURS and second in NOUNS:
                    pairs[second][first] += 1
        clear = [
            (noun, next(iter(seen)))
            for noun, seen in pairs.items()
            if len(seen) == 1 and sum(seen.values()) > 1
        ]
        return min(clear) if clear else None

    def counted(self) -> tuple[str, str] | None:
        """A plural noun with the number that the captions give it."""
        pairs = Counter(
            (second, first)
            for caption in self.captions
            for first, second in pairwise(words(caption))
            if first in SWAPS["number"] and second in (*SWAPS["people"], *SWAPS["animals"], "people")
        )
        numbers = {number for _, number in pairs}
        best = min(pairs, key=lambda pair: (-pairs[pair], pair), default=None)
        return best if best and len(numbers) == 1 and pairs[best] > 1 else None


def read_photos(path: Path, only: Path | None = None) -> list[Photo]:
    """Photos of `image TAB caption` lines, sorted by name; those that a file names, if one is given."""
    captions: dict[str, list[str]] = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        name, _, caption = line.partition("\t")
        if words(caption):
            captions[name].append(sentence(caption))
    allowed = set(captions) if only is None else set(only.read_text(encoding="utf-8").split())
    return [Photo(name, tuple(captions[name])) for name in sorted(captions) if name in allowed]


def swap_word(text: str, photo: Photo, rng: random.Random) -> str | None:
    """The text with one word in the place of another that no caption bears out; None if there is none."""
    found = list(re.finditer(r"[A-Za-z]+", text))
    rng.shuffle(found)
    for place in found:
        word = place[0].lower()
        group = [other for other in SWAPS.get(CLASS.get(word, ""), ()) if photo.denies(other)]
        if group:
            new = rng.choice(group)
            if place[0][0].isupper():
                new = new.capitalize()
            return text[: place.start()] + new + text[place.end() :]
    return None


def nearest(photos: Sequence[Photo], rng: random.Random) -> list[int]:
    """For each photo, of 200 random others the one whose captions share most words with its own."""
    bags = [set(photo.counts) for photo in photos]
    everything = range(len(photos))
    return [
        max(
            (other for other in rng.sample(everything, min(200, len(photos))) if other != one),
            key=lambda other: len(bags[one] & bags[other]) / len(bags[one] | bags[other]),
        )
        for one in everything
    ]
