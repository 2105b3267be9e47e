"""Answer a file of questions about images, in the formats of LLaVA-Bench (LLaVA's `model_vqa.py`)."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from finegold.errors import ConfigError, DataError
from finegold.models.prefix.answering import Answerer, PrefixAnswerer, Sampling
from finegold.models.prefix.registry import is_prefix_name, load_network
from finegold.run import fingerprint, progress
from finegold.samples import ImageRef
from finegold.samples.exclusions import RowError
from finegold.samples.formats.json_text import decode_line, detect_encoding, read_lines
from finegold.samples.formats.records import RawImage
from finegold.samples.images import check_image, decode, read_bytes
from finegold.samples.roots import ImageRoot

TEXT_KEYS = ("text", "instruction", "question")


@dataclass(frozen=True, slots=True)
class Question:
    """A line of a question file.

    Attributes:
        id: Its `question_id`; the 0-based line number where it has none.
        text: What is asked.
        image: Its image below the image folder; None if it has none.
    """

    id: str | int
    text: str
    image: ImageRef | None


def load_answerer(model: str, *, device: str = "auto") -> Answerer:
    """Load MODEL to answer questions: `offline`, a folder that `tune` wrote, a Hugging Face folder or hub id.

    Raises:
        ModelError: If it cannot be loaded.
    """
    if is_prefix_name(model):
        return PrefixAnswerer(load_network(model, device=device))
    from finegold.models.huggingface.answering import HuggingFaceAnswerer

    return HuggingFaceAnswerer(model, device=device)


def open_picture(path: Path) -> Image.Image:
    """A picture that the user named, upright, RGB.

    Raises:
        ImageError: If it is missing or cannot be read.
    """
    return decode(ImageRef(path.name, path=path))


def read_questions(path: Path, images: Path | None) -> list[Question]:
    """Read JSON lines with `question_id`, `image` and `text` (also `instruction` or `question`).

    Raises:
        DataError: If a line is no question, an image is missing or unreadable, or an id comes twice; names
            the line.
    """
    if not path.is_file():
        raise DataError(f"there are no questions at {path}: name a .jsonl file")
    root = None if images is None else ImageRoot.at(images)
    encoding = detect_encoding(path)
    questions: list[Question] = []
    seen: set[str | int] = set()
    for number, line in read_lines(path):
        where = f"{path.name} line {number}"
        try:
            record = decode_line(line, encoding)
        except ValueError as error:
            raise DataError(f"{where} is no question: {error}") from None
        question = _question(record, len(questions), root, where)
        if question.id in seen:
            raise DataError(f"{where} has the question_id {question.id} of an earlier line: number them")
        seen.add(question.id)
        questions.append(question)
    if not questions:
        raise DataError(f"{path.name} has no questions, expected one JSON object a line")
    return questions


def generate(
    model: str,
    *,
    questions: str | Path,
    images: str | Path | None,
    out: str | Path,
    sampling: Sampling | None = None,
    batch: int = 8,
    device: str = "auto",
    answerer: Answerer | None = None,
) -> int:
    """Answer every question; a line has `question_id, prompt, text, answer_id, model_id, metadata`.

    Answers are kept batch by batch beside `out`, so the same call after a kill goes on; `out` appears when
    all are there. Draws are seeded by the seed and the batch's question ids, so they depend on the batch
    size but
    not on what ran before.

    Args:
        model: See `load_answerer`.
        questions: Question file.
        images: Folder that the questions' images are below and may not leave.
        out: Answer file.
        sampling: None for the likeliest token each time.
        batch: Questions at a time.
        device: `auto`, `cpu`, `cuda`...
        answerer: A loaded model to use; `model` then only names it.

    Returns:
        Number of answers.
    """
    if batch < 1:
        raise ConfigError(f"a batch of {batch} questions makes no sense, expected at least 1")
    asked = read_questions(Path(questions), None if images is None else Path(images))
    sampling = sampling or Sampling()
    target = Path(out)
    part = target.with_name(f".{target.name}.{_fingerprint(model, asked, sampling, batch)}.part")
    done = _whole_lines(part)
    if len(done) < len(asked):
        answerer = answerer or load_answerer(model, device=device)
        target.parent.mkdir(parents=True, exist_ok=True)
        done = done[: len(done) - len(done) % batch]
        part.write_text("".join(line + "\n" for line in done), encoding="utf-8")
        with (
            part.open("a", encoding="utf-8") as file,
            progress("Answering", len(asked), "questions", done=len(done)) as advance,
        ):
            for start in range(len(done), len(asked), batch):
                group = asked[start : start + batch]
                for line in _answers(answerer, model, group, sampling):
                    file.write(line + "\n")
                file.flush()
                advance(len(group))
    part.replace(target)
    return len(asked)


def _answers(answerer: Answerer, model: str, group: Sequence[Question], sampling: Sampling) -> Iterator[str]:
    pictures: list[Image.Image | None] = [
        None if q.image is None else decode(_whatever_its_name(q.image)) for q in group
    ]
    mixed = hashlib.sha256(json.dumps([sampling.seed, *(q.id for q in group)]).encode()).digest()
    drawn = Sampling(sampling.longest, sampling.temperature, sampling.top_p, int.from_bytes(mixed[:6], "big"))
    for question, text in zip(group, answerer.answer(pictures, [q.text for q in group], drawn), strict=True):
        name = f"{model}\n{question.id}\n{sampling}\n{text}"
        yield json.dumps(
            {
                "question_id": question.id,
                "prompt": question.text,
                "text": text,
                "answer_id": hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:22],
                "model_id": model,
                "metadata": asdict(sampling),
            },
            ensure_ascii=False,
        )


def _question(record: Any, number: int, root: ImageRoot | None, where: str) -> Question:
    if not isinstance(record, dict):
        raise DataError(f"{where} is no question, expected an object with question_id, image and text")
    text = next((record[key] for key in TEXT_KEYS if isinstance(record.get(key), str)), None)
    if text is None:
        raise DataError(f"{where} asks nothing, expected one of {', '.join(TEXT_KEYS)}")
    identifier = record.get("question_id", number)
    if not isinstance(identifier, str | int):
        raise DataError(
            f"{where} has a question_id of type {type(identifier).__name__}, expected text or a number"
        )
    name = record.get("image")
    if name is None:
        return Question(identifier, text, None)
    if root is None:
        raise DataError(f"{where} has the image '{name}' and there is no image folder: give --images")
    try:
        ref = root.ref(RawImage(str(name)))
        check_image(_whatever_its_name(ref))
    except RowError as error:
        raise DataError(f"{where} cannot be asked: {error}") from None
    return Question(identifier, text, ref)


def _whatever_its_name(ref: ImageRef) -> ImageRef:
    # LLaVA-Bench (In-the-Wild) has WebP pictures named .jpg, which a dataset's row may not have.
    return ImageRef(f"{ref.name} of the question", data=read_bytes(ref))


def _fingerprint(model: str, asked: Sequence[Question], sampling: Sampling, batch: int) -> str:
    lines = [[q.id, q.text, None if q.image is None else q.image.name] for q in asked]
    return fingerprint({"model": model, "questions": lines, "sampling": asdict(sampling), "batch": batch})


def _whole_lines(part: Path) -> list[str]:
    if not part.is_file():
        return []
    lines = part.read_text(encoding="utf-8").split("\n")
    return [line for line in lines[:-1] if line]
