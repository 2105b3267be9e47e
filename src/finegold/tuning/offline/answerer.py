"""Training of `offline-vqa`: the captioner learns to answer questions too, of photos and of drawn shapes.

Two phases, which start from the captioner's weights: captions mixed with questions, then captions rewarded as
in the captioner's last phase, with questions beside them.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from finegold.errors import DataError, why_unread
from finegold.models.prefix import load_network
from finegold.offline.captioner import DETAIL_INSTRUCTIONS, ONE_SENTENCE
from finegold.offline.questions import PhotoQuestion, balanced, conversation, photo_questions
from finegold.run import progress
from finegold.tuning.offline.captioner import Data, Phase, by_agreement, learn_from_reward
from finegold.tuning.offline.network import (
    END,
    Branch,
    CaptionerNetwork,
    TrainingBatch,
    image_features,
    save_captioner,
)
from finegold.tuning.offline.photos import CaptionedPhotos, as_sentence

STEPS, REWARDED_STEPS, DRAWS = 2800, 220, 3
"""Steps of the built-in model, and draws of questions from each photo's captions."""
ANSWERS = Phase(0.65, 3, 1e-3, 0.6)
PHOTOS, SHAPES, AT_ONCE = 24, 8, 5
"""Photos and pictures of shapes in a batch of questions, and questions of one of these."""
TALKS = 0.2
"""Share of the visits to a photo that are conversations of two turns, where its questions permit one."""
OTHER_CASE = 0.1
"""Share of the answers that begin with the other case than the wording asks for."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """Pictures of shapes with questions, as the package `easy_vqa` holds them.

    Attributes:
        folder: Folder of the pictures.
        names: File names.
        questions: Questions and answers of each picture.
    """

    folder: Path
    names: tuple[str, ...]
    questions: tuple[tuple[tuple[str, str], ...], ...]


def read_shapes(folder: Path) -> Shapes:
    """Read one part of `easy_vqa`'s data: a folder with `questions.json` and `images`.

    Raises:
        DataError: If the questions cannot be read, or are not of the form `[question, answer, number]`.
    """
    path = folder / "questions.json"
    found: dict[str, list[tuple[str, str]]] = {}
    try:
        for question, answer, number in json.loads(path.read_text(encoding="utf-8")):
            found.setdefault(f"{int(number)}.png", []).append((str(question), str(answer)))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"the questions {path} cannot be read ({why_unread(error)}): name the folder data/train of the "
            "package easy_vqa"
        ) from None
    return Shapes(folder / "images", tuple(found), tuple(tuple(several) for several in found.values()))


def balanced_shapes(shapes: Shapes, draw: random.Random) -> list[list[tuple[str, str]]]:
    """Questions of each picture, of which every yes/no question has as many pictures with yes as with no.

    Of all pictures few have a shape of one colour, so "no" is right five times in six without looking.
    """
    places: dict[str, dict[str, list[int]]] = {}
    for row, several in enumerate(shapes.questions):
        for question, answer in several:
            if answer in ("yes", "no"):
                places.setdefault(question, {"yes": [], "no": []})[answer].append(row)
    kept = {
        (question, row)
        for question, answers in places.items()
        for rows in answers.values()
        for row in draw.sample(rows, min(map(len, answers.values())))
    }
    return [
        [pair for pair in several if pair[1] not in ("yes", "no") or (pair[0], row) in kept]
        for row, several in enumerate(shapes.questions)
    ]


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """What is asked of photos and of shapes; rows are places in the features.

    Attributes:
        photos: Row of each photo that has questions, and these.
        shapes: Row of each picture of shapes, and its questions and answers.
        tokenizer: The model's tokenizer.
    """

    photos: Sequence[tuple[int, Sequence[PhotoQuestion]]]
    shapes: Sequence[tuple[int, Sequence[tuple[str, str]]]]
    tokenizer: Any

    def branch(self, turns: Sequence[tuple[str, str]]) -> Branch:
        """Token ids of a conversation."""
        return Branch.turns(
            [
                (self.tokenizer.encode(asked + "\n"), [*self.tokenizer.encode(said), END])
                for asked, said in turns
            ]
        )

    def batches(self, draw: random.Random) -> Iterator[TrainingBatch]:
        """Endless batches of photos and shapes, each with up to five questions."""
        photos, shapes = _rounds(self.photos, draw), _rounds(self.shapes, draw)
        while True:
            rows, branches = [], []
            for row, questions in (next(photos) for _ in range(min(PHOTOS, len(self.photos)))):
                rows.append(row)
                branches.append([self.branch(turns) for turns in _photo_turns(questions, draw)])
            for row, pairs in (next(shapes) for _ in range(min(SHAPES, len(self.shapes)))):
                rows.append(row)
                several = draw.sample(pairs, min(AT_ONCE, len(pairs)))
                branches.append([self.branch([pair]) for pair in several])
            yield TrainingBatch(rows, [[] for _ in rows], branches)


def _rounds(items: Sequence[Any], draw: random.Random) -> Iterator[Any]:
    while True:
        yield from draw.sample(items, len(items))


def _photo_turns(questions: Sequence[PhotoQuestion], draw: random.Random) -> list[list[tuple[str, str]]]:
    """Conversations of one turn, and perhaps one of two, about a photo."""
    drawn = draw.sample(questions, min(AT_ONCE, len(questions)))
    several = [[_posed(one, draw)] for one in drawn]
    if draw.random() < TALKS and (talk := conversation(questions, draw)):
        first, second = talk
        several[-1] = [_posed(first, draw), _posed(second, draw, second.again)]
    return several


def _posed(question: PhotoQuestion, draw: random.Random, text: str = "") -> tuple[str, str]:
    instruction, answer = question.asked(draw, text=text)
    if draw.random() < OTHER_CASE:
        answer = answer[0].swapcase() + answer[1:]
    return instruction, answer


def ask_photos(
    captions: Sequence[Sequence[str]], draws: int, draw: random.Random
) -> list[tuple[int, list[PhotoQuestion]]]:
    """Place of each photo that has questions, and these, balanced over all photos."""
    found: list[tuple[int, PhotoQuestion]] = []
    with progress("Questions", draws * len(captions), "photos") as advance:
        for _ in range(draws):
            for row, several in enumerate(captions):
                found += [(row, question) for question in photo_questions(several, draw)]
                advance(1)
    by_row: dict[int, list[PhotoQuestion]] = {}
    for place in balanced([question for _, question in found], draw):
        row, question = found[place]
        by_row.setdefault(row, []).append(question)
    return sorted(by_row.items())


def train_answerer(
    photos: CaptionedPhotos,
    shapes: Shapes,
    out: Path,
    *,
    store: Path,
    start: str = "offline",
    steps: int = STEPS,
    rewarded_steps: int = REWARDED_STEPS,
    draws: int = DRAWS,
    blind: bool = False,
    seed: int = 0,
) -> None:
    """Train the model that answers and write it as a folder that `finegold.models` loads.

    Args:
        photos: The photos, all for training.
        shapes: Pictures of shapes, all for training.
        out: Folder of the model.
        store: Folder where features are kept.
        start: Model to start from, with its tokenizer.
        steps: Number of steps on captions and questions.
        rewarded_steps: Number of steps on rewarded captions, with questions beside them.
        draws: Number of times that questions are drawn from each photo's captions.
        blind: Whether every photo's features are replaced by their mean, to measure what is told without
            looking.
        seed: Seed of all draws.
    """
    torch.manual_seed(seed)
    draw = random.Random(seed)
    several = [
        image_features(photos.folder, photos.names, store),
        image_features(shapes.folder, shapes.names, store),
    ]
    views = [torch.cat(parts) for parts in zip(*several, strict=True)]
    some = several[0][0][:1000].float().flatten(0, 1)
    mean, spread = some.mean(0), some.std(0) + 1e-2
    if blind:
        views = [mean.half().expand_as(view) for view in views]
    trained = load_network(start, device="cpu")
    model, tokenizer = CaptionerNetwork.of_trained(trained, mean, spread), trained.tokenizer
    texts = [[as_sentence(caption) for caption in captions] for captions in photos.captions]
    captions = [
        [tokenizer.encode(those[place]) for place in order]
        for those, order in zip(texts, by_agreement(texts), strict=True)
    ]
    instructions = (ONE_SENTENCE, *DETAIL_INSTRUCTIONS)
    data = Data(captions, views, {text: tokenizer.encode(text + "\n") for text in instructions})
    drawn = zip(range(len(photos.names), len(views[0])), balanced_shapes(shapes, draw), strict=True)
    asked = QuestionSet(ask_photos(photos.captions, draws, draw), [one for one in drawn if one[1]], tokenizer)
    questions = asked.batches(draw)
    ANSWERS.learn(model, data, steps, draw, questions)
    save_captioner(model, tokenizer, out, "plain-turns")
    if rewarded_steps:
        learn_from_reward(model, data, tokenizer, texts, rewarded_steps, draw, questions)
        save_captioner(model, tokenizer, out, "plain-turns")
