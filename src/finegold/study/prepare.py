"""A study up to its jobs: offline models trained, every arm's rows chosen, every training named."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from finegold.engines import Compute
from finegold.models.prefix import NEW_MODELS, Parts, load_network, save_network
from finegold.run import file_sha256, fingerprint
from finegold.study.arms import ArmRuns, StudyRows
from finegold.study.folder import StudyFolder, finish, finished
from finegold.study.jobs import Job, Training, weights_identity
from finegold.study.offline_models import OfflineModels, train_offline_models, training_photos
from finegold.study.study import ModelParts, Study
from finegold.study.task_items import TaskItems
from finegold.tuning import load_recipe


@dataclass(frozen=True, slots=True)
class Prepared:
    """A study up to its jobs.

    Attributes:
        runs: The arms in the study's order, with their jobs.
        pools: Rows by arm that names its own data; the study's rows under the empty name.
        model: What is tuned.
        encoder: What scores and clusters come from.
        offline: The models that the study trained; None if it trained none.
        tasks: What every model answers.
    """

    runs: tuple[ArmRuns, ...]
    pools: Mapping[str, StudyRows]
    model: str
    encoder: str
    offline: OfflineModels | None
    tasks: TaskItems

    def jobs(self) -> list[Job]:
        """Every job once."""
        return list({job.fingerprint: job for one in self.runs for job in one.jobs}.values())

    def answers(self, folder: StudyFolder, task: str) -> dict[str, list[Path]]:
        """Folders of the answers to a task: of each seed, by name of the arm; no arm that was not run."""
        return {
            one.arm.name: [job.answers(folder, task) for job in one.jobs] for one in self.runs if one.jobs
        }


def prepare_study(folder: StudyFolder, study: Study, tasks: TaskItems, compute: Compute) -> Prepared:
    """Train the offline models if the study has its own, choose every arm's rows, and name the jobs."""
    made = None
    if study.offline is not None:
        seen = StudyRows(folder, study.data, study.encoder, compute).image_hashes() | tasks.image_files()
        photos, left_out = training_photos(study.offline, seen)
        made = train_offline_models(folder, study.offline, photos, left_out)
    model = made.model if made and study.model == "offline" else base_model(folder, study, compute)
    encoder = made.encoder if made and study.encoder == "offline" else study.encoder
    pools = {"": StudyRows(folder, study.data, encoder, compute)}
    pools |= {arm.name: StudyRows(folder, arm.data, encoder, compute) for arm in study.arms if arm.data}
    runs = []
    identity = weights_identity(model)
    for arm in study.arms:
        pool = pools.get(arm.name, pools[""])
        chosen = pool.choose(arm, study.seeds_of(arm))
        untuned = Job(None, model, identity, tasks.specs)
        trainings = _trainings(study, chosen, pool, untuned) if arm.preset else [None]
        jobs = tuple(replace(untuned, training=training) for training in trainings)
        runs.append(replace(chosen, jobs=jobs))
    return Prepared(tuple(runs), pools, model, encoder, made, tasks)


def base_model(folder: StudyFolder, study: Study, compute: Compute) -> str:
    """The model's name; a model of parts is put together in a folder, where every run starts from."""
    if study.model not in NEW_MODELS:
        return study.model
    parts = study.parts or ModelParts()
    depends = {"model": study.model, **parts.model_dump()}
    if parts.projection is not None and Path(parts.projection).is_file():
        depends["projection"] = file_sha256(Path(parts.projection))
    where = folder.base(fingerprint(depends))
    if finished(where) is None:
        import torch

        made = Parts(
            parts.language_model,
            parts.vision_model,
            None if parts.projection is None else Path(parts.projection),
        )
        with folder.run.step("base", model=study.model):
            model = load_network(study.model, parts=made, device=compute.device)
            save_network(model, where, with_language_model=False, dtype=torch.float32)
            finish(where, depends)
    return str(where)


def _trainings(study: Study, chosen: ArmRuns, pool: StudyRows, untuned: Job) -> list[Training | None]:
    """The training of each seed of an arm."""
    if not chosen.subsets:
        return []
    name = chosen.arm.recipe or study.recipe_name
    recipe = load_recipe(name, steps=study.steps, batch=study.batch)
    settings = recipe.model_dump_json(exclude={"name", "about", "seed", "save_every", "log_every"})
    return [
        Training(
            model=untuned.model,
            identity=untuned.identity,
            rows=subset.fingerprint,
            data=str(subset.data),
            images=None if subset.images is None else str(subset.images),
            ids=pool.ids,
            recipe=name,
            settings=settings,
            steps=study.steps,
            batch=study.batch,
            seed=recipe.seed + seed,
        )
        for seed, subset in enumerate(chosen.subsets)
    ]
