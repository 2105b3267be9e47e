"""What a study compares: a short TOML file; finegold's files are in this package's folder `studies`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from finegold.errors import ConfigError, first_fault
from finegold.evaluation.answering import find_profile
from finegold.models.prefix import Parts, check_parts
from finegold.registry import read_toml, toml_names
from finegold.run.cards import card
from finegold.selection.preset import Preset, find_preset
from finegold.study.evaluation import Evaluation, Judged, StudyTable
from finegold.tuning import default_recipe

_STUDIES = ("finegold.study", "studies")


class PoolSpec(StudyTable):
    """The rows to choose from, as `finegold pick` opens them.

    Attributes:
        path: Dataset; a relative path starts where the command runs.
        images: Folder of its images.
        format: Format of the dataset, as `open_dataset` takes it; None finds it out.
        instruction: Instruction of rows that have only a caption.
        ids: Where ids come from.
        run: A run folder of these rows that has scores already, such as `reward` and `llm`; None for one in
            the study's folder.
        rows: Number of rows as published, for a plan where the dataset is missing.
    """

    path: str
    images: str | None = None
    format: str | None = None
    instruction: str | None = None
    ids: Literal["record", "row"] = "record"
    run: str | None = None
    rows: int | None = Field(default=None, ge=1)


class ArmSpec(StudyTable):
    """One way to choose and train, repeated over seeds.

    Attributes:
        name: Name of the arm, unique in the study.
        preset: How rows are chosen; None for the model as it is, not tuned.
        size: Number of rows, as `finegold pick` takes it; `100%` takes every usable row. In a file, a list of
            sizes stands for an arm of each, called `NAME SIZE`.
        weights: Indicator weights in place of the preset's; None keeps them.
        changes: Fields of a preset in place of the preset's own, such as `pick`, `drop`, `group_by` and
            `mixture`.
        seeds: Number of seeds; None for the study's. Seed s draws the rows and the training.
        data: Rows to choose from; None for the study's.
        recipe: Recipe of the training; None for the study's.
        series: Name that arms of a list of sizes share; empty for an arm of one size.
    """

    name: str = Field(min_length=1)
    preset: str | None = None
    size: str = "100%"
    weights: dict[str, float] | None = None
    changes: dict[str, Any] | None = None
    seeds: int | None = Field(default=None, ge=1)
    data: PoolSpec | None = None
    recipe: str | None = None
    series: str = ""

    @model_validator(mode="before")
    @classmethod
    def _size_as_text(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("size"), int):
            return value | {"size": str(value["size"])}
        return value

    @property
    def whole(self) -> bool:
        """Whether it trains on all rows of the study's data."""
        own = self.data is None and not self.changes
        return self.preset is not None and own and self.size.strip() == "100%"

    def chosen_by(self) -> Preset:
        """The preset with the arm's changes.

        Raises:
            ConfigError: If there is no such preset, or the changes do not fit it.
        """
        preset = find_preset(self.preset or "random")
        if not self.changes:
            return preset
        return Preset.read(
            preset.content() | self.changes, f"'{preset.name}' with the changes of the arm '{self.name}'"
        )


class Offline(StudyTable):
    """Offline models that the study trains for itself, on photos of neither the pool nor the evaluation.

    finegold's offline models have seen captions of the photos that a study may be about.

    Attributes:
        captions: File with lines `file name TAB caption`.
        images: Folder of these photos.
        steps: Training steps of the captioner, on all captions.
        agreed_steps: Training steps of the captioner on the captions that agree most.
        epochs: Training epochs of the encoder's heads.
        seed: Seed of both trainings.
    """

    captions: str
    images: str
    steps: int = Field(default=700, ge=1)
    agreed_steps: int = Field(default=150, ge=1)
    epochs: int = Field(default=20, ge=1)
    seed: int = 0


class ModelParts(StudyTable):
    """Parts of a model that is put together, as `finegold tune` takes them.

    Attributes:
        language_model: Folder or hub id of the language model.
        vision_model: Folder or hub id of a BLIP-2 model.
        projection: A stage-1 checkpoint, `.pth` or `.safetensors`.
        from_scratch: Whether the projection is untrained, in place of a checkpoint.
    """

    language_model: str | None = None
    vision_model: str | None = None
    projection: str | None = None
    from_scratch: bool = False

    def parts(self) -> Parts:
        """The parts as models take them."""
        projection = None if self.projection is None else Path(self.projection)
        return Parts(self.language_model, self.vision_model, projection, self.from_scratch)


