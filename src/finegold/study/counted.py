"""What a study of MiniGPT-4 takes on a GPU, counted from operations and bytes: nothing needs to be there.

Every answer and every row counts at its longest. Loading of weights and choosing of rows are not counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from finegold.errors import ConfigError, DataError
from finegold.evaluation.task import find_tasks
from finegold.samples.json_text import read_json
from finegold.study.study import Study
from finegold.tuning import load_recipe

TRAINING_PROMPT, CHAT_PROMPT = 28, 73
"""Tokens of text in a prompt of the second stage, and in a question of 24 tokens with its chat form."""
LOSS_TOKENS = 2 * (TRAINING_PROMPT + 20) + 2 * (TRAINING_PROMPT + 160)
"""Tokens of an item's losses without its image: a caption and all captions, each with two images."""
SHARE = 0.25
"""Assumed share of a card's bound. MiniGPT-4's paper states about 7 minutes on one A100 for 400 steps of 12
rows (arXiv 2304.10592): 23 % of the card's bound if it was the 7B model, 43 % if it was the 13B one. Other
steps and cards are assumed alike."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of a MiniGPT-4 model.

    Attributes:
        layers: Layers of the language model.
        width: Width of the language model.
        inner: Width inside of its feed-forward layers.
        image_tokens: Tokens of an image.
        image_operations: Floating-point operations of an image: EVA-CLIP g/14 (39 layers of 1,408 over 257
            patches: 0.52e12) and, where there is one, the Q-Former (12 layers of 768 over 32 queries).
    """

    layers: int
    width: int
    inner: int
    image_tokens: int = 32
    image_operations: float = 0.53e12

    @property
    def weights(self) -> int:
        """Weights that multiply every token: without the embeddings, which are looked up."""
        return self.layers * (4 * self.width**2 + 3 * self.width * self.inner) + 32000 * self.width

    @property
    def cached_bytes(self) -> int:
        """Bytes that a token keeps in the cache of keys and values, in half precision."""
        return 4 * self.layers * self.width


SIZES: Mapping[str, Sizes] = {
    "minigpt4-7b": Sizes(32, 4096, 11008),
    "minigpt4-13b": Sizes(40, 5120, 13824),
    "minigpt4-llama2-7b": Sizes(32, 4096, 11008, image_tokens=64, image_operations=0.52e12),
}


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds of a model's work on a card.

    Attributes:
        basis: What the seconds rest on, in a sentence.
        training_token: Of a token of a training step, with the image's features from the cache.
        image: Of an image through tower and Q-Former.
        prompts: Of the prompts of one batch of questions.
        new_token: Of the next token of every answer of the batch.
        share: Share of the card's bound that is assumed; None if the seconds were measured.
    """

    basis: str
    training_token: float
    image: float
    prompts: float
    new_token: float
    share: float | None = None


CARDS = {"a100": ("A100 80 GB SXM", 312e12, 2.0e12), "h100": ("H100 SXM", 989e12, 3.35e12)}
"""Name, half-precision operations a second without sparsity, and bytes a second, by NVIDIA's data sheets."""


def card_speed(card: str, sizes: Sizes, batch: int) -> Speed:
    """The bound of a card: operations and bytes at the rates of its data sheet.

    A new token reads all weights and the cache of the batch; its context is taken as the prompt and half of
    the longest answer, 128 tokens.
    """
    name, operations, bytes_ = CARDS[card]
    prompt = CHAT_PROMPT + sizes.image_tokens
    read = 2 * sizes.weights + batch * (prompt + 128) * sizes.cached_bytes
    return Speed(
        f"{name}: {operations / 1e12:,.0f} TFLOP/s and {bytes_ / 1e12:.3g} TB/s by its data sheet; "
        f"{SHARE:.0%} of it is assumed, the share of MiniGPT-4's own 7 minutes for 400 steps on an A100 if "
        "that was the 7B model",
        # Forward, and backward to the embeddings alone: two products a weight and token each way.
        training_token=4 * sizes.weights / operations,
        image=sizes.image_operations / operations,
        prompts=2 * sizes.weights * batch * prompt / operations,
        new_token=max(read / bytes_, 2 * sizes.weights * batch / operations),
        share=SHARE,
    )


