"""Make the pool of the studies `mixture` and `mixture-noise`, and held-out rows to measure its models on.

    python -m benchmarks.make_mixture_pool --captions TSV --images DIR --out DIR [--noise 0.4]

The pool is `OUT/mix.toml`, a mixture of four sources:

- `short`: a caption of one sentence (45 % of the rows)
- `questions`: a question about a photo that its captions settle, with a short answer (30 %)
- `detailed`: all captions of a photo as one description (15 %)
- `shapes`: a question about a drawing of the package `easy_vqa` (10 %; `pip install --no-deps easy_vqa`)

No photo is in two rows, but for duplicates. Photos that finegold's offline models were kept from are not in
the pool: what is in `OUT/evaluation` is about them, and about the drawings of easy_vqa's test split.
`OUT/alignment.toml` has captions of photos that may be in the pool too, for a projection that knows no
question yet. With `--noise 0.4`, 40 % of each source has one of the defects in `DEFECTS`, each about as often
as another. `OUT/truth.json` says which row has which, and `OUT/good` is the pool without them: for measuring
only.
"""

import argparse
import json
import random
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from benchmarks.captioned import Photo, read_photos
from benchmarks.make_pools import Maker
from benchmarks.wordings import WORDINGS

from finegold.offline.captioner import DETAIL_INSTRUCTIONS, ONE_SENTENCE, is_held_out
from finegold.offline.questions import PhotoQuestion, balanced, photo_questions

SHARES = {"short": 0.45, "questions": 0.30, "detailed": 0.15, "shapes": 0.10}
"""Sources, and the share of the rows that each has."""
DEFECTS = {
    "other-image": "the answer belongs to another image",
    "foil": "a word of a description is swapped for one that no caption of the photo bears out",
    "wrong-answer": "the answer to a question is another one of its kind",
    "vague": "the answer says nothing",
    "repeated": "the first words of a description again and again",
    "truncated": "a description breaks off",
    "duplicate": "answer and image are those of another row, and the question says the same in other words",
    "other-instruction": "the question is that of a row of another kind",
}
"""The eight defects, and what each is."""
DESCRIBED = tuple(name for name in DEFECTS if name != "wrong-answer")
ANSWERED = ("other-image", "wrong-answer", "vague", "duplicate", "other-instruction")
"""The defects of descriptions, and of answers to questions."""
ALIGNMENT = 8_000
"""Captions to align a projection with."""
BRIEF = (ONE_SENTENCE, *WORDINGS[0].brief[1:])
"""Instructions of short captions."""
POLITE = ("Please answer.", "Look closely.", "What do you think?")
"""What a duplicate adds to a question."""
VAGUE_ANSWERS = ("It depends", "Something", "Hard to say", "Various things", "A few", "Not sure")


class Row(NamedTuple):
    """A question about an image, its answer, the other answers of its kind, and the kind."""

    image: str
    question: str
    answer: str
    wrong: tuple[str, ...]
    kind: str


