"""Models by name, and those that answer without looking."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from finegold.engines import Compute, Engine, ThisProcess
from finegold.models.base import GREEDY, Model, Sampling
from finegold.run import listed_files_are_there, read_sealed

if TYPE_CHECKING:
    from finegold.llm import Session
    from finegold.models.prefix.storage import Parts

SUMMARY = "tuning.json"
"""What `finegold tune` writes beside a model: how it was trained, and the hashes of its weights."""
CONSTANT, SPELLING_RULE, ENDPOINT = "constant:", "spelling-rule", "endpoint:"


class BlindModel(Model):
    """A model that answers by a rule, to measure what a benchmark gives without looking.

    `constant:TEXT` gives the same answer to every question. `spelling-rule` answers the identification
    questions by how the published file misspells those that are false.
    """

    blind = True

    def __init__(self, name: str) -> None:
        self.name = name

    def identity(self) -> dict[str, Any]:
        """The rule, and the answer if it is constant."""
        if self.name == SPELLING_RULE:
            return {"kind": SPELLING_RULE}
        return {"kind": "constant", "answer": self.name.removeprefix(CONSTANT)}

    def answer(
        self,
        images: Sequence[Image.Image | None],  # noqa: ARG002 (blind)
        prompts: Sequence[str],
        sampling: Sampling = GREEDY,  # noqa: ARG002 (the rule gives the answer)
    ) -> list[str]:
        """Give the constant answer, or No where a prompt has the misspelling and Yes otherwise."""
        if self.name == SPELLING_RULE:
            return ["No" if " exis in " in prompt else "Yes" for prompt in prompts]
        return [self.name.removeprefix(CONSTANT)] * len(prompts)


def engine_of(model: Model, engine: Engine | None) -> tuple[Engine, Model | None]:
    """Who answers with a model: the engine, or this process, in which case the model comes with it.

    An endpoint is asked by one process, so that its limits hold, and a rule needs no other.
    """
    if engine is None or isinstance(engine, ThisProcess) or model.again is None:
        return ThisProcess(Compute()), model
    return engine, None


def load_model(
    name: str,
    *,
    device: str = "auto",
    dtype: str = "auto",
    session: "Callable[[], Session] | None" = None,
    features: Path | None = None,
    parts: "Parts | None" = None,
) -> Model:
    """Make the model of a name; its weights are loaded when they are first needed.

    Args:
        name: `offline`, `offline-vqa`, a model of `NEW_MODELS` such as `minigpt4-7b`, a folder that `finegold
            tune` wrote, a Hugging Face folder or hub id, `endpoint:NAME`, `constant:TEXT` or `spelling-rule`.
        device: `auto`, `cpu`, `cuda`, `cuda:1`...
        dtype: `float32`, `bfloat16`, `float16` or `auto`: float32 on a CPU, and half precision on a GPU,
            which is float16 for MiniGPT-4 and bfloat16 for other models.
        session: Makes the session of an endpoint; None takes its settings from the environment.
        features: Folder where image features of projected-prefix models are kept; None keeps none.
        parts: Projection and other parts of a model of `NEW_MODELS`.

    Raises:
        ConfigError: If the settings of an endpoint are missing, or parts do not go with the model.
        RunError: If the weights of a tuned folder do not fit their hashes.
    """
    from finegold.models.prefix.storage import Parts, check_parts, is_prefix_name

    check_parts(name, parts or Parts())
    if name == SPELLING_RULE or name.startswith(CONSTANT):
        return BlindModel(name)
    if name.startswith(ENDPOINT):
        from finegold.llm import session_from
        from finegold.models.endpoint import EndpointModel

        return EndpointModel(name, name.removeprefix(ENDPOINT), (session or session_from)())
    record = Path(name) / SUMMARY
    if record.is_file():
        listed_files_are_there(record, read_sealed(record))
    if is_prefix_name(name):
        from finegold.models.prefix.model import PrefixModel

        model: Model = PrefixModel(name, device=device, dtype=dtype, features=features, parts=parts)
    else:
        from finegold.models.huggingface import HuggingFaceModel

        model = HuggingFaceModel(name, device=device, dtype=dtype)
    model.again = partial(load_model, name, dtype=dtype, features=features, parts=parts)
    return model
