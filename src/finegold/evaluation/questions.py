"""Answer a file of questions about images, in the formats of LLaVA-Bench (LLaVA's `model_vqa.py`)."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

from finegold.engines import Compute, Engine, HalvingBatches, Make, Results, Work, by_number
from finegold.errors import ConfigError, DataError, RunError
from finegold.models import Model, Sampling, engine_of
from finegold.run import (
    WHOLE,
    LineFile,
    Shard,
    fingerprint,
    hidden_beside,
    lock_beside,
    locked,
    progress,
    replace_lines,
    sealed_line,
)
from finegold.run.lines import parse_sealed_line
from finegold.samples import Exclusion, ImageRef
from finegold.samples.exclusions import RowError
from finegold.samples.image_fields import RawImage
from finegold.samples.images import Decoding, by_content, check_image, decode
from finegold.samples.json_text import decode_line, detect_encoding, read_lines
from finegold.samples.roots import ImageRoot

TEXT_KEYS = ("text", "instruction", "question")


@dataclass(frozen=True, slots=True)
class Question:
    """A line of a question file.

    Attributes:
        id: The `question_id`; the 0-based line number where it has none.
        text: Text of the question.
        image: The image below the image folder; None if the question has none.
        image_sha256: Hash of the image's bytes; None if the question has none.
    """

    id: str | int
    text: str
    image: ImageRef | None
    image_sha256: str | None = None


def read_question_file(path: Path, images: Path | None) -> list[Question]:
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
            raise DataError(
                f"{where} has the question_id {question.id} of an earlier line: give each question another id"
            )
        seen.add(question.id)
        questions.append(question)
    if not questions:
        raise DataError(f"{path.name} has no questions, expected one JSON object a line")
    return questions


@dataclass(frozen=True)
class _Generating(Work[list[bytes]]):
    """Answering groups of questions: makes the lines of the answer file.

    Attributes:
        groups: The groups.
        sampling: How tokens are chosen.
        decoding: How image files become pixels.
        metadata: What each line says of the model's settings.
        model: The model, where it answers in this process.
        again: Loads the model in another process.
    """

    groups: Sequence[Sequence[Question]]
    sampling: Sampling
    decoding: Decoding
    metadata: dict[str, Any]
    model: Model | None
    again: Callable[..., Model] | None

    @contextmanager
    def begin(self, compute: Compute) -> Iterator[Make[list[bytes]]]:
        fitting = HalvingBatches("questions")
        if self.model is not None:
            yield partial(self._answer_groups, self.model, fitting)
            return
        assert self.again is not None
        with self.again(device=compute.device) as model:
            yield partial(self._answer_groups, model, fitting)

    def _answer_groups(
        self, model: Model, fitting: HalvingBatches, numbers: list[int], advance: Callable[[int], None]
    ) -> Results[list[bytes]]:
        for number in numbers:
            group = self.groups[number]
            lines = _answer_lines(model, fitting, group, self.sampling, self.decoding, self.metadata)
            advance(len(group))
            yield number, lines


def generate(
    model: Model,
    *,
    questions: str | Path,
    images: str | Path | None,
    out: str | Path,
    sampling: Sampling | None = None,
    batch_size: int = 8,
    decoding: Decoding = "finegold",
    engine: Engine | None = None,
    shard: Shard = WHOLE,
) -> int:
    """Answer every question; a line has `question_id, prompt, text, answer_id, model_id, metadata, sha256`.

    Each batch of answers is kept in a file next to `out`, so the same call continues after a kill; `out` is
    written when all answers are there. The seed and the question ids of a batch seed its draws, so draws
    depend on the batch size, and not on earlier runs.

    Args:
        model: The model that answers.
        questions: Question file.
        images: Folder that the questions' images are below and may not leave.
        out: Answer file.
        sampling: How tokens are chosen; None takes the likeliest token each time.
        batch_size: Number of questions in a call of the model.
        decoding: How image files become pixels.
        engine: Who answers; this process if None, or if the model cannot be loaded in another.
        shard: Which of the questions are answered here; the last shard to end writes `out`.

    Returns:
        Number of answers in `out`; 0 for a shard after which others are missing.

    Raises:
        DataError: If the question file cannot be used.
        RunError: If a question gets no answer; names it.
    """
    if batch_size < 1:
        raise ConfigError(f"batch_size is {batch_size}, expected at least 1")
    every = read_question_file(Path(questions), None if images is None else Path(images))
    sampling = sampling or Sampling()
    model.check_sampling(sampling)
    target = Path(out)
    lines = [[q.id, q.text, None if q.image is None else q.image.name, q.image_sha256] for q in every]
    identity = model.identity()
    # A model of parts is known by its checkpoint and not by its name.
    named = {} if (projection := identity.get("projection")) is None else {"projection": projection}
    decoded = {} if decoding == "finegold" else {"decoding": decoding}
    settings = {"questions": lines, "sampling": asdict(sampling), "batch_size": batch_size, **decoded}
    depends = {"model": {"name": model.name, **identity}, **settings}
    metadata = asdict(sampling) | named | decoded
    _check_answers(target, model.name, metadata)
    groups = [every[start : start + batch_size] for start in range(0, len(every), batch_size)]
    parts = {
        number: hidden_beside(target, f"{fingerprint(depends)}{Shard(number, shard.count).ending}.part")
        for number in range(1, shard.count + 1)
    }
    part, own = parts[shard.index], shard.run_of(len(groups))
    wanted = sum(len(groups[number]) for number in own)
    with lock_beside(target if shard.whole else part, "give --out another file"):
        done = _whole_lines(part) if part.is_file() else []
        if len(done) < wanted or not part.is_file():
            done = done[: len(done) - len(done) % batch_size]
            replace_lines(part, done)
            numbers = list(own[len(done) // batch_size :])
            engine, here = engine_of(model, engine)
            making = engine.start(_Generating(groups, sampling, decoding, metadata, here, model.again), 0)
            with (
                LineFile(part) as file,
                progress("Answering", wanted, "questions", done=len(done)) as advance,
                closing(by_number(making.make(numbers, advance), numbers)) as made,
            ):
                for _, answered in made:
                    file.write(b"".join(answered))
        if shard.whole:
            part.replace(target)
            return len(every)
    with locked(hidden_beside(target, "lock"), target, "give --out another file", wait=True):
        found = [line for one in parts.values() if one.is_file() for line in _whole_lines(one)]
        if len(found) == len(every):
            replace_lines(target, found)
            for one in parts.values():
                one.unlink()
        return len(every) if target.is_file() else 0


def _check_answers(target: Path, model: str, metadata: dict[str, Any]) -> None:
    """Raise ConfigError if a file holds something else than answers that the same model gave the same way."""
    if not target.exists():
        return
    metadata = json.loads(json.dumps(metadata))
    for line in target.read_bytes().splitlines() if target.is_file() else [b""]:
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict) or "model_id" not in record:
            raise ConfigError(
                f"--out {target} holds something else than answers: give another file, or delete it"
            )
        if record["model_id"] != model or record.get("metadata") != metadata:
            raise ConfigError(
                f"--out {target} holds answers of the model '{record['model_id']}', and '{model}' under the "
                "settings of this command would replace them: give another file, or delete it"
            )


def _whole_lines(part: Path) -> list[bytes]:
    """The lines up to the first one that is damaged; what follows is answered again."""
    lines = part.read_bytes().splitlines(keepends=True)
    return list(takewhile(lambda line: line.endswith(b"\n") and parse_sealed_line(line) is not None, lines))


def _answer_lines(
    model: Model,
    fitting: HalvingBatches,
    group: Sequence[Question],
    sampling: Sampling,
    decoding: Decoding,
    metadata: dict[str, Any],
) -> list[bytes]:
    pictures = [None if q.image is None else decode(by_content(q.image), decoding=decoding) for q in group]
    drawn = sampling.for_batch([str(q.id) for q in group])
    lines = []
    texts = fitting.apply(
        lambda rows: model.answer([pictures[row] for row in rows], [group[row].text for row in rows], drawn),
        range(len(group)),
    )
    for question, text in zip(group, texts, strict=True):
        if isinstance(text, Exclusion):
            raise RunError(
                f"the question {question.id} has no answer ({text.reason}): run the same command again, with "
                "a higher --max-new-tokens, or with another model"
            )
        record = answer_record(model.name, question.id, question.text, text, metadata)
        lines.append(sealed_line(record))
    return lines


def answer_record(
    model: str, question_id: str | int, prompt: str, text: str, metadata: dict[str, Any]
) -> dict[str, Any]:
    """A line of LLaVA-Bench's answer files."""
    key = f"{model}\n{question_id}\n{text}".encode("utf-8", "surrogatepass")
    return {
        "question_id": question_id,
        "prompt": prompt,
        "text": text,
        "answer_id": hashlib.sha256(key).hexdigest()[:22],
        "model_id": model,
        "metadata": metadata,
    }


def _question(record: Any, number: int, root: ImageRoot | None, where: str) -> Question:
    if not isinstance(record, dict):
        raise DataError(f"{where} is no question, expected an object with question_id, image and text")
    text = next((record[key] for key in TEXT_KEYS if isinstance(record.get(key), str)), None)
    if text is None:
        raise DataError(f"{where} has no question, expected one of {', '.join(TEXT_KEYS)}")
    identifier = record.get("question_id", number)
    if not isinstance(identifier, str | int):
        raise DataError(
            f"{where} has a question_id of type {type(identifier).__name__}, expected text or a number"
        )
    name = record.get("image")
    if name is None:
        return Question(identifier, text, None)
    if root is None:
        raise DataError(f"{where} has the image '{name}' but no image folder is given: give --images")
    try:
        ref = root.ref(RawImage(str(name)))
        facts = check_image(by_content(ref))
    except RowError as error:
        raise DataError(f"{where} has an image that cannot be used: {error}") from None
    return Question(identifier, text, ref, facts.sha256)
