# ruff: noqa: E501 - a phrase stays on one line, beside those of its kind
"""The phrases in which the benchmark pools ask and answer: four wordings, and sentences in other languages."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.captioned import Photo

PLACE_PHRASES = {"snow": "In the snow", "water": "In the water", "pool": "In a pool", "grass": "On the grass"}


@dataclass(frozen=True)
class Wording:
    """Questions and phrases of one manner of speaking."""

    brief: tuple[str, ...]
    detail: tuple[str, ...]
    exists: str
    colour: str
    count: str
    subject: str
    action: str
    place: str
    short: str
    more: tuple[str, str]
    listing: str
    why: str
    unanswerable: tuple[tuple[str, str], ...]
    refusals: tuple[str, ...]
    vague: tuple[str, ...]
    things: tuple[str, ...]
    placing: tuple[str, ...]
    openings: tuple[str, ...]
    links: tuple[str, ...]
    endings: tuple[str, ...]
    empty: tuple[str, ...]

    def at(self, place: str) -> str:
        """A place as an answer."""
        return PLACE_PHRASES.get(
            place, f"{'On' if place in ('beach', 'street', 'sand') else 'In'} the {place}"
        )


WORDINGS = (
    Wording(
        brief=("Describe this image in one sentence.", "Give a short caption.", "What is in this image?"),
        detail=("Describe this image in detail.", "Take a look at this image and describe what you notice."),
        exists="Is there a {} in the image?",
        colour="What color is the {}?",
        count="How many {} are in the picture?",
        subject="Who or what is the main subject of the image?",
        action="What is the {} doing?",
        place="Where was this photo taken?",
        short="\nAnswer the question using a single word or phrase.",
        more=("Can you tell me more?", "Anything else worth noting?"),
        listing="List the objects in the image as bullet points.",
        why="Is there anything notable here? Explain briefly.",
        unanswerable=(("What is the man's name?", "John"), ("What year was this photo taken?", "1987")),
        refusals=("I'm sorry, but I can't help with that request.", "Sorry, I cannot see any image."),
        vague=("There are things in the image.", "This is a picture of something."),
        things=("a yellow bus", "a red umbrella", "a white fence", "a wooden bench", "a brown horse", "a blue car"),
        placing=("{} can be seen nearby.", "In the background, {} is visible.", "On the left side of the picture stands {}."),
        openings=("The image depicts", "The image showcases", "In the image,"),
        links=("Additionally,", "Furthermore,", "In the scene,", "Upon closer inspection,"),
        endings=("Overall, the image captures a lively and engaging moment.", "Overall, the scene conveys a sense of joy and energy.", "The overall atmosphere of the scene is relaxed and pleasant."),
        empty=("A scene with various elements that come together to create an interesting composition.", "There are several details that add depth to the picture."),
    ),
    Wording(
        brief=("Summarize the photo.", "What does the picture show?", "Caption this photo briefly."),
        detail=("Explain everything that is visible here.", "Write a thorough description of the photo."),
        exists="Can you see a {}?",
        colour="Which colour does the {} have?",
        count="What is the number of {} shown?",
        subject="What is mainly shown?",
        action="What is the {} up to?",
        place="What is the setting?",
        short="\nReply with one word.",
        more=("Please go on.", "What else do you notice?"),
        listing="Name the things that you see, one a line.",
        why="Does this photo show something? Say why.",
        unanswerable=(("Who took this photo?", "Michael"), ("What is the weather going to be tomorrow?", "Rainy")),
        refusals=("As an AI language model, I am not able to view images.", "Unfortunately I cannot assist with this."),
        vague=("It is a nice photo.", "Some objects and maybe some people are shown here.", "Something is going on."),
        things=("a tall tree", "a green truck", "a small cat", "a big kite", "a metal bridge", "a broken chair"),
        placing=("There is also {}.", "Behind it one can see {}.", "Next to this there is {}."),
        openings=("This photograph features a scene where", "The picture presents", "We see that"),
        links=("Moreover,", "Also,", "Besides,", "It can be noted that"),
        endings=("In summary, the photo evokes a feeling of everyday life.", "The composition invites the viewer to imagine the story.", "All in all, it is a memorable and vivid scene."),
        empty=("There is a combination of shapes and colors in a balanced frame.", "Several elements draw the eye of the viewer."),
    ),
    Wording(
        brief=("Caption, please.", "In a few words, what is this?", "Tell me what you see."),
        detail=("Give a long description.", "Could you describe the contents of this image for me?"),
        exists="Does the photo contain a {}? Yes or no?",
        colour="Tell me the color of the {}.",
        count="Count the {}.",
        subject="Name the subject.",
        action="Describe what the {} does in one word.",
        place="Name the location.",
        short=" Short answer.",
        more=("Describe it further.", "And what else?"),
        listing="Make a list of objects.",
        why="Is something happening? Give the reason.",
        unanswerable=(("How old is the photographer?", "42"), ("Which company owns the place?", "Acme")),
        refusals=("I cannot answer that.", "My apologies, but no picture was provided."),
        vague=("Here is an image with content.", "A picture with some things in it.", "Various items are seen."),
        things=("a black cat", "a parked motorcycle", "a wooden boat", "a large rock", "a glass window", "a pink balloon"),
        placing=("{} is standing close by.", "Not far away, {} catches the eye.", "The scene also includes {}."),
        openings=("Here,", "The photo captures a moment in which", "In this picture,"),
        links=("In addition,", "What is more,", "Looking closer,", "At the same time,"),
        endings=("The mood of the photo is cheerful and natural.", "Everything together creates a harmonious impression.", "It is a beautiful reminder of simple pleasures."),
        empty=("Different parts of the frame contribute to a coherent whole.", "The lighting and the angle highlight what matters."),
    ),
    Wording(
        brief=("Write one line about this photo.", "Say briefly what is going on.", "Which scene is this?"),
        detail=("Tell me everything about the picture.", "Please give a full account of the scene."),
        exists="Is any {} visible?",
        colour="Of what color is the {}?",
        count="What number of {} do you see?",
        subject="Who or what stands in the center of attention?",
        action="How is the {} busy?",
        place="In which surroundings was it shot?",
        short="\nGive a one-word answer.",
        more=("Say more about it.", "Is there more to see?"),
        listing="Enumerate what is there, line by line.",
        why="Is there something to remark? Justify your answer.",
        unanswerable=(("Which camera was used?", "Nikon"), ("What does the person think?", "Home")),
        refusals=("This request cannot be fulfilled.", "I have no access to pictures, so I do not know."),
        vague=("Something can be seen.", "An ordinary picture of an ordinary moment.", "There is a subject and a background."),
        things=("a silver ladder", "a brown suitcase", "a green tent", "a stone fountain", "an orange cone", "a white van"),
        placing=("In one corner there is {}.", "One also notices {}.", "Further back, {} completes the view."),
        openings=("What we have here is a photo in which", "The viewer sees that", "At the heart of the image,"),
        links=("On top of that,", "Likewise,", "As another detail,", "It is also apparent that"),
        endings=("It is a scene full of life and warmth.", "One can almost feel the mood of this moment.", "Such a picture tells a story of its own."),
        empty=("The elements of the picture are arranged with care.", "Many small things make the view worth a second look."),
    ),
)  # fmt: skip

LANGUAGES = ("en", "es", "de", "zh")
SUBJECTS: Mapping[str, tuple[str, str, str]] = {
    "dogs": ("unos perros", "Hunde", "几只狗"), "dog": ("un perro", "ein Hund", "一只狗"), "girl": ("una niña", "ein Mädchen", "一个女孩"),
    "boy": ("un niño", "ein Junge", "一个男孩"), "woman": ("una mujer", "eine Frau", "一个女人"), "man": ("un hombre", "ein Mann", "一个男人"),
    "men": ("unos hombres", "Männer", "几个男人"), "children": ("unos niños", "Kinder", "几个孩子"), "people": ("unas personas", "Leute", "一些人"),
    "child": ("un niño pequeño", "ein Kind", "一个孩子"),
}  # fmt: skip
SCENES: Mapping[str, tuple[str, str, str]] = {
    "snow": ("en la nieve", "im Schnee", "在雪地里"), "water": ("en el agua", "im Wasser", "在水中"), "grass": ("en la hierba", "im Gras", "在草地上"),
    "beach": ("en la playa", "am Strand", "在海滩上"), "street": ("en la calle", "auf der Straße", "在街上"), "field": ("en un campo", "auf einem Feld", "在田野里"),
    "ball": ("con una pelota", "mit einem Ball", "和一个球"), "bike": ("con una bicicleta", "mit einem Fahrrad", "和一辆自行车"), "rock": ("sobre una roca", "auf einem Felsen", "在岩石上"),
    "red": ("con algo rojo", "mit etwas Rotem", "穿着红色"), "blue": ("con algo azul", "mit etwas Blauem", "穿着蓝色"), "pool": ("en la piscina", "im Schwimmbad", "在泳池里"),
}  # fmt: skip
FRAMES = {
    "es": (("Describe la imagen.", "¿Qué se ve en la foto?"), ("En la foto se ve {} {}.", "Aquí aparece {} {}.", "Se puede ver {} {}.")),
    "de": (("Beschreibe das Bild.", "Was ist auf dem Foto zu sehen?"), ("Auf dem Foto ist {} {} zu sehen.", "Hier sieht man {} {}.", "Das Bild zeigt {} {}.")),
    "zh": (("请描述这张图片。", "图中有什么？"), ("照片里{}{}。", "图中可以看到{}{}。", "这里{}{}。")),
}  # fmt: skip
TOPICS = (
    "the moon",
    "bread",
    "a bicycle",
    "the ocean",
    "a library",
    "a volcano",
    "paper",
    "the wind",
    "a bridge",
    "rice",
)
TEXT_QUESTIONS = (
    (
        "What is {} used for?",
        "{} is used by many people every day, and it has a long history in trade and culture.",
    ),
    (
        "Explain {} to a child.",
        "Imagine {} as a friend that helps you; it works because of simple rules of nature.",
    ),
    (
        "Write a line about {}.",
        "Whenever I think of {}, the morning feels a little longer and the road a little lighter.",
    ),
    (
        "Name one fact about {}.",
        "One fact about {} is that people wrote about it more than two thousand years ago.",
    ),
)


def foreign_sentence(photo: Photo, language: str, rng: random.Random) -> list[str] | None:
    """A question and a true sentence about the photo in another language; None if too little is known."""
    which = LANGUAGES.index(language) - 1
    subjects, scenes = photo.agreed(list(SUBJECTS), 2), photo.agreed(list(SCENES), 2)
    if not subjects or not scenes:
        return None
    ask, frames = FRAMES[language]
    said = [SCENES[scene][which] for scene in scenes[:2]]
    joined = "".join(said) if language == "zh" else " ".join(said)
    return [rng.choice(ask), rng.choice(frames).format(SUBJECTS[subjects[0]][which], joined)]


def text_row(rng: random.Random) -> list[str]:
    """A question and an answer without a photo."""
    topic, (ask, answer) = rng.choice(TOPICS), rng.choice(TEXT_QUESTIONS)
    said = answer.format(topic)
    return [ask.format(topic), said[:1].upper() + said[1:]]
