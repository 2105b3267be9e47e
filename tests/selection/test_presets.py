from dataclasses import replace

import numpy as np
import pytest

from finegold.clustering import cluster_rows, knn_graph
from finegold.errors import ConfigError
from finegold.selection import (
    ALLOCATORS,
    NORMALISERS,
    PICKERS,
    QUALITIES,
    SelectionInputs,
    find_preset,
    preset_names,
    select,
)

NAMES = preset_names()
FROM_FILES = {"learned": "--pairs", "mm-lima": "--selector"}


def inputs_for(name: str, order: list[int] | None = None) -> SelectionInputs:
    """120 rows, 15 of them without an image, in a given order."""
    random = np.random.default_rng(5)
    n = 120
    points = (random.normal(size=(n, 6)) + 2 * np.repeat(random.normal(size=(6, 6)), 20, axis=0)).astype(
        np.float32
    )
    points[::8] = np.nan
    clip, length = random.normal(size=n), random.exponential(size=n)
    clip[::8] = np.nan
    ids = [f"row {i}" for i in range(n)]
    support = np.where(np.isfinite(clip), random.uniform(-1, 2.5, size=n), np.nan)
    sound = {"support": support, "detail": length + 1, "phrasing": random.uniform(size=n)}
    asked = {"necessity": random.normal(size=n), "relevance": random.uniform(0.5, 1, size=n)}
    groups = [f"source {i % 3}" for i in range(n)]
    order = list(range(n)) if order is None else order
    ids = [ids[i] for i in order]
    points = points[order]
    sound = {name: values[order] for name, values in sound.items()}
    asked = {name: values[order] for name, values in asked.items()}
    spec = find_preset(name).clustering
    labels = None
    if spec is not None:
        labels = cluster_rows(
            ids, points, method=spec.method, clusters=spec.count(n), neighbours=spec.neighbours
        ).labels
    return SelectionInputs(
        ids,
        {"clip": clip[order], "length": length[order]} | sound | asked,
        labels,
        points,
        targets=np.random.default_rng(6).normal(size=(4, 6)).astype(np.float32),
        quality=length[order] if name in FROM_FILES else None,
        groups=[groups[i] for i in order],
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_keeps_every_promise(name: str) -> None:
    """Exactly the size, nothing lost, row order without effect, the same seed the same rows."""
    inputs = inputs_for(name)
    shuffled = inputs_for(name, [int(i) for i in np.random.default_rng(1).permutation(120)])
    for size in (1, 7, 40, 100):
        result = select(inputs, find_preset(name), size, seed=3)
        assert len(set(result.ids)) == size
        assert size + result.not_selected + len(result.excluded) == 120
        assert result.ids == select(inputs, find_preset(name), size, seed=3).ids
        assert result.ids == select(shuffled, find_preset(name), size, seed=3).ids


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_names_what_there_is(name: str) -> None:
    preset = find_preset(name)
    assert preset.normalise in NORMALISERS
    assert preset.allocate in ALLOCATORS
    assert preset.pick in PICKERS
    assert bool(preset.reads) == (name not in ("random", "stratified"))
    assert preset.quality in QUALITIES
    assert bool(preset.indicators) == (name in FROM_FILES)


def test_rows_without_an_image_are_chosen_by_quality_among_themselves() -> None:
    result = select(inputs_for("d2"), find_preset("d2"), 40)
    without = [key for key in result.ids if int(key.removeprefix("row ")) % 8 == 0]
    assert len(without) == 5
    assert any("15 rows have no image" in note for note in result.notes)
    assert result.quality is not None
    quality = dict(zip(result.pool_ids, result.quality, strict=True))
    best = sorted((f"row {i}" for i in range(0, 120, 8)), key=lambda i: (-quality[i], i))[:5]
    assert sorted(without) == sorted(best)


def test_a_graph_over_more_rows_is_cut_to_those_there_are() -> None:
    whole = inputs_for("d2")
    assert whole.embeddings is not None
    has_image = np.array([np.isfinite(row).all() for row in whole.embeddings])
    order = [i for i in sorted(range(120), key=whole.ids.__getitem__) if has_image[i]]
    graph = knn_graph(whole.embeddings[order], 10)
    with_ids = replace(whole, graph=graph, graph_ids=[whole.ids[i] for i in order])
    expected = select(whole, find_preset("d2"), 30)
    assert select(with_ids, find_preset("d2"), 30).ids == expected.ids
    fewer = [i for i in range(120) if i % 3]
    cut = SelectionInputs(
        [whole.ids[i] for i in fewer],
        {name: values[fewer] for name, values in whole.indicators.items()},
        embeddings=whole.embeddings[fewer],
        graph=graph,
        graph_ids=with_ids.graph_ids,
    )
    assert len(select(cut, find_preset("d2"), 30).ids) == 30
    with pytest.raises(ConfigError, match="search it again"):
        select(replace(cut, graph_ids=None), find_preset("d2"), 30)


def test_the_worse_half_is_left_out_while_it_is_not_needed() -> None:
    inputs = inputs_for("prism")
    result = select(inputs, find_preset("prism"), 30)
    assert result.quality is not None
    middle = np.median(result.quality)
    assert (result.quality[result.rank > 0] >= middle).all()
    assert any("60 rows of lowest quality" in note for note in result.notes)
    assert len(select(inputs, find_preset("prism"), 100).ids) == 100


def test_what_a_picker_needs_is_named() -> None:
    inputs = inputs_for("d2")
    with pytest.raises(ConfigError, match="'d2' compares images, and none were embedded"):
        select(SelectionInputs(inputs.ids, inputs.indicators), find_preset("d2"), 5)
    for name, option in FROM_FILES.items():
        with pytest.raises(ConfigError, match=f"'{name}' needs a quality .* {option}"):
            select(replace(inputs_for(name), quality=None), find_preset(name), 5)
    with pytest.raises(ConfigError, match="'rds' moves towards target examples"):
        select(
            SelectionInputs(inputs.ids, inputs.indicators, embeddings=inputs.embeddings),
            find_preset("rds"),
            5,
        )
