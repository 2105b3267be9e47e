from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finegold.errors import ConfigError
from finegold.selection import SelectionInputs, find_preset, select
from finegold.selection.groups import (
    GroupQuality,
    Groups,
    Mixture,
    comparable_quality,
    group_quotas,
    group_shares,
    join_groups,
    parse_mixture,
    skew,
)

MIXTURES: list[Mixture] = ["proportional", "square-root", "equal", {"a": 0.7, "*": 0.3}, {"a": 1.0}]
PRESETS = ["instructiongpt4", "no-clusters", "random", "stratified", "length-only"]


def groups_of(sizes: dict[str, int]) -> Groups:
    return Groups.of([name for name, size in sizes.items() for _ in range(size)])


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    share=st.floats(0, 1),
    mixture=st.sampled_from(MIXTURES),
)
def test_quotas_sum_to_the_budget_and_lie_within_their_groups(
    sizes: list[int], share: float, mixture: Mixture
) -> None:
    groups = groups_of(dict(zip("abcdef", sizes, strict=False)))
    budget = int(share * sum(sizes))
    quotas, _ = group_quotas(mixture, groups, budget)
    assert quotas.sum() == budget
    assert (quotas >= 0).all()
    assert (quotas <= groups.sizes()).all()


def test_shares_are_proportional_to_what_was_asked_for() -> None:
    groups = groups_of({"a": 100, "b": 400, "c": 900})
    asked: dict[str, Mixture] = {
        "proportional": "proportional",
        "square-root": "square-root",
        "equal": "equal",
        "weights": {"a": 1, "*": 13},
        "one": {"b": 5},
    }
    found = {name: group_quotas(mixture, groups, 60)[0].tolist() for name, mixture in asked.items()}
    assert found == {
        "proportional": [4, 17, 39],
        "square-root": [10, 20, 30],
        "equal": [20, 20, 20],
        "weights": [4, 17, 39],
        "one": [0, 60, 0],
    }


def test_what_a_group_cannot_fill_goes_to_the_others_in_their_proportion() -> None:
    groups = groups_of({"a": 5, "b": 100, "c": 100})
    quotas, notes = group_quotas({"a": 0.5, "b": 0.4, "c": 0.1}, groups, 50)
    assert quotas.tolist() == [5, 36, 9]
    assert notes == (
        "Groups with fewer rows than their share, which others filled up: a (5 rows, share 25).",
    )
    quotas, notes = group_quotas({"a": 1.0}, groups, 15)
    assert quotas.tolist() == [5, 5, 5]
    assert notes[1] == "Groups of share 0 that gave rows, since all others are empty: b, c."


def test_the_weight_of_a_group_without_rows_goes_to_the_others() -> None:
    groups = Groups.of(["b"] * 20 + ["c"] * 20, ["a"])
    quotas, notes = group_quotas({"a": 0.5, "b": 0.3, "c": 0.1}, groups, 20)
    assert quotas.tolist() == [0, 15, 5]
    assert notes == ("Weights of groups without a row to choose from, which the others share: a.",)
    quotas, notes = group_quotas({"a": 1.0}, groups, 10)
    assert quotas.tolist() == [0, 5, 5]
    assert notes[1] == "Groups of share 0 that gave rows, since all others are empty: b, c."
    with pytest.raises(ConfigError, match="every group weight 0"):
        group_quotas({"b": 0.0}, groups, 1)


@given(st.lists(st.integers(0, 40), min_size=24, max_size=24), st.integers(1, 60))
def test_nested_quotas_keep_the_shares_of_the_first_attribute(sizes: list[int], budget: int) -> None:
    names = [f"{kind}:s{source:02d}" for kind in ("caption", "short", "yes-no") for source in range(8)]
    groups = Groups.of([name for name, size in zip(names, sizes, strict=True) for _ in range(size)], names)
    budget = min(budget, sum(sizes))
    quotas, _ = group_quotas("nested", groups, budget)
    assert quotas.sum() == budget
    assert (quotas <= groups.sizes()).all()
    kinds = quotas.reshape(3, 8).sum(axis=1)
    wanted = np.reshape(sizes, (3, 8)).sum(axis=1) * budget / max(1, sum(sizes))
    assert (np.abs(kinds - wanted) < 1).all()


