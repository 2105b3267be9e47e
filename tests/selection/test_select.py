from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finegold.arrays import Ints
from finegold.errors import BudgetError, ConfigError
from finegold.samples import Exclusion
from finegold.selection import PICKERS, SelectionInputs, find_preset, select

NAN = float("nan")
SIMPLE = ["instructiongpt4", "no-clusters", "random", "stratified", "clip-only", "length-only"]


def inputs_of(n: int, seed: int = 0, *, ties: bool = False) -> SelectionInputs:
    """Rows in the order of no sort, three clusters, a text-only part without a CLIP score."""
    random = np.random.default_rng(seed)
    clip, length = random.normal(size=n), random.exponential(size=n)
    if ties:
        clip, length = np.round(clip), np.round(length)
    labels = random.integers(0, 3, n)
    labels[:3] = [0, 1, 2]
    clip[labels == 2] = NAN
    embeddings = random.normal(size=(n, 4)).astype(np.float32)
    embeddings[labels == 2] = NAN
    ids = [f"row {i}" for i in random.permutation(n)]
    return SelectionInputs(ids, {"clip": clip, "length": length}, labels, embeddings)


def shuffled(inputs: SelectionInputs, order: Ints) -> SelectionInputs:
    assert inputs.labels is not None
    assert inputs.embeddings is not None
    return SelectionInputs(
        [inputs.ids[int(i)] for i in order],
        {name: values[order] for name, values in inputs.indicators.items()},
        inputs.labels[order],
        inputs.embeddings[order],
    )


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(4, 60),
    share=st.floats(0, 1),
    seed=st.integers(0, 99),
    name=st.sampled_from(SIMPLE),
    ties=st.booleans(),
)
def test_what_always_holds(n: int, share: float, seed: int, name: str, ties: bool) -> None:
    inputs = inputs_of(n, seed, ties=ties)
    preset = find_preset(name)
    usable = n if name != "clip-only" else int(np.isfinite(inputs.indicators["clip"]).sum())
    size = max(1, int(share * usable))
    result = select(inputs, preset, size, seed=seed)
    assert len(set(result.ids)) == size
    assert n == len(result.ids) + result.not_selected + len(result.excluded)
    assert not set(result.ids) & set(result.excluded)
    assert sorted(result.rank[result.rank > 0]) == list(range(1, size + 1))
    quality = np.zeros(len(result.pool_ids)) if result.quality is None else result.quality
    of = dict(zip(result.pool_ids, quality.tolist(), strict=True))
    assert list(result.ids) == sorted(result.ids, key=lambda key: (-of[key], key))
    assert sum(cluster.selected for cluster in result.clusters) == size
    if preset.grouping == "clusters":
        assert [cluster.quota for cluster in result.clusters] == [c.selected for c in result.clusters]
    other = shuffled(inputs, np.random.default_rng(seed).permutation(n))
    again = select(other, preset, size, seed=seed)
    assert again.ids == result.ids
    assert again.excluded == result.excluded


def test_ties_go_to_the_smaller_id() -> None:
    inputs = SelectionInputs(list("dcba"), {"clip": np.array([1.0, 1, 1, 0])}, np.zeros(4, dtype=np.int64))
    assert select(inputs, find_preset("no-clusters"), 2).ids == ("b", "c")
    assert select(inputs, find_preset("instructiongpt4"), 2).ids == ("b", "c")


def test_the_best_rows_of_each_cluster_are_taken() -> None:
    inputs = inputs_of(60)
    result = select(inputs, find_preset("instructiongpt4"), 12)
    quality = dict(zip(result.pool_ids, result.quality, strict=True)) if result.quality is not None else {}
    cluster = dict(zip(inputs.ids, inputs.labels, strict=True)) if inputs.labels is not None else {}
    chosen = set(result.ids)
    for taken in chosen:
        passed_over = [i for i in quality if cluster[i] == cluster[taken] and i not in chosen]
        assert all(quality[i] <= quality[taken] for i in passed_over)


def test_another_seed_draws_other_rows_and_the_same_seed_the_same() -> None:
    inputs = inputs_of(60)
    for name in ("random", "stratified"):
        first = select(inputs, find_preset(name), 10, seed=1)
        assert first.ids == select(inputs, find_preset(name), 10, seed=1).ids
        assert first.ids != select(inputs, find_preset(name), 10, seed=2).ids


def test_random_is_even() -> None:
    inputs = inputs_of(20)
    counts = dict.fromkeys(inputs.ids, 0)
    for seed in range(400):
        for chosen in select(inputs, find_preset("random"), 5, seed=seed).ids:
            counts[chosen] += 1
    assert min(counts.values()) > 60
    assert max(counts.values()) < 140


