"""Prompt wordings by version, where several tasks share them.

`ehub-2023-07` is LVLM-eHub's wording since 2023-07-06 and `ehub-2023-04` the one before, which differs for
captions only; its answers have at most 16 tokens for captions and 256 otherwise. `direct` is finegold's own:
it says what kind of answer is wanted, and leaves a caption enough room to end.
"""

from collections.abc import Mapping

from finegold.evaluation.task import Prompt

CAPTION: Mapping[str, Prompt] = {
    "ehub-2023-07": Prompt("what is described in the image?", 16),
    "ehub-2023-04": Prompt("Generate caption of this image:", 16),
    "direct": Prompt("Describe this image in one sentence.", 40),
}


def question_prompts(ehub: str, direct: str) -> Mapping[str, Prompt]:
    """Prompts of a question task.

    Args:
        ehub: Template of both LVLM-eHub versions.
        direct: Template of finegold's own.
    """
    return {
        "ehub-2023-07": Prompt(ehub, 256),
        "ehub-2023-04": Prompt(ehub, 256),
        "direct": Prompt(direct, 16),
    }