def test_a_weight_is_that_of_all_groups_that_it_names() -> None:
    names, sizes = ["coco:caption", "coco:yes-no", "gqa:yes-no", "vg:yes-no"], np.array([30, 10, 5, 15])
    for whole in ("coco:*", "coco"):
        weights = {whole: 0.5, "coco:yes-no": 0.1, "*": 0.4}
        assert group_shares(weights, names, sizes).tolist() == pytest.approx([0.5, 0.1, 0.1, 0.3])
    assert group_shares({"*:yes-no": 1}, names, sizes).tolist() == pytest.approx(
        [0, 10 / 30, 5 / 30, 15 / 30]
    )
    with pytest.raises(ConfigError, match=r"names 'vqa', and the groups are coco:caption, "):
        group_shares({"vqa": 1}, names, sizes)


def test_mixtures_are_read_from_text() -> None:
    assert parse_mixture("square-root") == "square-root"
    assert parse_mixture("captions=0.3, vqa=.5,*=0.2") == {"captions": 0.3, "vqa": 0.5, "*": 0.2}
    for wrong in ("half", "a=x", "=1", "a=1,a=2", "a=0", "a=-1,b=2", "a=nan", "a=1,"):
        with pytest.raises(ConfigError):
            parse_mixture(wrong)


def test_quality_can_be_compared_from_group_to_group() -> None:
    groups = Groups.of(["a", "a", "a", "b", "b", "c"])
    quality = np.array([1.0, 2.0, 3.0, 70.0, 50.0, -4.0])
    ranks = comparable_quality(quality, groups, "rank")
    assert ranks.tolist() == pytest.approx([1 / 6, 3 / 6, 5 / 6, 3 / 4, 1 / 4, 1 / 2])
    calibrated = comparable_quality(quality, groups, "calibrated")
    assert calibrated.tolist() == pytest.approx(np.quantile(quality, ranks).tolist())
    assert comparable_quality(quality, groups, "none") is quality
    ties = comparable_quality(np.ones(4), Groups.of(list("aaab")), "rank")
    assert ties.tolist() == [0.5] * 4


def test_the_skew_is_the_distance_of_two_mixtures() -> None:
    pool = ["a"] * 50 + ["b"] * 50
    assert skew(pool, ["a", "b"]) == 0
    assert skew(pool, ["a"]) == 0.5
    assert skew(pool, ["c"]) == 1
    assert skew(pool, []) == 0
    columns = [pa.array(["coco", None, ""]), pa.array(["yes-no", "counting", "ocr"])]
    assert join_groups(columns) == ["coco:yes-no", "unknown:counting", "unknown:ocr"]


def inputs_of(n: int, seed: int) -> SelectionInputs:
    """Rows of three groups and three clusters; long rows are in group `a`."""
    random = np.random.default_rng(seed)
    groups = random.choice(["a", "b", "c"], n, p=[0.6, 0.3, 0.1])
    groups[:3] = ["a", "b", "c"]
    length = random.exponential(size=n) + 5 * (groups == "a")
    labels = random.integers(0, 3, n)
    labels[:3] = [0, 1, 2]
    embeddings = random.normal(size=(n, 4)).astype(np.float32)
    ids = [f"row {i}" for i in random.permutation(n)]
    indicators = {"length": length, "clip": random.normal(size=n)}
    return SelectionInputs(ids, indicators, labels, embeddings, groups=groups.tolist())


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(6, 60),
    share=st.floats(0, 1),
    seed=st.integers(0, 99),
    name=st.sampled_from(PRESETS),
    mixture=st.sampled_from([*MIXTURES, "none"]),
    quality=st.sampled_from(["none", "rank", "calibrated"]),
)
def test_what_always_holds(
    n: int, share: float, seed: int, name: str, mixture: Mixture, quality: GroupQuality
) -> None:
    inputs = inputs_of(n, seed)
    preset = replace(find_preset(name), group_by=("kind",), mixture=mixture, group_quality=quality, drop=0.5)
    size = max(1, int(share * n))
    result = select(inputs, preset, size, seed=seed)
    assert len(set(result.ids)) == size
    assert sum(group.selected for group in result.groups) == size
    assert [group.selected for group in result.groups] == [
        group.selected if group.quota is None else group.quota for group in result.groups
    ]
    assert sum(group.size for group in result.groups) == len(result.pool_ids)
    assert sum(cluster.selected for cluster in result.clusters) == size
    order = np.random.default_rng(seed).permutation(n)
    assert inputs.labels is not None
    assert inputs.embeddings is not None
    assert inputs.groups is not None
    moved = SelectionInputs(
        [inputs.ids[i] for i in order],
        {key: values[order] for key, values in inputs.indicators.items()},
        inputs.labels[order],
        inputs.embeddings[order],
        groups=[inputs.groups[i] for i in order],
    )
    assert select(moved, preset, size, seed=seed).ids == result.ids


