from pathlib import Path

import pytest

from finegold.errors import ConfigError
from finegold.samples.kinds import kind_rules
from finegold.samples.sample import ImageRef, Sample, Turn

LONG = (
    "The image shows a kitchen with a wooden table in the middle. There are two cups on the table, and a "
    "window lets in the morning light."
)
ONE = [
    ("detailed-description", "Describe the following image.", LONG),
    ("detailed-description", "What do you see happening in this image?", LONG),
    ("detailed-description", "Write a detailed description of the given image.", LONG),
    ("detailed-description", "", LONG),
    ("detailed-description", "Could you describe the contents of this image for me?", LONG),
    ("detailed-description", "Was ist zu sehen? Beschreibe das Bild.", LONG),
    ("short-caption", "Provide a one-sentence caption for the provided image.", "A dog runs over grass."),
    ("short-caption", "Share a concise interpretation of the image; describe it.", "Two cups on a table."),
    ("short-caption", "Describe this image in detail.", "Two cups on a table."),
    ("short-caption", "请描述这张图片。", "一只狗在草地上跑。"),
    ("short-caption", "What is happening in the photo?", "A man is riding a wave on a surfboard."),
    ("short-answer", "What color is the bus?\nAnswer the question using a single word or phrase.", "Red"),
    ("short-answer", "What is the man holding?", "He is holding a tennis racket."),
    ("short-answer", "Where is this?", "On the beach"),
    ("sentence-answer", "Which scene is this?", "Two dogs run after a red ball on the beach."),
    ("sentence-answer", "Anything to remark? Justify it.", "Yes, because two dogs run after a ball."),
    ("yes-no", "Is there a dog in the image?", "Yes"),
    ("yes-no", "Are the men standing?\nAnswer the question using a single word or phrase.", "no"),
    ("yes-no", "Does the cat look at the camera? Please answer yes or no.", "No, it does not."),
    ("yes-no", "¿Hay un perro en la imagen?", "Sí"),
    ("yes-no", "Ist das ein Hund?", "Ja."),
    ("yes-no", "图中有狗吗？", "是的。"),
    (
        "choice",
        "Which is heavier?\nA. the cup\nB. the table\nAnswer with the option's letter from the given choices "
        "directly.",
        "B",
    ),
    ("choice", "What is shown? (A) a cat (B) a dog (C) a bird", "(B)"),
    ("counting", "How many people are there?", "Three"),
    ("counting", "Count the number of cups on the table.", "There are two cups on the table."),
    ("counting", "What is the number of windows?", "2"),
    ("reading-text", "What does the sign say?", "No parking"),
    ("reading-text", "What is written on the shirt?", "Team 7"),
    ("reading-text", "Who wrote this book?\nAnswer the question using a single word or phrase.", "J. Doe"),
    ("reading-text", "What is the title of this book?", "The long way"),
    ("reading-text", "Provide the OCR of the picture.", "EXIT 24B"),
    ("structured", "List the objects in the image as bullet points.", "- cup"),
    ("structured", "What is on the table?", "There are:\n- a cup\n- a plate\n- a fork"),
    ("structured", "What objects are there?", "1. A cup\n2. A plate"),
    ("structured", "Return a JSON object with the key objects.", '{"objects": ["cup"]}'),
    ("structured", "Extract the data.", '```json\n{"objects": []}\n```'),
    (
        "grounding",
        "Please provide the bounding box coordinate of the region: the cup",
        "[0.1, 0.2, 0.33, 0.4]",
    ),
    ("grounding", "Where is the cup?", "The cup is at [12, 40, 55, 80]."),
    ("reasoning", "Why is the man smiling?", LONG),
    ("reasoning", "What could be the reason for the crowd?", LONG),
    ("reasoning", "Solve the problem step by step.", LONG),
    ("reasoning", "Is this dish healthy? Explain.", "Yes, it has vegetables."),
    ("writing", "Write a short story inspired by this image.", LONG),
    ("writing", "Compose a poem about the scene.", LONG),
    ("refusal", "Describe this image in detail.", "I'm sorry, but I can't help with that request."),
    ("refusal", "What is this?", "As an AI language model, I cannot view images."),
    ("refusal", "Who is this?", "I am unable to identify people."),
    ("open-answer", "What should a visitor know?", LONG),
]


def sample(*turns: str, images: int = 1) -> Sample:
    found = tuple(Turn("assistant" if at % 2 else "user", text) for at, text in enumerate(turns))
    return Sample("a", (ImageRef("x.jpg"),) * images, found, None)


@pytest.mark.parametrize(("kind", "question", "answer"), ONE)
def test_the_kind_of_one_question(kind: str, question: str, answer: str) -> None:
    assert kind_rules().kind(sample(f"<image>\n{question}", answer)) == kind


def test_rows_of_several_turns_and_without_images() -> None:
    kind = kind_rules().kind
    assert kind(sample("<image>\nWhat is it?", "A cup", "Is it red?", "Yes")) == "conversation"
    sorry = "I'm sorry, I can't help."
    assert kind(sample("<image>\nWhat is it?", sorry, "Is it red?", sorry)) == "refusal"
    assert kind(sample("<image>\nWhat is it?", sorry, "Is it red?", "Yes")) == "conversation"
    assert kind(sample("What is two and two?", "4", images=0)) == "text-only"
    assert kind(sample("<image>\nGood day. I am sorry I am late. What is it?", "A cup")) == "short-answer"


def test_questions_and_answers_belong_together() -> None:
    turns = (
        Turn("system", "Be kind."),
        Turn("user", "<image>\nLook."),
        Turn("user", "What is it?"),
        Turn("assistant", "A cup."),
        Turn("user", "Thanks."),
    )
    assert Sample("a", (), turns, None).pairs == (("Look.\nWhat is it?", "A cup."),)


def test_a_users_rules_come_first(tmp_path: Path) -> None:
    own = tmp_path / "kinds.toml"
    own.write_text('[[rules]]\nkind = "colour"\nquestion = "colou?r"\nmax_words = 2\n')
    kind = kind_rules(own).kind
    assert kind(sample("<image>\nWhat Color is it?", "Dark red")) == "colour"
    assert kind(sample("<image>\nWhat color is it?", LONG)) == "open-answer"
    assert kind(sample("<image>\nWhat color is it?", "Red", "And what colour is that?", "Blue")) == "colour"
    assert kind(sample("<image>\nWhat color is it?", "Red", "How many?", "Two")) == "conversation"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no [[rules]]"),
        ('[[rules]]\nkind = "a"\nwords = 3', "words"),
        ('[[rules]]\nkind = "a"\nquestion = "("', "no regular expression"),
        ('[[rules]]\nkind = "a,b"', "no name of letters"),
        ("[[rules]", "not valid TOML"),
    ],
)
def test_a_fault_in_a_users_rules_is_named(tmp_path: Path, text: str, said: str) -> None:
    own = tmp_path / "kinds.toml"
    own.write_text(text)
    with pytest.raises(ConfigError, match=said.replace("[", r"\[")):
        kind_rules(own)
    with pytest.raises(ConfigError, match="cannot be read"):
        kind_rules(tmp_path / "none.toml")
