"""LLaVA-Bench files: questions, answers and contexts, joined on `question_id` and never on line order."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finegold.errors import DataError, why_unread
from finegold.run import broken_seal
from finegold.samples import ImageRef
from finegold.samples.image_fields import RawImage
from finegold.samples.roots import ImageRoot


@dataclass(frozen=True, slots=True)
class JudgeQuestion:
    """One question of a comparison.

    Attributes:
        id: The record's `question_id`, as text.
        text: The question.
        category: `conv`, `detail`, `complex`, or another word of the file; `all` if it has none.
        context: Description of the image for the judge; empty if there is no context file.
        image: The image; None if no folder of images is given, or the question has none.
    """

    id: str
    text: str
    category: str
    context: str
    image: ImageRef | None = None


@dataclass(frozen=True, slots=True)
class AnswerSet:
    """One model's answers.

    Attributes:
        name: `model_id` of the records if they agree, else the file's name.
        texts: Answer by question id.
    """

    name: str
    texts: dict[str, str]


def read_judge_questions(
    path: Path, context: Path | None = None, images: Path | None = None
) -> list[JudgeQuestion]:
    """Read questions (`question_id`, `text`, `image`, `category`) and, joined on `image`, their contexts.

    A context record has `image` and `caption` or `captions` (text or list); `instances` of COCO (a category
    and a box each) are appended as lines. With a folder of images each question has its image.

    Raises:
        DataError: If a file cannot be read, a field is missing, an id repeats, or a question has no context.
    """
    contexts = _contexts(context) if context is not None else {}
    root = None if images is None else ImageRoot.at(images)
    questions: dict[str, JudgeQuestion] = {}
    for place, record in read_json_lines(path):
        number = _id(record, place)
        if number in questions:
            raise DataError(f"{place} repeats question_id {number}: each question needs another id")
        known = ""
        if context is not None:
            image = str(record.get("image"))
            if image not in contexts:
                raise DataError(
                    f"{place} asks about image {image!r}, which {context} does not describe: add it there"
                )
            known = contexts[image]
        category, file = str(record.get("category") or "all"), record.get("image")
        shown = None if root is None or file is None else root.ref(RawImage(str(file)))
        questions[number] = JudgeQuestion(number, _text(record, place), category, known, shown)
    if not questions:
        raise DataError(f"{path} holds no questions: expected one JSON object a line")
    return list(questions.values())


def read_answer_set(path: Path, questions: list[JudgeQuestion]) -> AnswerSet:
    """Read answers (`question_id`, `text`, perhaps `model_id`).

    Raises:
        DataError: If the file cannot be read, an id repeats, or a question has no answer.
    """
    texts: dict[str, str] = {}
    names = set()
    for place, record in read_json_lines(path):
        number = _id(record, place)
        if number in texts:
            raise DataError(f"{place} answers question_id {number} again: keep one answer a question")
        texts[number] = _text(record, place)
        named = record.get("model_id")
        names.add(named if isinstance(named, str) else None)
    missing = [question.id for question in questions if question.id not in texts]
    if missing:
        raise DataError(
            f"{path} has no answer to {len(missing)} of {len(questions)} questions, the first is question_id "
            f"{missing[0]}: both files must answer every question"
        )
    name = names.pop() if len(names) == 1 else None
    return AnswerSet(str(name or path.stem), {question.id: texts[question.id] for question in questions})


def _contexts(path: Path) -> dict[str, str]:
    contexts = {}
    for place, record in read_json_lines(path):
        found = record.get("caption", record.get("captions"))
        captions = [found] if isinstance(found, str) else found
        if not isinstance(captions, list) or not all(isinstance(caption, str) for caption in captions):
            raise DataError(f"{place} has no 'caption' that is a text or a list of texts")
        instances = record.get("instances") or []
        if not isinstance(instances, list) or not all(isinstance(box, dict) for box in instances):
            raise DataError(f"{place} has 'instances' that are no list of objects with a category and a box")
        boxes = [f"{box.get('category')}: {box.get('bbox')}" for box in instances]
        contexts[str(record.get("image"))] = "\n".join([*captions, *boxes])
    return contexts


def read_json_lines(path: Path, *, skip_damaged: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (place, object) of each line of a JSONL file that is not blank.

    Raises:
        DataError: If the file cannot be read, or a line is no JSON object; `skip_damaged` skips lines that
            are not JSON, which a killed run may leave.
    """
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({why_unread(error)}): give a JSONL file") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"{path} line {number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            if skip_damaged:
                continue
            raise DataError(f"{place} is not JSON: expected one object a line") from None
        if broken_seal(record):
            raise DataError(
                f"{place} is damaged, since its content does not fit its hash: make the file again, or, if "
                f"it is an audit, run `finegold check {path.parent} --repair`, which removes the line"
            )
        if not isinstance(record, dict):
            raise DataError(f"{place} holds {type(record).__name__} instead of an object")
        yield place, record


def _id(record: dict[str, Any], place: str) -> str:
    found = record.get("question_id")
    if isinstance(found, bool) or not isinstance(found, int | str):
        raise DataError(f"{place} has no 'question_id' that is a number or a text")
    return str(found)


def _text(record: dict[str, Any], place: str) -> str:
    found = record.get("text")
    if not isinstance(found, str):
        raise DataError(f"{place} has no 'text'")
    return found
