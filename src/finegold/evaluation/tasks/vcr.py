"""Counting and identification on VCR images, of GVT-Bench (Wang et al. 2023, arXiv 2305.12223).

In the published identification file each question whose answer is yes asks "Does X exist" and each whose
answer is no asks "Does X exis": the spelling gives the answer away. `vcr-mci` is the file as published,
`vcr-mci-repaired` has "exist" in all questions.
"""

from functools import partial
from pathlib import Path

from finegold.evaluation.files import field, image_at, records
from finegold.evaluation.task import Item, Kind, Source, Split, Task, add_task, question_prompts

_IMAGES = Source(
    "vcr1images/",
    "https://visualcommonsense.com/download/ (vcr1images.zip)",
    "VCR's agreement: non-commercial research, no passing on",
    images=True,
)
_SITE = "https://github.com/OpenGVLab/Multi-Modality-Arena (LVLM_evaluation/utils_data/GVT)"


def _bin(objects: int) -> str:
    """GVT's groups by number of objects in the image."""
    return "1-9 objects" if objects < 10 else "10-19 objects" if objects < 20 else "20 objects and more"


def _read(folder: Path, split: Split, *, repaired: bool) -> list[Item]:
    file = split.sources[0].path
    items = []
    for row, record in enumerate(records(folder / file)):
        place = f"{file} record {row}"
        question = field(record, "text_in", str, place)
        items.append(
            Item(
                # Questions repeat, so only the position tells the items apart.
                id=f"{row:05d}",
                image=image_at(folder / _IMAGES.path, field(record, "image_id", str, place), place),
                question=question.replace(" exis in ", " exist in ") if repaired else question,
                references=(field(record, "text_out", str, place),),
                category=_bin(field(record, "n_obj_exist", int, place)),
            )
        )
    return items


def _add(name: str, title: str, kind: Kind, file: str, hint: str, repaired: bool = False) -> None:
    add_task(
        Task(
            name=name,
            title=title,
            kind=kind,
            version=1,
            folder="vcr",
            splits=(
                Split("all", 10000, (Source(file, _SITE, "none stated"), _IMAGES), "the published file"),
            ),
            prompts=question_prompts("{question}", f"{{question}}\n{hint}"),
            read=partial(_read, repaired=repaired),
        )
    )


_NUMBER, _YES_NO = "Answer with a number.", "Answer with yes or no."
_add("vcr-oc", "VCR counting", "count", "vcr1_oc.json", _NUMBER)
_add("vcr-mci", "VCR identification (leaks)", "yes-no", "vcr1_mci.json", _YES_NO)
_add("vcr-mci-repaired", "VCR identification (repaired)", "yes-no", "vcr1_mci.json", _YES_NO, repaired=True)
