"""A study up to its jobs: offline models trained, every arm's rows chosen, every training named."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from finegold.engines import Compute
from finegold.errors import RunError
from finegold.extras import extra_of, require
from finegold.models.loading import commit_of
from finegold.models.prefix import NEW_MODELS, load_network, save_network
from finegold.models.prefix.storage import is_prefix_name
from finegold.report.study.findings import PoolOverlap
from finegold.run import file_sha256, fingerprint
from finegold.study.arms import ArmRuns, StudyRows
from finegold.study.folder import StudyFolder, finish, finished
from finegold.study.jobs import Job, Training, weights_identity
from finegold.study.offline_models import train_offline_models, training_photos
from finegold.study.study import ModelParts, Study
from finegold.study.task_items import TaskItems
from finegold.tuning import load_recipe


@dataclass(frozen=True, slots=True)
class Prepared:
    """A study that is ready to run.

    Attributes:
        runs: The arms in the study's order, with their jobs.
        pools: Rows of each arm that names other data, by arm; the study's rows under the empty name.
        encoder: Encoder of scores and clusters.
        tasks: Tasks and items that every model answers.
        notes: What to know of the models.
        overlaps: Rows that items of the tasks contain, of each pool that arms choose from.
    """

    runs: tuple[ArmRuns, ...]
    pools: Mapping[str, StudyRows]
    encoder: str
    tasks: TaskItems
    notes: tuple[str, ...]
    overlaps: tuple[PoolOverlap, ...] = ()

    def jobs(self) -> list[Job]:
        """Every job once."""
        return list({job.fingerprint: job for one in self.runs for job in one.jobs}.values())

    def answers(self, folder: StudyFolder, task: str) -> dict[str, list[Path]]:
        """Folders of the answers to a task, of each seed, by name of the arm; only of arms that were run."""
        return {
            one.arm.name: [job.answers(folder, task) for job in one.jobs] for one in self.runs if one.jobs
        }


def without_failed(study: Study, prepared: Prepared, failed: Mapping[str, str]) -> Prepared:
    """The study without the arms that a harness gave no scores for; their notes say why.

    Args:
        study: The study.
        prepared: Its arms with their jobs.
        failed: Why there are no scores, by the job's fingerprint.

    Raises:
        RunError: If an arm that others are compared with is one of them.
    """
    runs = []
    baselines = {study.baseline_of(arm.name) for arm in study.arms}
    for one in prepared.runs:
        reasons = [failed[job.fingerprint] for job in one.jobs if job.fingerprint in failed]
        if reasons and one.arm.name in baselines:
            raise RunError(f"the baseline '{one.arm.name}' was not measured: {reasons[0]}")
        runs.append(replace(one, jobs=(), note=reasons[0]) if reasons else one)
    return replace(prepared, runs=tuple(runs))


def check_names(study: Study) -> None:
    """Find a misspelt model or recipe, or a missing package, before the hours of reading and embedding.

    Raises:
        ConfigError: If there is no such recipe.
        ModelError: If there is no such model.
        MissingExtraError: If what the model needs is not installed.
    """
    require("torch", extra=extra_of(study.model), why=f"a study of the model '{study.model}'")
    for recipe in {study.recipe_name, *(arm.recipe for arm in study.arms if arm.recipe)}:
        load_recipe(recipe)
    if not is_prefix_name(study.model):
        commit_of(study.model)


def prepare_study(folder: StudyFolder, study: Study, tasks: TaskItems, compute: Compute) -> Prepared:
    """Train the offline models if the study asks for it, choose every arm's rows, and name the jobs."""
    model, encoder, notes = study.model, study.encoder, []
    if study.offline is None or model != "offline":
        model = base_model(folder, study, compute)
    if study.offline is not None:
        seen = StudyRows(folder, study.data, study.encoder, compute).image_hashes() | tasks.image_files()
        photos, skipped = training_photos(study.offline, seen)
        where, trained = train_offline_models(folder, study.offline, photos, skipped)
        model = str(where / "model") if model == "offline" else model
        encoder = f"offline:{where / 'heads.safetensors'}" if encoder == "offline" else encoder
        notes.append(
            f"Encoder heads and captioner were trained for this study on {trained['photos']:,} photos; "
            f"{trained['left_out']:,} photos of the pool or the evaluation were not used."
        )
    pools = {"": StudyRows(folder, study.data, encoder, compute)}
    pools |= {arm.name: StudyRows(folder, arm.data, encoder, compute) for arm in study.arms if arm.data}
    compare = study.evaluation.overlap
    benchmarks = () if compare == "keep" else tasks.benchmarks(files_only=compare == "same-files")
    if study.evaluation.harness is not None:
        notes.append(
            "The items of lmms-eval's tasks are not known before it runs, so rows that have an image or a "
            "text of one were not looked for."
        )
    elif not benchmarks:
        notes.append("Rows that have an image or a text of an item of the evaluation were not looked for.")
    choosing = dict.fromkeys(pools.get(arm.name, pools[""]) for arm in study.arms if arm.preset is not None)
    overlaps = tuple(pool.overlap(benchmarks) for pool in choosing if benchmarks)
    runs = []
    untuned = Job(None, model, weights_identity(model), tasks.specs)
    for arm in study.arms:
        pool = pools.get(arm.name, pools[""])
        chosen = pool.choose(arm, study.seeds_of(arm), benchmarks)
        trainings = _trainings(study, chosen, pool) if arm.preset else [None]
        jobs = tuple(replace(untuned, training=training) for training in trainings)
        runs.append(replace(chosen, jobs=jobs))
    return Prepared(tuple(runs), pools, encoder, tasks, tuple(notes), overlaps)


def base_model(folder: StudyFolder, study: Study, compute: Compute) -> str:
    """The model that every run starts from; a model of parts is put together in a folder."""
    parts = study.parts or ModelParts()
    if study.model not in NEW_MODELS and not parts.from_scratch:
        return study.model
    depends = {"model": study.model, **parts.model_dump(exclude={"from_scratch"})}
    if parts.projection is not None:
        depends["projection"] = file_sha256(Path(parts.projection))
    where = folder.path / f"base-{fingerprint(depends)}"
    if finished(where) is None:
        import torch

        with folder.run.step("base", model=study.model):
            model = load_network(study.model, parts=parts.parts(), device=compute.device)
            save_network(model, where, with_language_model=False, dtype=torch.float32)
            finish(where, depends)
    return str(where)


def _trainings(study: Study, chosen: ArmRuns, pool: StudyRows) -> list[Training | None]:
    """The training of each seed of an arm."""
    if not chosen.subsets:
        return []
    name = chosen.arm.recipe or study.recipe_name
    recipe = load_recipe(name, steps=study.steps, batch=study.batch)
    unused = {"name", "about", "seed", "save_every", "log_every"} | recipe.added()
    settings = recipe.model_dump_json(exclude=unused)
    return [
        Training(
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