class Sources:
    """Good and bad rows of each source; every call of `good` shows another image."""

    def __init__(self, photos: list[Photo], shapes: list[Row], seed: int) -> None:
        """Draw questions of all photos, and an order of photos and shapes."""
        self.rng = random.Random(seed)
        self.maker = Maker(photos, WORDINGS[0], seed)
        self.places = {photo.name: place for place, photo in enumerate(photos)}
        asked = [
            (at, one) for at, photo in enumerate(photos) for one in photo_questions(photo.captions, self.rng)
        ]
        self.questions: dict[int, list[PhotoQuestion]] = {}
        for kept in balanced([question for _, question in asked], self.rng):
            at, question = asked[kept]
            self.questions.setdefault(at, []).append(question)
        # Photos with questions come last, so that descriptions do not use them up.
        self._free = self.rng.sample(range(len(photos)), len(photos))
        self._free.sort(key=lambda at: at not in self.questions)
        self._drawn = self.rng.sample(shapes, len(shapes))

    def good(self, source: str) -> Row:
        """A row without a defect, about an image that no row has yet."""
        if source == "shapes":
            return self._drawn.pop()
        return self.about(self._free.pop(0 if source == "questions" else -1), source)

    def about(self, at: int, source: str) -> Row:
        """A good row about a photo; a photo of `questions` must have one."""
        name = self.maker.photos[at].name
        if source == "short":
            return Row(name, self.rng.choice(BRIEF), self.maker.own(at)[0], (), "caption")
        if source == "detailed":
            return Row(
                name, self.rng.choice(DETAIL_INSTRUCTIONS), " ".join(self.maker.own(at)), (), "description"
            )
        question = self.rng.choice(self.questions[at])
        state = self.rng.getstate()
        asked, answer = question.asked(self.rng)
        self.rng.setstate(state)
        # The same draws give the wrong answer in the form that the question asks for.
        _, wrong = question.asked(self.rng, wrong=True)
        return Row(name, asked, answer, (wrong,), question.kind)

    def bad(self, source: str, defect: str, rows: Sequence[Row]) -> Row:
        """A row with a defect.

        Args:
            source: Its source.
            defect: One of `DESCRIBED` or `ANSWERED`, as the source has it.
            rows: The good rows of the source, for duplicates and for what belongs to others.
        """
        rng = self.rng
        if defect == "duplicate":
            row = rng.choice(rows)
            return row._replace(question=self._reworded(row, source))
        row, described = self.good(source), source in ("short", "detailed")
        if defect == "other-image":
            others = [
                one.answer
                for one in rows
                if one.kind == row.kind and one.answer.lower() != row.answer.lower()
            ]
            return row._replace(answer=rng.choice(others or list(row.wrong)))
        if defect == "wrong-answer":
            return row._replace(answer=rng.choice(row.wrong))
        if defect == "vague":
            return row._replace(answer=rng.choice(self.maker.say.vague if described else VAGUE_ANSWERS))
        if defect == "other-instruction":
            if not described:
                return row._replace(
                    question=rng.choice([one.question for one in rows if one.kind != row.kind])
                )
            at = rng.choice(list(self.questions))
            return row._replace(question=self.about(at, "questions").question)
        if defect == "foil":
            at = self.places[row.image]
            swapped = self.maker.swapped(self.maker.own(at)[: 1 if source == "short" else None], at)
            return row._replace(answer=" ".join(swapped)) if swapped else self.bad(source, defect, rows)
        parts = row.answer.split()
        if defect == "repeated":
            return row._replace(answer=" ".join([" ".join(parts[:3])] * rng.randint(8, 20)))
        return row._replace(answer=" ".join(parts[: rng.randint(2, max(2, min(len(parts) // 2, 12)))]))

    def _reworded(self, row: Row, source: str) -> str:
        """The question of a row in other words; a row with the same words is excluded when it is read."""
        if source in ("short", "detailed"):
            others = BRIEF if source == "short" else DETAIL_INSTRUCTIONS
            return self.rng.choice([one for one in others if one != row.question])
        return f"{row.question} {self.rng.choice(POLITE)}"


def make_rows(sources: Sources, rows: int, noise: float) -> dict[str, list[tuple[Row, str]]]:
    """The rows of each source in random order, each with its defect, `good` without one."""
    found = {}
    for source, share in SHARES.items():
        count = round(rows * share)
        bad = round(count * noise)
        good = [sources.good(source) for _ in range(count - bad)]
        defects = DESCRIBED if source in ("short", "detailed") else ANSWERED
        names = [defects[number % len(defects)] for number in range(bad)]
        made = [(row, "good") for row in good]
        made += [(sources.bad(source, name, good), name) for name in names]
        found[source] = sources.rng.sample(made, len(made))
    return found


def read_shapes(folder: Path, split: str) -> list[Row]:
    """One question about each drawing of a split of easy_vqa, the n-th of drawing n, to have all kinds."""
    by_image: dict[int, list[tuple[str, str]]] = {}
    for question, answer, image in json.loads((folder / split / "questions.json").read_text("utf-8")):
        by_image.setdefault(image, []).append((question, answer))
    answers = (folder / "answers.txt").read_text("utf-8").split()
    shapes, yes = ("circle", "rectangle", "triangle"), ("yes", "no")
    colours = tuple(one for one in answers if one not in (*shapes, *yes))
    rows = []
    for image in sorted(by_image):
        question, answer = by_image[image][image % len(by_image[image])]
        kind, group = next(
            (kind, group)
            for kind, group in (("yes-no", yes), ("shape", shapes), ("colour", colours))
            if answer in group
        )
        wrong = tuple(one for one in group if one != answer)
        rows.append(Row(f"{image}.png", question, answer, wrong, kind))
    return rows


def llava(row: Row, row_id: str) -> dict[str, object]:
    """A row as LLaVA writes it."""
    turns = [("human", f"<image>\n{row.question}"), ("gpt", row.answer)]
    return {
        "id": row_id,
        "image": row.image,
        "conversations": [{"from": role, "value": text} for role, text in turns],
    }


def source_entry(name: str, images: Path) -> str:
    """A source of a mixture: its file and the folder of its images."""
    return f'[[sources]]\nname = "{name}"\npath = "{name}.json"\nimages = {json.dumps(str(images))}\n'


def write_pool(found: dict[str, list[tuple[Row, str]]], out: Path, photos: Path, drawings: Path) -> None:
    """Write `mix.toml`, a file for each source, and the truth."""
    out.mkdir(parents=True, exist_ok=True)
    truth: dict[str, str] = {}
    parts = []
    for source, rows in found.items():
        ids = [f"{number:05d}" for number in range(len(rows))]
        records = [llava(row, row_id) for (row, _), row_id in zip(rows, ids, strict=True)]
        (out / f"{source}.json").write_text(json.dumps(records, indent=1), encoding="utf-8")
        truth |= {f"{source}/{row_id}": label for row_id, (_, label) in zip(ids, rows, strict=True)}
        parts.append(source_entry(source, drawings if source == "shapes" else photos))
    (out / "mix.toml").write_text("\n".join(parts), encoding="utf-8")
    (out / "truth.json").write_text(json.dumps(truth, indent=1), encoding="utf-8")


def write_alignment(every: Sequence[Photo], out: Path, photos: Path, seed: int) -> None:
    """Write true captions in one sentence, several of some photos, with one instruction."""
    said = [(photo.name, text) for photo in every for text in photo.captions]
    chosen = random.Random(seed).sample(said, min(ALIGNMENT, len(said)))
    rows = [Row(name, ONE_SENTENCE, text, (), "caption") for name, text in chosen]
    records = [llava(row, f"{number:05d}") for number, row in enumerate(rows)]
    (out / "alignment.json").write_text(json.dumps(records, indent=1), encoding="utf-8")
    (out / "alignment.toml").write_text(source_entry("alignment", photos), encoding="utf-8")


def write_held_out(sources: Sources, out: Path, photos: Path, drawings: Path, counts: Sequence[int]) -> None:
    """Write the rows that models are measured on: captions, questions about photos, and about shapes.

    Args:
        sources: Held-out photos and shapes.
        out: Folder of a JSON file and a `.toml` file with its images each.
        photos: Folder of the photos.
        drawings: Folder of the drawings.
        counts: Number of photos with captions, of photo questions and of shape questions.
    """
    out.mkdir(parents=True, exist_ok=True)
    rng, every = sources.rng, sources.maker.photos
    shown = [every[at] for at in sorted(rng.sample(range(len(every)), min(counts[0], len(every))))]
    asked = [(at, one) for at, several in sources.questions.items() for one in several]
    asked = sorted(rng.sample(asked, min(counts[1], len(asked))), key=lambda pair: pair[0])
    shapes = [sources.good("shapes") for _ in range(counts[2])]
    said = [Row(photo.name, ONE_SENTENCE, text, (), "caption") for photo in shown for text in photo.captions]
    found = [Row(every[at].name, *one.asked(rng), (), one.kind) for at, one in asked]
    for name, rows, images in (
        ("captions", said, photos),
        ("photos", found, photos),
        ("shapes", shapes, drawings),
    ):
        fields = [
            {"image": row.image, "question": row.question, "answer": row.answer, "kind": row.kind}
            for row in rows
        ]
        (out / f"{name}.json").write_text(json.dumps(fields, indent=1), encoding="utf-8")
        (out / f"{name}.toml").write_text(source_entry(name, images), encoding="utf-8")


def easy_vqa_folder() -> Path:
    """Folder of the data of the package `easy_vqa`; ends the process if it is not installed."""
    spec = find_spec("easy_vqa")
    if spec is None or spec.origin is None:
        raise SystemExit("the shapes are those of easy_vqa: pip install --no-deps easy_vqa")
    return Path(spec.origin).parent / "data"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--captions", type=Path, required=True, help="image TAB caption, several lines an image"
    )
    parser.add_argument("--images", type=Path, required=True, help="folder of the photos")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--noise", type=float, default=0.0, help="share of the rows that have a defect")
    parser.add_argument(
        "--held-out",
        type=int,
        nargs=3,
        default=(200, 400, 300),
        metavar=("PHOTOS", "QUESTIONS", "SHAPES"),
        help="photos with captions, photo questions and shape questions to measure on",
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    every, easy = read_photos(options.captions), easy_vqa_folder()
    photos, held = ([photo for photo in every if is_held_out(photo.name) == out] for out in (False, True))
    images = options.images.resolve()
    found = make_rows(Sources(photos, read_shapes(easy, "train"), options.seed), options.rows, options.noise)
    write_pool(found, options.out, images, easy / "train" / "images")
    if options.noise:
        good = {source: [pair for pair in rows if pair[1] == "good"] for source, rows in found.items()}
        write_pool(good, options.out / "good", images, easy / "train" / "images")
    write_alignment(photos, options.out, images, options.seed)
    # Another seed than the pool's would measure other items; the pools' noise changes none of them.
    measured = Sources(held, read_shapes(easy, "test"), options.seed)
    write_held_out(measured, options.out / "evaluation", images, easy / "test" / "images", options.held_out)
    for source, rows in found.items():
        bad = sum(label != "good" for _, label in rows)
        print(f"{source}: {len(rows)} rows, {bad} of them bad")


if __name__ == "__main__":
    main()
