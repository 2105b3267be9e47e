"""Small datasets in the published file formats of each task, made by code."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def picture(path: Path, shade: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (24, 16), (shade % 256, 128, 255 - shade % 256)).save(path)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_lines(path: Path, records: Sequence[Any]) -> None:
    write(path, "".join(json.dumps(record) + "\n" for record in records))


def flickr30k(data: Path, count: int = 4) -> None:
    folder = data / "flickr30k"
    lines = []
    for number in range(count):
        picture(folder / "flickr30k-images" / f"{number}.jpg", number * 40)
        lines += [f"{number}.jpg#{k}\tA dog number {number} runs on grass {k} .\n" for k in range(5)]
    write(folder / "results_20130124.token", "".join(lines))


def karpathy(data: Path) -> None:
    images: list[dict[str, Any]] = [
        {
            "filename": f"{number}.jpg",
            "split": split,
            "imgid": number,
            "sentids": [number],
            "sentences": [{"raw": f"A raw caption {number}.", "tokens": ["a"], "sentid": number}],
        }
        for number, split in enumerate(["train", "test", "val", "test"])
    ]
    write(
        data / "flickr30k" / "dataset_flickr30k.json", json.dumps({"images": images, "dataset": "flickr30k"})
    )


def nocaps(data: Path) -> None:
    folder = data / "nocaps"
    domains = ["in-domain", "near-domain", "out-domain"]
    images: list[dict[str, Any]] = [
        {
            "license": 0,
            "file_name": f"{number:016x}.jpg",
            "coco_url": f"https://example.org/{number:016x}.jpg",
            "height": 16,
            "width": 24,
            "date_captured": "2018-11-06 11:04:33",
            "id": number,
            "open_images_id": f"{number:016x}",
            "domain": domain,
        }
        for number, domain in enumerate(domains)
    ]
    annotations = [
        {"image_id": number % 3, "id": number, "caption": f"A strange object {number} on a table."}
        for number in range(30)
    ]
    for image in images:
        picture(folder / "val_imgs" / image["file_name"])
    file = {"licenses": [], "info": {}, "images": images, "annotations": annotations}
    write(folder / "nocaps_val_4500_captions.json", json.dumps(file))


def _science(number: int, *, image: Any, split: str) -> dict[str, Any]:
    return {
        "question": f"Which of these is number {number}?",
        "choices": ["red fox", "red", "a blue whale"],
        "answer": number % 3,
        "hint": "Look closely." if number % 2 else "",
        "image": image,
        "task": "closed choice",
        "grade": "grade2",
        "subject": ["natural science", "language science"][number % 2],
        "topic": "biology",
        "category": "Animals",
        "skill": "Look",
        "lecture": "",
        "solution": "",
        "split": split,
    }


def scienceqa_problems(data: Path) -> None:
    folder = data / "scienceqa"
    problems = {}
    for number in range(1, 9):
        split = "val" if number == 8 else "test"
        shown = "image.png" if number % 4 else None
        problems[str(number)] = _science(number, image=shown, split=split)
        if shown:
            picture(folder / split / str(number) / shown)
    write(folder / "problems.json", json.dumps(problems))


def scienceqa_parquet(data: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    rows = []
    for number in range(5):
        image = None if number == 1 else {"bytes": buffer.getvalue(), "path": "image.png"}
        rows.append(_science(number, image=image, split="test"))
        del rows[-1]["split"]
    folder = data / "scienceqa" / "data"
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "test-00000-of-00001-f0e719df791966ff.parquet")


def okvqa(data: Path) -> None:
    folder = data / "okvqa"
    questions, annotations = [], []
    for number in range(4):
        image = 297147 + number // 2
        picture(folder / "val2014" / f"COCO_val2014_{image:012d}.jpg")
        questions.append(
            {"image_id": image, "question": "What sport is this?", "question_id": image * 10 + number}
        )
        words = ["race"] * (6 - number) + ["motocross"] * (4 + number)
        annotations.append(
            {
                "image_id": image,
                "answer_type": "other",
                "question_type": "one" if number % 2 else "three",
                "question_id": image * 10 + number,
                "answers": [
                    {
                        "answer_id": k + 1,
                        "raw_answer": f"{word}ing",
                        "answer_confidence": "yes",
                        "answer": word,
                    }
                    for k, word in enumerate(words)
                ],
                "confidence": 3,
            }
        )
    head = {
        "info": {},
        "task_type": "Open-Ended",
        "data_type": "mscoco",
        "data_subtype": "val2014",
        "license": {},
    }
    names = {"one": "Vehicles and Transportation", "three": "Sports and Recreation"}
    write(folder / "OpenEnded_mscoco_val2014_questions.json", json.dumps(head | {"questions": questions}))
    write(
        folder / "mscoco_val2014_annotations.json",
        json.dumps({"annotations": annotations, "question_types": names, "license": {}, "info": {}}),
    )


def vsr(data: Path, labels: Sequence[int] = (1, 0, 1, 1)) -> None:
    rows = []
    for number, label in enumerate(labels):
        name = f"{number // 2:012d}.jpg"
        picture(data / "vsr" / "images" / name)
        rows.append(
            {
                "image": name,
                "image_link": f"http://images.cocodataset.org/train2017/{name}",
                "caption": f"The cat {number} is left of the sofa.",
                "label": label,
                "relation": ["left of", "behind"][number % 2],
                "annotator_id": 1,
                "vote_true_validator_id": [2, 3],
                "vote_false_validator_id": [],
            }
        )
    write_lines(data / "vsr" / "all_vsr_validated_data.jsonl", rows)
    write_lines(data / "vsr" / "splits" / "zeroshot" / "test.jsonl", rows[:2])


def vcr_images(data: Path, names: Sequence[str]) -> None:
    for name in names:
        picture(data / "vcr" / "vcr1images" / name)


def vcr_oc(data: Path, counts: Sequence[int], *, images: bool = True) -> None:
    rows = [
        {
            "image_id": f"lsmdc_0001_American_Beauty/{number}.jpg",
            "text_in": "How many people are there in the image?",
            "text_out": str(count),
            "n_obj_exist": count + 5,
        }
        for number, count in enumerate(counts)
    ]
    write(data / "vcr" / "vcr1_oc.json", json.dumps(rows))
    if images:
        vcr_images(data, [str(row["image_id"]) for row in rows])


def vcr_mci(data: Path, answers: Sequence[bool], *, images: bool = True) -> None:
    rows = [
        {
            "image_id": f"movieclips_A/{number}@23.jpg",
            "text_in": f"Does ties {'exist' if yes else 'exis'} in the image?",
            "text_out": "Yes." if yes else "No.",
            "n_obj_exist": 3,
        }
        for number, yes in enumerate(answers)
    ]
    write(data / "vcr" / "vcr1_mci.json", json.dumps(rows))
    if images:
        vcr_images(data, [str(row["image_id"]) for row in rows])


def llava_bench(data: Path) -> None:
    coco = data / "llava-bench-coco"
    wild = data / "llava-bench-wild"
    picture(coco / "val2014" / "COCO_val2014_000000525439.jpg")
    picture(wild / "images" / "001.jpg")
    write_lines(
        coco / "coco2014_val_gpt4_qa_30x3.jsonl",
        [
            {
                "id": "000000525439",
                "image": "COCO_val2014_000000525439.jpg",
                "instruction": f"What is at place {number}?",
                "output": "A skateboard.",
                "type": kind,
            }
            for number, kind in enumerate(["conv", "detail", "complex"])
        ],
    )
    write_lines(
        wild / "questions.jsonl",
        [
            {
                "image": "001.jpg",
                "text": "Describe this photo in detail.",
                "category": "detail",
                "question_id": 7,
            }
        ],
    )


def everything(data: Path) -> None:
    flickr30k(data)
    nocaps(data)
    scienceqa_problems(data)
    okvqa(data)
    vsr(data)
    vcr_oc(data, [1, 2, 3])
    vcr_mci(data, [True, False, True])
    llava_bench(data)
