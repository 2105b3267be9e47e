"""Each task reads a made dataset in its published format; the numbers of the questions are LVLM-eHub's."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.evaluation import made

from finegold.errors import ConfigError, DataError
from finegold.evaluation.task import DEFAULT_PROMPTS, TASKS, Item, draw_rows, find_tasks
from finegold.samples.images import decode


def read(name: str, data: Path, split: str | None = None, limit: int | None = None) -> Any:
    task = TASKS.get(name)
    return task.items(data, task.split(split), limit=limit)


def asked(name: str, item: Item, version: str = DEFAULT_PROMPTS) -> Any:
    return TASKS.get(name).prompt(version).render(item)


def test_every_task_reads_its_published_files_and_images(tmp_path: Path) -> None:
    made.everything(tmp_path)

    for task in find_tasks(["all"]):
        items = task.items(tmp_path, task.split())
        assert task.missing(tmp_path, task.split()) == []
        assert len({item.id for item in items}) == len(items) > 0
        assert all(decode(item.image).size in ((24, 16), (8, 8)) for item in items)


def test_flickr30k_has_five_captions_an_image_in_order_of_appearance(tmp_path: Path) -> None:
    made.flickr30k(tmp_path)

    items = read("flickr30k", tmp_path, "all")

    assert [item.id for item in items] == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert items[1].references == tuple(f"A dog number 1 runs on grass {k} ." for k in range(5))
    assert asked("flickr30k", items[0]) == "what is described in the image?"
    assert asked("flickr30k", items[0], "ehub-2023-04") == "Generate caption of this image:"
    assert TASKS.get("flickr30k").prompt(DEFAULT_PROMPTS).max_new_tokens == 16


def test_flickr30k_draws_the_sample_that_lvlm_ehub_draws(tmp_path: Path) -> None:
    """Numpy's frozen legacy stream after `np.random.seed(0)`; of ten rows it draws the ten below."""
    made.flickr30k(tmp_path, 1003)

    ids = [item.id for item in read("flickr30k", tmp_path)]

    assert len(set(ids)) == 1000
    assert ids == [f"{row}.jpg" for row in draw_rows(1003, 1000)]
    assert draw_rows(10, 10) == [2, 8, 4, 9, 1, 6, 7, 3, 0, 5]


def test_flickr30k_knows_the_karpathy_test_split(tmp_path: Path) -> None:
    made.karpathy(tmp_path)

    items = read("flickr30k", tmp_path, "karpathy-test")

    assert [(item.id, item.references) for item in items] == [
        ("1.jpg", ("A raw caption 1.",)),
        ("3.jpg", ("A raw caption 3.",)),
    ]


def test_nocaps_groups_ten_captions_and_keeps_the_domain(tmp_path: Path) -> None:
    made.nocaps(tmp_path)

    items = read("nocaps", tmp_path)

    assert [len(item.references) for item in items] == [10, 10, 10]
    assert [item.category for item in items] == ["in-domain", "near-domain", "out-domain"]


@pytest.mark.parametrize(
    ("make", "ids"),
    [("problems", ["1", "2", "3", "5", "6", "7"]), ("parquet", ["0000", "0002", "0003", "0004"])],
)
def test_scienceqa_keeps_test_questions_with_an_image_from_both_published_forms(
    tmp_path: Path, make: str, ids: Any
) -> None:
    getattr(made, f"scienceqa_{make}")(tmp_path)

    items = read("scienceqa", tmp_path)

    assert [item.id for item in items] == ids
    third = next(item for item in items if item.id.endswith("3"))
    assert third.references == ("red fox",)
    assert (
        asked("scienceqa", third)
        == "Question: Which of these is number 3?\nOptions: red fox red a blue whale\n"
    )
    assert asked("scienceqa", third, "direct") == (
        "Look closely.\nWhich of these is number 3?\nA. red fox\nB. red\nC. a blue whale\n"
        "Answer with the letter of the right choice."
    )


def test_okvqa_is_in_the_order_of_its_annotations(tmp_path: Path) -> None:
    """As LVLM-eHub lists it; the questions of this file stand the other way round."""
    made.okvqa(tmp_path)
    file = tmp_path / "okvqa" / "OpenEnded_mscoco_val2014_questions.json"
    content = json.loads(file.read_text())
    content["questions"].reverse()
    file.write_text(json.dumps(content))
    ids = [str(one["question_id"]) for one in reversed(content["questions"])]
    assert [item.id for item in read("okvqa", tmp_path)] == ids


