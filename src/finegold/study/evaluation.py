"""What the arms of a study are measured on, and how a judge compares them: two tables of its file."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from finegold.evaluation.answering import Half, find_profile


class StudyTable(BaseModel):
    """A table of a study's file; an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Evaluation(StudyTable):
    """What the arms are measured on.

    Attributes:
        tasks: Names of tasks, as `finegold evaluate` takes them, or as the harness calls them; the first
            metric of the first one is the main result of the study.
        harness: `lmms-eval` to measure with it in place of finegold.
        harness_python: The Python of lmms-eval's environment, or a command that runs one.
        harness_model: lmms-eval's model type, perhaps with more of its `--model_args` behind a comma; None to
            choose it by the model.
        harness_include: Folder of further tasks, as `--include_path` of lmms-eval takes it.
        data: Folder of the files of tasks that are named without them.
        prompts: Version of the wording; None for `direct`, or for that of another profile than `greedy`.
        profile: How questions are put, as `finegold evaluate` takes it.
        splits: Split of each task that does not use its first split.
        limit: Number of items of each task, the first ones; None for all.
        half: Half of the images that is measured, to fit on `a` and report `b`; None for all. Every item is
            answered, so that both halves take the same runs.
        losses: Whether losses of the reference captions are measured, with the right and with a wrong image.
        max_new_tokens: Number of tokens at which an answer is cut; None for that of each task's prompt.
        batch: Items of one forward pass.
        overlap: What becomes of rows that have an image or a text of an item: `exclude` takes them from every
            arm, `same-files` only those with the bytes of an item's image, `keep` does not look for them.
    """

    tasks: tuple[str, ...] = Field(min_length=1)
    harness: Literal["lmms-eval"] | None = None
    harness_python: str = "python"
    harness_model: str | None = None
    harness_include: str | None = None
    data: str | None = Field(default=None, validate_default=True)
    prompts: str | None = None
    profile: str = "greedy"
    splits: dict[str, str] = {}
    limit: int | None = Field(default=None, ge=1)
    half: Half | None = None
    losses: bool = True
    max_new_tokens: int | None = Field(default=None, ge=1)
    batch: int = Field(default=50, ge=1)
    overlap: Literal["exclude", "same-files", "keep"] = "exclude"

    @field_validator("data")
    @classmethod
    def _needed(cls, value: str | None, info: ValidationInfo) -> str | None:
        finegold = info.data.get("harness") is None
        if value is None and finegold and any("=" not in task for task in info.data.get("tasks", ())):
            raise PydanticCustomError("missing", "Field required")
        return value

    @model_validator(mode="after")
    def _of_one_program(self) -> Self:
        ours = self.model_fields_set & {"prompts", "profile", "splits", "half", "losses", "overlap"}
        theirs = [name for name in sorted(self.model_fields_set) if name.startswith("harness_")]
        if self.harness is not None and ours:
            raise ValueError(
                f"{', '.join(sorted(ours))} are finegold's, and lmms-eval measures: leave them out"
            )
        if self.harness is None and theirs:
            raise ValueError(f'{", ".join(theirs)} say how a harness is run: write harness = "lmms-eval" too')
        return self

    @property
    def wording(self) -> str:
        """Version of the wording."""
        return self.prompts or ("direct" if self.profile == "greedy" else find_profile(self.profile).prompts)


class Judged(StudyTable):
    """Arms judged against the baseline, answer by answer, in both orders.

    Attributes:
        task: Task whose answers are judged: `llava-bench-coco` or `llava-bench-wild`.
        data: Folder of the task's files; None for that of the evaluation.
        model: Name of the judge at the endpoint; None for FINEGOLD_LLM_MODEL.
        context: LLaVA-Bench's context file.
        images: Whether the judge is shown the images; false for a judge that takes none.
        base_url: Endpoint; None for FINEGOLD_LLM_BASE_URL.
        max_usd: Most that the judge may cost.
        usd_per_m_prompt: Price of a million tokens sent.
        usd_per_m_completion: Price of a million tokens received.
    """

    task: str
    data: str | None = None
    model: str | None = None
    context: str | None = None
    images: bool = True
    base_url: str | None = None
    max_usd: float | None = None
    usd_per_m_prompt: float | None = None
    usd_per_m_completion: float | None = None