def test_indicators_that_are_not_there_are_said() -> None:
    result = select(inputs_of(20), find_preset("instructiongpt4"), 5)
    assert result.weights == {"clip": 1.0, "length": 0.5}
    assert any("reward, llm" in note for note in result.notes)
    assert any("finegold's own" in note for note in result.notes)


def test_own_weights_change_the_order() -> None:
    inputs = inputs_of(40)
    by_length = select(inputs, find_preset("no-clusters"), 5, weights={"length": 1.0})
    assert set(by_length.ids) == set(select(inputs, find_preset("length-only"), 5).ids)


def test_a_row_without_any_indicator_is_excluded_with_a_reason() -> None:
    inputs = SelectionInputs(["a", "b"], {"clip": np.array([NAN, 1.0])})
    result = select(inputs, find_preset("clip-only"), 1)
    assert result.excluded == {"a": Exclusion("no-quality", "none of the indicators clip applies to the row")}
    with pytest.raises(BudgetError, match="2 rows were asked for and 1 can be used"):
        select(inputs, find_preset("clip-only"), 2)


def test_a_quality_computed_elsewhere_takes_the_place_of_weights() -> None:
    inputs = SelectionInputs(
        ["a", "b", "c"], quality=np.array([1.0, 3.0, NAN]), quality_name="learned quality"
    )
    result = select(inputs, find_preset("no-clusters"), 1)
    assert result.ids == ("b",)
    assert result.excluded == {"c": Exclusion("no-quality", "the row has no learned quality")}
    with pytest.raises(ConfigError, match="learned quality"):
        select(inputs, find_preset("no-clusters"), 1, weights={"clip": 1.0})


def test_what_is_missing_is_named() -> None:
    inputs = inputs_of(10)
    bare = SelectionInputs(inputs.ids, inputs.indicators)
    with pytest.raises(ConfigError, match="cluster first"):
        select(bare, find_preset("stratified"), 2)
    with pytest.raises(ConfigError, match="weights name reward"):
        select(inputs, find_preset("no-clusters"), 2, weights={"reward": 1.0})
    with pytest.raises(ConfigError, match="looks at no indicator"):
        select(inputs, find_preset("random"), 2, weights={"clip": 1.0})
    with pytest.raises(ConfigError, match="needs one of length"):
        select(SelectionInputs(["a"], {"clip": np.ones(1)}), find_preset("length-only"), 1)
    with pytest.raises(ConfigError, match="no preset 'best': give one of"):
        find_preset("best")
    with pytest.raises(ConfigError, match="at least 1"):
        select(inputs, find_preset("random"), 0)


def test_the_picker_covers_what_pinned_rows_do_not() -> None:
    """Six pairs of twins: with a twin of three pairs pinned, rows of the other three pairs are taken."""
    spots = np.repeat(np.random.default_rng(1).normal(size=(6, 4)), 2, axis=0).astype(np.float32)
    ids = [f"{pair}{twin}" for pair in range(6) for twin in "ab"]
    inputs = SelectionInputs(ids, {}, None, spots, quality=np.ones(12), pinned=frozenset({"0b", "2a", "4b"}))
    for name in ("facility-location", "sound"):
        preset = replace(find_preset(name), group_by=(), mixture=None, drop=0.0, clustering=None)
        assert {key[0] for key in select(inputs, preset, 6).ids} == set("012345")


def test_a_picker_that_would_compare_too_many_rows_sees_a_sample_and_the_notes_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    ids = [f"{row:02}" for row in range(60)]
    labels = np.repeat([0, 1], [50, 10])
    inputs = SelectionInputs(ids, {}, labels, points, quality=np.ones(60), pinned=frozenset({"07"}))
    preset = replace(find_preset("instructiongpt4"), pick="dpp", allocate="equal")
    assert not any("sample" in note for note in select(inputs, preset, 6).notes)
    few = replace(PICKERS["dpp"], most=40)
    monkeypatch.setattr(PICKERS, "get", lambda _: few)
    found = [select(inputs, preset, 6, seed=seed) for seed in (0, 0, 1)]
    assert "07" in found[0].ids
    assert [cluster.selected for cluster in found[0].clusters] == [3, 3]
    assert found[0].ids == found[1].ids != found[2].ids
    (note,) = (note for note in found[2].notes if "sample" in note)
    assert "in one part of the pool it saw a sample, drawn with the seed 1: 21 of 50 rows" in note
