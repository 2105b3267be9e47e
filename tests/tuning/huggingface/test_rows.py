from finegold.samples import ImageRef, Sample, Turn
from finegold.tuning.huggingface.rows import chat_rows, parts


def _sample(*turns: tuple[str, str], images: int = 1) -> Sample:
    refs = tuple(ImageRef(f"{i}.png") for i in range(images))
    return Sample("s", refs, tuple(Turn(role, text) for role, text in turns), None)  # type: ignore[arg-type]


def test_every_answer_is_learnt_once_with_all_that_came_before() -> None:
    sample = _sample(
        ("system", "Be kind."),
        ("user", "<image>\nWhat is it?"),
        ("assistant", "A dog."),
        ("user", "And this? <image>"),
        ("assistant", "A cat."),
        images=2,
    )
    first, second = chat_rows(sample)
    assert (first.id, second.id) == ("s", "s#2")
    assert [len(first.images), len(second.images)] == [1, 2]
    assert [m["role"] for m in first.prompt] == ["system", "user"]
    assert [m["role"] for m in second.prompt] == ["system", "user", "assistant", "user"]
    assert second.completion == [{"role": "assistant", "content": [{"type": "text", "text": "A cat."}]}]


def test_placeholders_become_image_parts_where_they_stand() -> None:
    assert parts("<image>\nWhat?") == [{"type": "image"}, {"type": "text", "text": "What?"}]
    assert parts("Left <image> right <image>") == [
        {"type": "text", "text": "Left"},
        {"type": "image"},
        {"type": "text", "text": "right"},
        {"type": "image"},
    ]