class Study(StudyTable):
    """Arms times seeds of choosing, tuning and measuring.

    Attributes:
        name: Name of the folder of its results.
        about: The question of the study, in a sentence.
        baseline: Name of the arm that differences are to; or of arms of several sizes: they are then to
            the one of the same size, or to the last where an arm has another size.
        arms: What is compared.
        seeds: Number of seeds of each arm without a number of its seeds.
        model: What is tuned; `offline` stands for the captioner that the study trains if it has `offline`.
        parts: Parts of `minigpt4-7b` and `offline-smollm2`.
        recipe: How it is tuned; None for the model's usual recipe.
        steps: Training steps in place of the recipe's.
        batch: Rows of one training step in place of the recipe's.
        encoder: Encoder for scores and clusters; `offline` stands for the one that the study trains if it has
            `offline`.
        data: The rows.
        evaluation: What is measured.
        offline: Offline models to train first.
        judge: How a judge compares arms; None without a judge.
        replicates: Resamples of the bootstrap.
        level: Share of the resamples inside an interval.
    """

    name: str = Field(pattern=r"^[\w.-]+$")
    about: str = ""
    baseline: str
    arms: tuple[ArmSpec, ...] = Field(min_length=1)
    seeds: int = Field(default=5, ge=1)
    model: str = "offline"
    parts: ModelParts | None = None
    recipe: str | None = None
    steps: int | None = Field(default=None, ge=1)
    batch: int | None = Field(default=None, ge=1)
    encoder: str = "offline"
    data: PoolSpec
    evaluation: Evaluation
    offline: Offline | None = None
    judge: Judged | None = None
    replicates: int = Field(default=10_000, ge=100)
    level: float = Field(default=0.95, gt=0, lt=1)

    def _repr_html_(self) -> str:
        facts = {"question": self.about, "baseline": self.baseline, "model": self.model}
        facts |= {"data": self.data.path, "tasks": ", ".join(self.tasks)}
        rows = [(arm.name, arm.preset or "not tuned", arm.size, self.seeds_of(arm)) for arm in self.arms]
        return card(f"Study {self.name}", facts, ("arm", "preset", "size", "seeds"), rows)

    @property
    def results(self) -> str:
        """Name of the folder of its results: the study's, with the half that is measured."""
        half = self.evaluation.half
        return self.name if half is None else f"{self.name}-half-{half}"

    @property
    def recipe_name(self) -> str:
        """The recipe of arms that name none."""
        return self.recipe or default_recipe(self.model)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that every model answers, as the study names them: the evaluation's, then the judge's."""
        judged = () if self.judge is None else (self.judge.task,)
        return tuple(dict.fromkeys((*self.evaluation.tasks, *judged)))

    def task_data(self, task: str) -> Path:
        """Folder of the files of a task that is named without them."""
        if self.judge is not None and self.judge.data is not None and task not in self.evaluation.tasks:
            return Path(self.judge.data)
        return Path(self.evaluation.data or ".")

    def seeds_of(self, arm: ArmSpec) -> int:
        """Number of seeds of an arm."""
        return arm.seeds or self.seeds

    def baseline_of(self, name: str) -> str:
        """Name of the arm that the differences of an arm are to; that of the arm itself for a baseline."""
        several = [arm for arm in self.arms if arm.series == self.baseline]
        if not several:
            return self.baseline
        (size,) = (arm.size for arm in self.arms if arm.name == name)
        return next((arm.name for arm in several if arm.size == size), several[-1].name)

    @field_validator("arms", mode="before")
    @classmethod
    def _one_size_each(cls, arms: Any) -> Any:
        """An arm of each size where an arm has a list of them."""
        if not isinstance(arms, list | tuple):
            return arms
        found = []
        for arm in arms:
            sizes = arm.get("size") if isinstance(arm, dict) else None
            if isinstance(sizes, list):
                name = arm.get("name")
                found += [
                    arm | {"name": f"{name} {size}", "size": str(size), "series": name} for size in sizes
                ]
            else:
                found.append(arm)
        return found

    @model_validator(mode="after")
    def _fits(self) -> Self:
        names = [arm.name for arm in self.arms]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"two arms are called {min(twice)}")
        parts = self.parts or ModelParts()
        check_parts(self.model, parts.parts(), there=False)
        if self.offline is not None and parts.from_scratch:
            raise ValueError(
                "captions train the offline models for the study, and from_scratch asks for an untrained "
                "projection: give one"
            )
        find_profile(self.evaluation.profile)
        known = [*names, *filter(None, dict.fromkeys(arm.series for arm in self.arms))]
        if self.judge is not None and self.baseline not in names:
            raise ValueError("a judge compares with one arm: name one, of one size, as the baseline")
        if self.baseline not in known:
            raise ValueError(f"the baseline '{self.baseline}' is none of the arms {', '.join(known)}")
        return self


def study_names() -> list[str]:
    """Names of the studies that come with finegold."""
    return toml_names(*_STUDIES)


def load_study(name: str, changes: Mapping[str, Any] | None = None) -> Study:
    """Read one of finegold's studies by name, or a TOML file by its path (`my.toml`).

    Args:
        name: One of `study_names()`, or a path ending in `.toml`.
        changes: Fields in place of the file's, nested as in the file; None keeps a field.

    Raises:
        ConfigError: If there is no such study, or a field is missing, unknown or out of range.
    """
    try:
        study = Study.model_validate(merged(read_toml(name, *_STUDIES, "study"), changes or {}))
    except ValidationError as error:
        raise ConfigError(f"the study {name} {_reason(error)}") from None
    for arm in study.arms:
        files = arm.chosen_by().files if arm.preset is not None else ()
        if files:
            raise ConfigError(
                f"the arm '{arm.name}' has the preset '{arm.preset}', which needs "
                f"{', '.join(sorted(files))}, which a study cannot name: choose the rows with finegold "
                "select, and name them as the arm's data with the preset random and the size 100%"
            )
    return study


def merged(fields: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with some of them changed; tables are merged, and None changes nothing."""
    found = dict(fields)
    for key, value in changes.items():
        if isinstance(value, Mapping):
            inner = merged(found.get(key) or {}, value)
            if inner:
                found[key] = inner
        elif value is not None:
            found[key] = value
    return found


_OPTIONS = {
    "judge.task": "--judge",
    "data": "--data",
    "evaluation": "--tasks and --task-data",
    "evaluation.data": "--task-data",
}


def _reason(error: ValidationError) -> str:
    faults = error.errors()
    first = faults[0]
    where = ".".join(map(str, first["loc"])) or "the study"
    if all(one["type"] == "missing" for one in faults):
        hint = f", or give {_OPTIONS[where]}" if where in _OPTIONS else ""
        return f"lacks {where}: write it in the file{hint}"
    known = (name for one in StudyTable.__subclasses__() for name in one.model_fields)
    return f"cannot be used: {first_fault(error, known)}"
