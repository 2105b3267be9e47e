"""Questions about a photo with answers of a word, made by rule from its captions.

A rule asks only what the captions agree on. A question to be answered by no names what a photo of such
captions hardly shows: captions say little of a photo, so a few of these answers are wrong all the same.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, TypeAlias

from finegold.offline.photo_words import (
    ACTIONS,
    ANIMAL,
    COLOURED,
    COLOURS,
    COUNTED,
    HELD,
    NEAR_WORDS,
    NUMBERS,
    OBJECTS,
    PERSON,
    PLACES,
    THINGS,
    UNCLEAR_PEOPLE,
    UNCOUNTED,
    UNCOUNTED_OBJECTS,
    USUAL,
    Thing,
    words,
)

Kind: TypeAlias = Literal["yes-no", "colour", "count", "object", "place", "action"]
KINDS: Final[tuple[Kind, ...]] = ("yes-no", "colour", "count", "object", "place", "action")
ONE_WORD = ("Answer with a single word.", "Answer in one word.", "Give an answer of one word.")
"""Wordings after a question that ask for the answer as one word in small letters."""
SHORT = ("", "Answer the question using a single word or phrase.", "Give a short answer.")
"""Wordings after a question that leave the form open: the answer is a phrase with a capital."""

PRESENCE = (
    "Is there {} in the image?",
    "Is there {} in the picture?",
    "Can you see {}?",
    "Does the photo show {}?",
)
COLOUR = ("What color is the {}?", "What colour is the {}?", "Which color does the {} have?")
NUMBER = (
    "How many {} are in the picture?",
    "How many {} are there?",
    "What is the number of {} in the image?",
)
MAIN = ("Who or what is the main subject of the image?", "Who or what is in the picture?")
WHERE = ("Where was this photo taken?", "Where is this?", "What kind of place is this?")


@dataclass(frozen=True, slots=True)
class PhotoQuestion:
    """A question about a photo.

    Attributes:
        kind: Kind of the question.
        text: The question.
        subject: What it is about, such as `dog`; empty for the whole photo.
        answer: The answer, one word in small letters.
        phrase: The answer as a phrase with a capital: `In the water`.
        wrong: A wrong answer of the same kind, one word in small letters.
        wrong_phrase: The wrong answer as a phrase.
        again: The question after another one about the same subject, with a pronoun; empty if there is none.
        counterpart: For yes/no, the same question about something that is not there; empty for others.
    """

    kind: Kind
    text: str
    subject: str
    answer: str
    phrase: str
    wrong: str
    wrong_phrase: str
    again: str = ""
    counterpart: str = ""

    def asked(self, draw: random.Random, *, text: str = "", wrong: bool = False) -> tuple[str, str]:
        """Draw one of six wordings, and give the instruction and the answer in the form that it asks for.

        Args:
            draw: Source of the choice.
            text: Replaces the question's text: the one with a pronoun in a second turn.
            wrong: Whether to give the wrong answer.
        """
        wording, gap = draw.choice((*ONE_WORD, *SHORT)), draw.choice(" \n")
        instruction = f"{text or self.text}{gap}{wording}".strip()
        if wording in ONE_WORD:
            return instruction, self.wrong if wrong else self.answer
        return instruction, self.wrong_phrase if wrong else self.phrase


def photo_questions(captions: Sequence[str], draw: random.Random) -> list[PhotoQuestion]:
    """Ask all that the captions of one photo answer, at most one question a subject and kind.

    Every yes/no question comes twice: about a thing that is there, and about one that is not.

    Args:
        captions: The captions; where there are four or more, two must name a thing for it to be there.
        draw: Source of wordings, of wrong answers and of the things that are not there.
    """
    texts = [re.sub(r"\s+", " ", caption.lower()).strip(" .") for caption in captions]
    rules = (_yes_no, _colours, _counts, _objects, _places, _actions)
    return [question for rule in rules for question in rule(texts, draw)]


def balanced(questions: Sequence[PhotoQuestion], draw: random.Random, share: float = 0.2) -> list[int]:
    """Draw questions so that little is known of an answer before the photo is seen.

    Each thing is asked of as often with the answer yes as with no, and of the other kinds no answer has more
    than `share` of the questions, or one and a half times an equal share where there are few answers.

    Args:
        questions: Questions of many photos.
        draw: Source of the draws.
        share: Largest share of an answer in its kind.

    Returns:
        Places of the questions that are kept, ascending.
    """
    kept: list[int] = []
    by_kind: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    things: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, one in enumerate(questions):
        if one.kind == "yes-no":
            things[one.subject][one.answer].append(place)
        else:
            by_kind[one.kind][one.answer].append(place)
    for answers in things.values():
        fewest = min(len(answers["yes"]), len(answers["no"]))
        kept += [place for places in answers.values() for place in draw.sample(places, fewest)]
    for answers in by_kind.values():
        most = _largest_count([len(places) for places in answers.values()], share)
        kept += [
            place for places in answers.values() for place in draw.sample(places, min(most, len(places)))
        ]
    return sorted(kept)


def _largest_count(counts: Sequence[int], share: float) -> int:
    """The largest count so that one answer cut to it has no more than `share` of all that are left."""
    share = max(share, 1.5 / len(counts))
    most = max(counts)
    while most > 1 and most > share * sum(min(most, count) for count in counts) + 1e-9:
        # Answers that are rare stay whole, so the total shrinks more slowly than the most common answer.
        most -= max(1, most // 50)
    return most


def conversation(
    questions: Sequence[PhotoQuestion], draw: random.Random
) -> tuple[PhotoQuestion, PhotoQuestion] | None:
    """Draw two turns about one photo: a question, and one to be asked as `again`, with a pronoun.

    Returns:
        The two questions; None if no two questions have one subject.
    """
    pairs = [
        (first, second)
        for first in questions
        if first.subject and (first.kind != "yes-no" or first.answer == "yes")
        for second in questions
        if second.again and second.subject == first.subject and second.kind != first.kind
    ]
    return draw.choice(pairs) if pairs else None


PEOPLE = tuple(one for one in THINGS if one.family == PERSON)
ADULTS = ("man", "woman")
"""A photo with a child may show a boy or a girl, but hardly a woman of whom nobody says anything."""
BEINGS = tuple(one for one in THINGS if one.family in (PERSON, ANIMAL))


OTHER_SEX = {"man": "woman", "woman": "man", "boy": "girl", "girl": "boy"}


def _yes_no(captions: Sequence[str], draw: random.Random) -> Iterator[PhotoQuestion]:
    things = (*THINGS, *UNCOUNTED)
    named = {one: sum(one.named(caption) for caption in captions) for one in things}
    families = {one.family for one, times in named.items() if times and one.family not in (PERSON, ANIMAL)}
    whole = "\n".join(captions)
    families |= {family for family, near in NEAR_WORDS.items() if near.search(whole)}
    unclear = UNCLEAR_PEOPLE.search(whole) is not None
    young = any(named[one] for one in PEOPLE if one.name not in ADULTS)
    there = [one for one in things if named[one] >= (2 if len(captions) >= 4 else 1)]
    absent = [
        one
        for one in things
        if not named[one]
        and one.family not in families
        and not (one.family == PERSON and (unclear or (young and one.name not in ADULTS)))
    ]
    draw.shuffle(there)
    for thing in there[: len(absent)]:
        foil = draw.choices(absent, [USUAL.get(one.name, 1) for one in absent])[0]
        absent.remove(foil)
        form = draw.choice(PRESENCE)
        texts = form.format(thing.phrase), form.format(foil.phrase)
        yield PhotoQuestion("yes-no", texts[0], thing.name, "yes", "Yes", "no", "No", "", texts[1])
        yield PhotoQuestion("yes-no", texts[1], foil.name, "no", "No", "yes", "Yes", "", texts[0])


def _colours(captions: Sequence[str], draw: random.Random) -> Iterator[PhotoQuestion]:
    for thing in COLOURED:
        if any(thing.several.search(text) or len(thing.one.findall(text)) > 1 for text in captions):
            continue
        found = [match for text in captions if (match := _colour_of(thing).search(text))]
        colours = {COLOURS[match[2]] for match in found}
        if len(colours) != 1 or any(match[1] for match in found):
            continue
        (colour,) = colours
        wrong = draw.choice([one for one in COLOURS if one not in ("grey", colour)])
        form = draw.choice(
            ("What color is the {}?", "What colour is the {}?", "Which color does the {} have?")
        )
        again = "What color is it?" if thing.family == ANIMAL else ""
        yield _word("colour", form.format(thing.name), thing.name, colour, wrong, again)


@cache
def _colour_of(thing: Thing) -> re.Pattern[str]:
    return re.compile(
        rf"(\w+(?:,| and|/| &) )?\b({'|'.join(COLOURS)}) (?:(?:\w+-)?(?:sleeved|furry|wool|knit|small|large|"
        rf"little|tank|plastic|fluffy|winter) )?{thing.one.pattern}"
    )


def _word(kind: Kind, text: str, subject: str, answer: str, wrong: str, again: str = "") -> PhotoQuestion:
    return PhotoQuestion(kind, text, subject, answer, answer.capitalize(), wrong, wrong.capitalize(), again)


def _counts(captions: Sequence[str], draw: random.Random) -> Iterator[PhotoQuestion]:
    for thing in COUNTED:
        number = _number_of(thing)
        found = {match[1] for text in captions if (match := number.search(text))}
        agreed = sum(bool(number.search(text)) for text in captions)
        single = [text for text in captions if thing.one.search(text)]
        if len(found) == 1 and agreed * 2 >= len(captions) and not single:
            (answer,) = found
        elif not found and 2 * len(single) > len(captions) and _only_one(captions, thing):
            answer = "one"
        else:
            continue
        wrong = draw.choice([one for one in NUMBERS[:4] if one != answer])
        form = draw.choice(NUMBER)
        again = "How many are there?" if answer != "one" else ""
        yield _word("count", form.format(thing.plural), thing.name, answer, wrong, again)


@cache
def _number_of(thing: Thing) -> re.Pattern[str]:
    return re.compile(rf"\b({'|'.join(NUMBERS[1:])}) (?:[\w-]+ ){{0,2}}?{thing.several.pattern}")


_MORE = re.compile(r"\b(?:another|others?|both|two|three|four|several|group|each|many|people|couple|pair)\b")


def _only_one(captions: Sequence[str], thing: Thing) -> bool:
    return not any(
        thing.several.search(text) or _MORE.search(text) or len(thing.one.findall(text)) > 1
        for text in captions
    )


def _subject(caption: str) -> tuple[Thing, bool, int] | None:
    """First person or animal of a caption, whether it is several, and where the word ends."""
    found = [
        (match.start(), match.end(), thing, several)
        for thing in BEINGS
        for pattern, several in ((thing.one, False), (thing.several, True))
        if (match := pattern.search(caption))
    ]
    if not found:
        return None
    _, end, thing, several = min(found, key=lambda one: one[0])
    return thing, several, end


_OBJECT = re.compile(
    rf"(?:(?:a|an|the|his|her|its|some) )?(?:(?!and\b|in\b|on\b|with\b|while\b|at\b)[\w-]+ ){{0,2}}?"
    rf"({'|'.join(sorted(OBJECTS, key=len, reverse=True))})(?![\w-])"
)


def _objects(captions: Sequence[str], draw: random.Random) -> Iterator[PhotoQuestion]:
    asked: set[str] = set()
    for text in captions:
        subject = _subject(text)
        if subject is None or subject[1]:
            continue
        thing, _, end = subject
        for verb, (forms, *questions) in HELD.items():
            match = _one_of(forms).search(text, end)
            held = _OBJECT.match(text, match.end() + 1) if match else None
            if held is None or verb in asked:
                continue
            asked.add(verb)
            answer = held[1]
            others = [one for one in OBJECTS if not any(one in caption for caption in captions)]
            wrong = draw.choice(others)
            pronoun = draw.choice(questions).replace("the {}", "it")
            yield PhotoQuestion(
                "object", draw.choice(questions).format(thing.name), thing.name,
                answer, _with_article(answer), wrong, _with_article(wrong),
                pronoun if thing.family == ANIMAL else "",
            )  # fmt: skip
    subjects = [found[0] for text in captions if (found := _subject(text))]
    common = Counter(thing.name for thing in subjects).most_common(1)
    if common and common[0][1] * 2 > len(captions):
        main = next(thing for thing in subjects if thing.name == common[0][0])
        # A child may be a boy, and a boy a man: another person is wrong only if of the other sex.
        absent = [
            one
            for one in BEINGS
            if not any(one.named(text) for text in captions)
            and (main.family == ANIMAL or one.family == ANIMAL or one.name == OTHER_SEX.get(main.name))
        ]
        wrong_thing = draw.choice(absent)
        form = draw.choice(
            ("Who or what is the main subject of the image?", "Who or what is in the picture?")
        )
        yield PhotoQuestion(
            "object", form, main.name, main.name, main.phrase.capitalize(),
            wrong_thing.name, wrong_thing.phrase.capitalize(),
        )  # fmt: skip


def _with_article(name: str) -> str:
    if name in UNCOUNTED_OBJECTS:
        return name.capitalize()
    return f"{'An' if name[0] in 'aeiou' and name != 'unicycle' else 'A'} {name}"


_AT = re.compile(r"\b(?:in|on|at|through|along|across|down|into|near|from|by)\b")


@cache
def _one_of(forms: tuple[str, ...]) -> re.Pattern[str]:
    return words(tuple(sorted(forms, key=len, reverse=True)))


def _places(captions: Sequence[str], draw: random.Random) -> Iterator[PhotoQuestion]:
    said = Counter(
        place
        for text in captions
        for place, (_, names) in PLACES.items()
        if (match := _one_of(names).search(text)) and _AT.search(text, 0, match.start())
    )
    ranked = said.most_common(2)
    if not ranked or ranked[0][1] < (2 if len(captions) >= 4 else 1):
        return
    if len(ranked) > 1 and ranked[1][1] == ranked[0][1]:
        return
    answer = ranked[0][0]
    wrong = draw.choice([place for place in PLACES if not any(place in text for text in captions)])
    form = draw.choice(WHERE)
    yield PhotoQuestion(
        "place", form, "", answer, PLACES[answer][0].capitalize(), wrong, PLACES[wrong][0].capitalize()
    )


def _actions(captions: Sequence[str], draw: random.Random) -> Iterator[PhotoQuestion]:
    found = [subject for text in captions if (subject := _subject(text))]
    kinds = {(thing.name, several) for thing, several, _ in found}
    common = Counter((thing.name, several) for thing, several, _ in found).most_common(1)
    if not common or common[0][1] * 2 <= len(captions) or len({name for name, _ in kinds}) > 2:
        return
    done = Counter(action for text in captions for action, pattern in ACTIONS.items() if pattern.search(text))
    ranked = done.most_common(2)
    if not ranked or ranked[0][1] < (2 if len(captions) >= 4 else 1):
        return
    if len(ranked) > 1 and ranked[1][1] == ranked[0][1]:
        return
    (name, several), answer = common[0][0], ranked[0][0]
    thing = next(thing for thing, _, _ in found if thing.name == name)
    wrong = draw.choice([action for action in ACTIONS if not done[action]])
    asked = f"are the {thing.plural}" if several else f"is the {thing.name}"
    again = "What are they doing?" if several else "What is it doing?" if thing.family == ANIMAL else ""
    yield _word("action", f"What {asked} doing?", name, answer, wrong, again)