def test_okvqa_joins_ten_answers_to_each_question(tmp_path: Path) -> None:
    made.okvqa(tmp_path)

    items = read("okvqa", tmp_path)

    assert items[1].references == ("race",) * 5 + ("motocross",) * 5
    assert items[1].category == "Vehicles and Transportation"
    assert items[1].image.name == "COCO_val2014_000000297147.jpg"
    assert asked("okvqa", items[1]) == "What sport is this?"


def test_vsr_asks_as_lvlm_ehub_does(tmp_path: Path) -> None:
    made.vsr(tmp_path)

    items = read("vsr", tmp_path)

    assert [item.references for item in items] == [("Yes",), ("No",), ("Yes",), ("Yes",)]
    assert asked("vsr", items[0]) == (
        "Question: Is the following caption right? The cat 0 is left of the sofa.\nOptions: No Yes\n"
    )
    assert len(read("vsr", tmp_path, "zeroshot-test")) == 2


def test_vcr_counting_and_identification_read_the_published_questions(tmp_path: Path) -> None:
    made.vcr_oc(tmp_path, [1, 6])
    made.vcr_mci(tmp_path, [True, False])

    counting = read("vcr-oc", tmp_path)
    assert [(item.references, item.category) for item in counting] == [
        (("1",), "1-9 objects"),
        (("6",), "10-19 objects"),
    ]
    assert [asked("vcr-mci", item) for item in read("vcr-mci", tmp_path)] == [
        "Does ties exist in the image?",
        "Does ties exis in the image?",
    ]
    repaired = [asked("vcr-mci-repaired", item) for item in read("vcr-mci-repaired", tmp_path)]
    assert set(repaired) == {"Does ties exist in the image?"}


def test_files_may_lie_in_the_data_folder_itself(tmp_path: Path) -> None:
    made.vsr(tmp_path)

    assert len(read("vsr", tmp_path / "vsr")) == 4


def test_missing_files_are_named_with_source_and_terms(tmp_path: Path) -> None:
    made.vcr_oc(tmp_path, [1])
    task = TASKS.get("vcr-mci")

    (missing,) = task.missing(tmp_path, task.split())

    assert missing.path == "vcr1_mci.json"
    for other in find_tasks(["all"]):
        for source in other.missing(tmp_path / "nothing", other.split()):
            assert source.url.startswith("http")
            assert source.terms


def test_a_blind_model_does_not_need_the_images(tmp_path: Path) -> None:
    made.vcr_oc(tmp_path, [1])
    (tmp_path / "vcr" / "vcr1images").rename(tmp_path / "gone")
    task = TASKS.get("vcr-oc")

    assert task.missing(tmp_path, task.split())
    assert not task.missing(tmp_path, task.split(), blind=True)


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (
            {"image_id": "../../etc/passwd", "text_in": "q", "text_out": "1", "n_obj_exist": 1},
            "outside of vcr1images",
        ),
        ({"image_id": "a.jpg", "text_in": "q", "text_out": 1, "n_obj_exist": 1}, "has int at 'text_out'"),
        ({"image_id": "a.jpg", "text_out": "1", "n_obj_exist": 1}, "record 0 has nothing at 'text_in'"),
    ],
)
def test_a_file_that_is_not_as_published_is_an_error_that_names_the_record(
    tmp_path: Path, record: Any, says: str
) -> None:
    made.write(tmp_path / "vcr" / "vcr1_oc.json", json.dumps([record]))

    with pytest.raises(DataError, match=says):
        read("vcr-oc", tmp_path)


@pytest.mark.parametrize(
    ("task", "file"),
    [
        ("okvqa", "okvqa/mscoco_val2014_annotations.json"),
        ("nocaps", "nocaps/nocaps_val_4500_captions.json"),
        ("scienceqa", "scienceqa/problems.json"),
    ],
)
def test_a_list_in_place_of_the_published_object_is_an_error_that_names_the_file(
    tmp_path: Path, task: str, file: str
) -> None:
    made.everything(tmp_path)
    made.write(tmp_path / file, json.dumps([1, 2]))

    with pytest.raises(DataError, match=f"{Path(file).name} holds no .* it is not the published file"):
        read(task, tmp_path)


def test_unknown_tasks_splits_and_prompts_are_errors_that_list_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"no task .vqa.*flickr30k"):
        find_tasks(["vqa"])
    with pytest.raises(ConfigError, match="no split 'dev': it has ehub, zeroshot-test"):
        TASKS.get("vsr").split("dev")
    with pytest.raises(ConfigError, match="no prompts 'mine'"):
        TASKS.get("vsr").prompt("mine")
    benchmarks = [name for name in TASKS.names() if name not in ("caption", "questions")]
    assert [task.name for task in find_tasks(["all"])] == benchmarks
