"""OK-VQA (Marino et al. 2019, arXiv 1906.00067): questions that need knowledge from outside of the image."""

from pathlib import Path

from finegold.errors import DataError
from finegold.evaluation.files import field, image_at, records, records_in
from finegold.evaluation.task import Item, Source, Split, Task, add_task, question_prompts
from finegold.samples.json_text import read_json

_QUESTIONS = "OpenEnded_mscoco_val2014_questions.json"
_ANNOTATIONS = "mscoco_val2014_annotations.json"
_IMAGES = "val2014/"
_SITE = "https://okvqa.allenai.org/download.html"
_TERMS = "none stated; VQA's are CC BY 4.0"
_PHOTOS = Source(
    _IMAGES, "http://images.cocodataset.org/zips/val2014.zip", "COCO: Flickr's terms", images=True
)


def _read(folder: Path, _: Split) -> list[Item]:
    content = read_json(folder / _ANNOTATIONS)
    annotations = records_in(content, folder / _ANNOTATIONS, "annotations")
    names = content.get("question_types")
    names = names if isinstance(names, dict) else {}
    questions: dict[int, tuple[str, str]] = {}
    for row, record in enumerate(records(folder / _QUESTIONS, "questions")):
        place = f"{_QUESTIONS} question {row}"
        shown = field(record, "question", str, place)
        questions[field(record, "question_id", int, place)] = place, shown
    items = []
    # The order of the annotations, which is LVLM-eHub's and decides which items --limit keeps.
    for row, record in enumerate(annotations):
        place = f"{_ANNOTATIONS} annotation {row}"
        number = field(record, "question_id", int, place)
        if number not in questions:
            raise DataError(f"{place} answers the question {number}, which {_QUESTIONS} lacks")
        answers = tuple(field(a, "answer", str, place) for a in field(record, "answers", list, place))
        asked_at, question = questions.pop(number)
        if not answers:
            raise DataError(f"{asked_at} (id {number}) has no answers in {_ANNOTATIONS}: expected ten")
        kind = str(record.get("question_type", "all"))
        name = f"COCO_val2014_{field(record, 'image_id', int, place):012d}.jpg"
        items.append(
            Item(
                id=str(number),
                image=image_at(folder / _IMAGES, name, place),
                question=question,
                references=answers,
                category=str(names.get(kind, kind)),
            )
        )
    if questions:
        number, (asked_at, _question) = next(iter(questions.items()))
        raise DataError(f"{asked_at} (id {number}) has no answers in {_ANNOTATIONS}: expected ten")
    return items


add_task(
    Task(
        name="okvqa",
        title="OKVQA",
        kind="open",
        version=2,
        folder="okvqa",
        splits=(
            Split(
                "val",
                5046,
                (Source(_QUESTIONS, _SITE, _TERMS), Source(_ANNOTATIONS, _SITE, _TERMS), _PHOTOS),
                "val2014, which papers call the test set",
            ),
        ),
        prompts=question_prompts("{question}", "{question}\nAnswer with a single word or phrase."),
        read=_read,
        fitted_by=("mm-lima",),
    )
)
