"""Real captions of real photos, in Flickr30k's layout: what people score against one another."""

from pathlib import Path

import numpy as np
import pytest
from tests.evaluation.flickr8k import captions_of, held_out_first, write_layout
from tests.evaluation.models import Colour

from finegold.evaluation.answering import EvaluationOptions, answer_items
from finegold.evaluation.task import DEFAULT_PROMPTS, TASKS
from finegold.metrics import caption_tokens, cider_d, raw_tokens


@pytest.fixture(scope="module")
def flickr8k(shared: Path) -> Path:
    return shared / "data" / "flickr8k"


def test_photos_are_read_and_asked_in_the_published_layout(flickr8k: Path, tmp_path: Path) -> None:
    names = held_out_first(sorted(captions_of(flickr8k)))[:40]
    write_layout(flickr8k, tmp_path, names)
    task = TASKS.get("flickr30k")
    items = task.items(tmp_path, task.split())
    assert [item.id for item in items] == names
    assert {len(item.references) for item in items} == {5}

    path = tmp_path / "out" / "answers" / "flickr30k.jsonl"
    done = answer_items("flickr30k", items, Colour(), task.prompt(DEFAULT_PROMPTS), EvaluationOptions(), path)

    assert done.fresh == 40
    assert '"problem": {' not in path.read_text()


def test_people_agree_and_normalising_raises_the_score_of_strangers_hardly(flickr8k: Path) -> None:
    """One caption against the four others of its photo, and against those of another photo."""
    captions = list(captions_of(flickr8k).values())[:400]
    scores = {}
    for name, tokens in (("raw", raw_tokens), ("strict", caption_tokens)):
        said = [tokens(group[0].removesuffix(" .").capitalize()) for group in captions]
        others = [[tokens(caption) for caption in group[1:]] for group in captions]
        scores[name] = float(np.mean(cider_d(said, others)))
        scores[f"{name}, shuffled"] = float(np.mean(cider_d(said, others[1:] + others[:1])))

    assert 0.5 < scores["raw"] < scores["strict"] < 1.2
    assert scores["strict, shuffled"] < 0.1 * scores["strict"]