def test_one_group_is_chosen_from_as_if_the_others_were_not_there() -> None:
    inputs = inputs_of(200, 1)
    preset = replace(find_preset("random"), group_by=("kind",), mixture={"a": 0.5, "*": 0.5})
    other = replace(preset, mixture={"a": 1.0})
    groups = dict(zip(inputs.ids, inputs.groups or (), strict=True))
    some = {key for key in select(inputs, preset, 40, seed=3).ids if groups[key] == "a"}
    assert some == set(select(inputs, other, 20, seed=3).ids)


def test_comparable_quality_alone_takes_rows_of_every_group() -> None:
    inputs = inputs_of(300, 2)
    groups = dict(zip(inputs.ids, inputs.groups or (), strict=True))
    plain = select(inputs, find_preset("length-only"), 60)
    assert {groups[key] for key in plain.ids} == {"a"}
    preset = replace(find_preset("length-only"), group_by=("kind",), mixture="none", group_quality="rank")
    ranked = select(inputs, preset, 60)
    assert skew(inputs.groups or (), [groups[key] for key in ranked.ids]) < 0.03
    assert "its rank in its group (kind)" in " ".join(ranked.notes)


def test_what_a_preset_says_of_groups_is_checked_and_fingerprinted() -> None:
    preset = find_preset("random")
    assert preset.mixed(mixture={"a": 1}).group_by == ("source",)
    named = preset.mixed(("kind",), "equal")
    assert (named.mixed(("source",)).mixture, named.mixed(mixture="none").group_by) == ("equal", ("kind",))
    changed = [named, preset.mixed(("kind",)), preset.mixed(("kind",), group_quality="rank")]
    assert len({preset.fingerprint, *(one.fingerprint for one in changed)}) == 4
    for wrong in (
        {"mixture": "equal"},
        {"group_quality": "rank"},
        {"group_by": ("kind", "kind")},
        {"group_by": ("",)},
        {"group_by": ("kind",), "mixture": "half"},
        {"group_by": ("kind",), "mixture": {"a": -1.0}},
    ):
        with pytest.raises(ConfigError):
            replace(preset, **wrong)
    with pytest.raises(ConfigError, match="the rows have no groups"):
        select(replace(inputs_of(9, 0), groups=None), named, 3)


def test_softmax_shares_follow_the_mean_quality_of_the_groups() -> None:
    groups = Groups.of(["a"] * 50 + ["b"] * 50 + ["c"] * 50 + ["d"] * 50)
    quality = np.repeat([-0.9, -0.8, -0.8, -0.5], 50) + np.tile([-0.1, 0.1], 100)
    expected = np.exp(np.array([-0.9, -0.8, -0.8, -0.5]) * 2)  # T = 1 / sqrt(4)
    quotas, _ = group_quotas("softmax", groups, 100, quality)
    assert np.abs(quotas - 100 * expected / expected.sum()).max() < 1
    with pytest.raises(ConfigError, match="needs a quality"):
        group_quotas("softmax", groups, 100)


def test_rows_at_the_floor_are_chosen_last_and_a_group_of_them_has_no_share() -> None:
    inputs = inputs_of(200, 4)
    groups = np.array(inputs.groups)
    quality = np.where(groups == "b", 0.0, np.random.default_rng(0).uniform(0.1, 1, 200))
    quality[np.flatnonzero(groups == "a")[::2]] = 0
    known = replace(inputs, indicators={}, quality=quality)
    preset = replace(find_preset("length-only"), group_by=("kind",), floor=0.0)
    good = {key for key, value in zip(inputs.ids, quality, strict=True) if value > 0}
    result = select(known, preset, 30)
    assert set(result.ids) <= good
    assert {group.group: group.selected for group in result.groups}["b"] == 0
    more = select(known, preset, len(good) + 5)
    assert good < set(more.ids)
    assert any(f"Only {len(good)} rows have a quality above 0" in note for note in more.notes)
    assert any(note.endswith("the other 5 are the best of the rest.") for note in more.notes)
    one = select(known, preset, len(good) + 1)
    assert any(note.endswith("the other one is the best of the rest.") for note in one.notes)
