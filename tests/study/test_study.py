from pathlib import Path

import pytest

from finegold.errors import ConfigError
from finegold.selection.preset import find_preset
from finegold.study import load_study, study_names

GIVEN = {"data": {"path": "pool.json"}, "evaluation": {"data": "benchmarks"}}


@pytest.mark.parametrize("name", study_names())
def test_every_ready_study_is_whole_once_data_is_given(name: str) -> None:
    study = load_study(name, GIVEN)
    assert study.name == name
    assert study.baseline in {part for arm in study.arms for part in (arm.name, arm.series)}


def test_the_paper_s_tables_have_their_arms() -> None:
    four = {arm.name: arm for arm in load_study("paper-table4", GIVEN).arms}
    assert four["random 200"].seeds == 10
    assert four["pre-trained"].preset is None
    assert four["all rows"].size == "100%"
    five = [arm.name for arm in load_study("paper-table5", GIVEN).arms]
    assert five[1:] == [
        "no clusters",
        *(
            f"{score}-only{end}"
            for score in ("clip", "length", "reward", "llm")
            for end in ("", " without clusters")
        ),
        "all indicators",
    ]
    by_name = {arm.name: arm for arm in load_study("paper-table5", GIVEN).arms}
    for score in ("clip", "length", "reward", "llm"):
        kept, dropped = by_name[f"{score}-only"], by_name[f"{score}-only without clusters"]
        assert kept.weights == dropped.weights == {score: 1.0}
        clustered = [find_preset(str(arm.preset)).clustering is not None for arm in (kept, dropped)]
        assert clustered == [True, False]


@pytest.mark.parametrize("name", ["paper-table4", "paper-table5"])
def test_the_papers_tables_put_lvlm_ehubs_questions_of_all_seven_sets(name: str) -> None:
    evaluation = load_study(name, GIVEN).evaluation
    assert evaluation.tasks == ("flickr30k", "nocaps", "scienceqa", "okvqa", "vsr", "vcr-oc", "vcr-mci")
    assert (evaluation.wording, evaluation.profile) == ("ehub-2023-07", "greedy")
    chosen = GIVEN["evaluation"] | {"profile": "ehub-2023", "prompts": "ehub-2023-04"}
    sampled = load_study(name, GIVEN | {"evaluation": chosen}).evaluation
    assert (sampled.wording, sampled.profile) == ("ehub-2023-04", "ehub-2023")
    with pytest.raises(ConfigError, match="there is no profile 'ehub'"):
        load_study(name, GIVEN | {"evaluation": {"data": "x", "profile": "ehub"}})


def test_each_of_a_list_of_sizes_is_an_arm_with_the_baseline_of_its_size(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'baseline = "random"\n[data]\npath = "one"\n[evaluation]\ntasks = ["flickr30k"]\ndata = "here"\n'
        '[[arms]]\nname = "as it is"\n'
        '[[arms]]\nname = "random"\npreset = "random"\nsize = [20, "15%"]\nseeds = 3\n'
        '[[arms]]\nname = "best"\npreset = "sound"\nsize = ["15%", 20, 7]\n'
    )
    study = load_study(str(path))
    assert [(arm.name, arm.size, arm.series) for arm in study.arms] == [
        ("as it is", "100%", ""),
        ("random 20", "20", "random"),
        ("random 15%", "15%", "random"),
        ("best 15%", "15%", "best"),
        ("best 20", "20", "best"),
        ("best 7", "7", "best"),
    ]
    assert [study.seeds_of(arm) for arm in study.arms] == [5, 3, 3, 5, 5, 5]
    baselines = {arm.name: study.baseline_of(arm.name) for arm in study.arms}
    assert baselines == {
        "as it is": "random 15%",
        "random 20": "random 20",
        "random 15%": "random 15%",
        "best 15%": "random 15%",
        "best 20": "random 20",
        "best 7": "random 15%",
    }
    one = load_study(str(path), {"baseline": "best 7"})
    assert {one.baseline_of(arm.name) for arm in one.arms} == {"best 7"}
    with pytest.raises(ConfigError, match="a judge compares with one arm: name one, of one size"):
        load_study(str(path), {"judge": {"task": "llava-bench-wild"}})


def test_an_arm_changes_fields_of_its_preset() -> None:
    mixed = {"group_by": ["source"], "mixture": "equal"}
    dropping = {"drop": 0.3, "floor": -1, "pick": "random", "pick_parameters": {}}
    arms = [
        {"name": "equal", "preset": "random", "size": 5, "changes": mixed},
        {"name": "dropped", "preset": "sound", "size": 5, "changes": dropping},
        {"name": "sound", "preset": "sound", "size": 5},
    ]
    study = load_study("size-sweep", GIVEN | {"arms": arms, "baseline": "equal"})
    equal, dropped, sound = (arm.chosen_by() for arm in study.arms)
    assert (equal.pick, equal.group_by, equal.mixture) == ("random", ("source",), "equal")
    assert (dropped.pick, dropped.drop, dropped.quality) == ("random", 0.3, sound.quality)
    assert (dropped.weights, dropped.group_by) == (sound.weights, sound.group_by)
    assert sound == find_preset("sound")
    assert [preset.seeded for preset in (equal, dropped, sound)] == [True, True, False]


def test_what_is_given_goes_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'baseline = "a"\nmodel = "offline"\n[data]\npath = "one"\nimages = "pictures"\n'
        '[[arms]]\nname = "a"\npreset = "random"\nsize = 5\n'
        '[evaluation]\ntasks = ["flickr30k"]\ndata = "here"\nlimit = 3\n'
    )
    changes = {"model": None, "data": {"path": "two", "images": None}, "evaluation": {"limit": 9}}
    study = load_study(str(path), changes | {"offline": {"captions": None}})
    assert (study.data.path, study.data.images, study.evaluation.limit) == ("two", "pictures", 9)
    assert (study.name, study.model, study.offline) == ("mine", "offline", None)
    assert study.arms[0].size == "5"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"baseline": "b"}, "the baseline 'b' is none of the arms"),
        ({"seeds": 0}, "seeds"),
        ({"tests": 1}, "tests"),
        ({"arms": [{"name": "a", "preset": "nonsense", "size": 2}], "baseline": "a"}, "nonsense"),
        (
            {"arms": [{"name": "a", "preset": "learned", "size": 2}], "baseline": "a"},
            "the arm 'a' has the preset 'learned', which needs pairs",
        ),
        ({"arms": [{"name": "a"}, {"name": "a"}], "baseline": "a"}, "two arms are called a"),
        (
            {"arms": [{"name": "a", "preset": "random", "changes": {"drp": 1}}], "baseline": "a"},
            "the preset 'random' with the changes of the arm 'a' cannot be used: .*drp",
        ),
    ],
)
def test_a_wrong_study_is_told_in_a_sentence(change: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        load_study("paper-table4", GIVEN | change)
    assert "\n" not in str(caught.value)


def test_what_is_missing_is_named_with_its_option() -> None:
    with pytest.raises(ConfigError, match="lacks data: write it in the file, or give --data"):
        load_study("size-sweep", {"evaluation": {"data": "x"}})
    with pytest.raises(ConfigError, match=r"lacks evaluation.data: .* --task-data"):
        load_study("size-sweep", {"data": {"path": "x"}})
    with pytest.raises(ConfigError, match="give one of mixture, mixture-noise, paper-table4"):
        load_study("table4")