def measured_speed(path: Path, sizes: Sizes) -> Speed:
    """Seconds that `benchmarks/gpu.py` measured for the 7B model; for other sizes by the number of weights.

    Raises:
        DataError: If the file is not of that script, or of its small form.
    """
    told = f"{path} is no file of benchmarks/gpu.py with figures of stage 2: run it again on the card"
    found = read_json(path)
    if not isinstance(found, dict) or found.get("tiny"):
        raise DataError(told)
    try:
        rows = {row["case"]: row for row in found["rows"] if row["part"] == "stage 2"}
        kept, computed = rows["features from the cache"], rows["features computed"]
        answers = next(row for case, row in rows.items() if case.startswith("answers"))
        times = sizes.weights / SIZES["minigpt4-7b"].weights
        return Speed(
            f"measured by benchmarks/gpu.py on {found['card']}"
            + ("" if times == 1 else f" for 7B, times {times:.2f} for the weights of this model"),
            training_token=times / kept["tokens_per_s"],
            image=max(0.0, computed["s_per_step"] - kept["s_per_step"]) / computed["rows"],
            prompts=times * answers["s_per_prompts"],
            new_token=times * answers["s_per_new_token"],
        )
    except (KeyError, TypeError, StopIteration):
        raise DataError(told) from None


def find_speed(gpu: str, sizes: Sizes, batch: int) -> Speed:
    """Seconds on a card by its name, or by a file of `benchmarks/gpu.py`.

    Raises:
        ConfigError: If the name is unknown.
    """
    if gpu.endswith(".json"):
        return measured_speed(Path(gpu), sizes)
    if gpu not in CARDS:
        raise ConfigError(
            f"--gpu is '{gpu}', expected {' or '.join(CARDS)}, or a .json file that benchmarks/gpu.py wrote"
        )
    return card_speed(gpu, sizes, batch)


@dataclass(frozen=True, slots=True)
class Hours:
    """GPU hours of a study at the seconds of a `Speed`.

    Attributes:
        training: Of the trainings.
        images: Of the features of all images, each once.
        answers: Of the answers.
        losses: Of the losses of reference captions.
    """

    training: float
    images: float
    answers: float
    losses: float

    @property
    def whole(self) -> float:
        """All of them."""
        return self.training + self.images + self.answers + self.losses


def count_hours(
    study: Study,
    sizes: Sizes,
    speed: Speed,
    items: Mapping[str, int],
    *,
    models: int,
    trainings: int,
    rows: int,
) -> Hours:
    """GPU hours of a study.

    Args:
        study: The study.
        sizes: Sizes of its model.
        speed: Seconds on the card.
        items: Number of items of each task.
        models: Number of models that answer.
        trainings: Number of trainings.
        rows: Number of rows of the data.
    """
    recipe = load_recipe(study.recipe_name, steps=study.steps, batch=study.batch)
    length = TRAINING_PROMPT + sizes.image_tokens + recipe.longest_answer
    answers = losses = 0.0
    for name, count in items.items():
        (task,) = find_tasks([name])
        batches = -(-count // study.evaluation.batch)
        new = task.prompt(study.evaluation.wording).max_new_tokens
        answers += batches * (speed.prompts + new * speed.new_token)
        if task.kind == "caption" and study.evaluation.losses:
            # Forward alone: half of a training step.
            losses += count * (LOSS_TOKENS + 4 * sizes.image_tokens) * speed.training_token / 2
    return Hours(
        training=trainings * recipe.steps * recipe.batch * length * speed.training_token / 3600,
        images=(rows + sum(items.values())) * speed.image / 3600,
        answers=models * answers / 3600,
        losses=models * losses / 3600,
    )
