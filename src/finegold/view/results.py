"""Studies and judged answers beside the rows, or alone: their folders as what the page shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from finegold.errors import DataError
from finegold.judging import Judgement
from finegold.report.judge import counts_text, judgement_tables
from finegold.report.judged import JUDGE, JudgedQuestion, read_judged, verdicts_of
from finegold.report.study.findings import Example, Findings
from finegold.report.study.page import FINDINGS, example_answers, read_findings
from finegold.report.study.task_tables import cells, describe_tasks, heads, title
from finegold.report.study.words import about, arm_notes, facts, outcome_lines, summary
from finegold.report.text import printable
from finegold.run import RunFolder, working_copy
from finegold.run.folder import MANIFEST
from finegold.samples import ImageRef
from finegold.samples.exclusions import ImageError
from finegold.view.pictures import sent_image

PICTURES_STAY = {"cache-control": "private, max-age=3600"}


@dataclass(frozen=True, slots=True)
class JudgedPair:
    """Two sets of answers and what the judge said of them.

    Attributes:
        result: The verdicts.
        questions: The questions with both answers, as far as the folder keeps them.
        study: Number of the study that it is part of; None for a folder of `finegold judge`.
    """

    result: Judgement
    questions: list[JudgedQuestion]
    study: int | None = None


class Results:
    """What studies and judges found, read once.

    Attributes:
        studies: The studies.
        judged: The judged pairs: those of the studies, then the others.
    """

    def __init__(self, studies: Sequence[Path] = (), judged: Sequence[Path] = ()) -> None:
        """Read the folders of some studies, with the judged pairs in them, and of some judgements.

        Raises:
            DataError: If a file cannot be read.
            RunError: If a file is damaged.
        """
        self.studies = [read_findings(folder) for folder in studies]
        self.judged: list[JudgedPair] = []
        for number, (folder, found) in enumerate(zip(studies, self.studies, strict=True)):
            kept = [read_judged(path.parent) for path in sorted(folder.glob(f"judge/*/{JUDGE}"))]
            named = {(result.a, result.b) for result, _ in kept}
            # A study of an earlier version keeps the verdicts alone.
            bare = [Judgement.from_json(one) for one in found.judgements]
            kept += [(one, verdicts_of(one)) for one in bare if (one.a, one.b) not in named]
            self.judged += [JudgedPair(*one, number) for one in kept]
        self.judged += [JudgedPair(*read_judged(folder)) for folder in judged]

    def about(self) -> dict[str, Any]:
        """Names of the studies, and of each judged pair its names and counts."""
        return {
            "studies": [one.name for one in self.studies],
            "judged": [self._pair(number, one) for number, one in enumerate(self.judged)],
        }

    def study(self, request: Request) -> dict[str, Any]:
        """The tables of a study and its examples."""
        number = request.path_params["number"]
        found = _at(self.studies, number, "study")
        main = found.questions[0] if found.questions else None
        return {
            "name": found.name,
            "about": found.about,
            "baseline": found.baseline,
            "arms": [arm.name for arm in found.arms],
            "summary": summary(found),
            "facts": facts(found),
            "notes": arm_notes(found),
            "tables": [
                {
                    "title": title(table),
                    "heads": heads(table),
                    "rows": [cells(table, line) for line in table.lines],
                    "about": describe_tasks(table),
                }
                for table in found.tables
            ],
            "questions": [
                {
                    "title": outcome.title,
                    "metric": outcome.metric,
                    "about": about(outcome),
                    "lines": [
                        {"arm": line.arm.name, "rows": line.rows, "seeds": line.seeds, "cost": line.cost}
                        | {"kind": line.kind, "mean": line.mean, "difference": line.difference}
                        | {"verdict": line.verdict}
                        for line in outcome_lines(found, outcome)
                    ],
                }
                for outcome in found.questions
            ],
            "metric": main.metric if main else "score",
            "examples": [_example(found, one) for one in found.examples],
            "judged": [self._pair(at, one) for at, one in enumerate(self.judged) if one.study == number],
        }

    def pair(self, request: Request) -> dict[str, Any]:
        """A judged pair: its figures and every question."""
        number = request.path_params["number"]
        found = _at(self.judged, number, "judged pair")
        return {
            **self._pair(number, found),
            "model": found.result.model,
            "dates": sorted(set(found.result.dates)),
            "stopped": found.result.stopped,
            "notes": found.result.notes,
            **judgement_tables(found.result),
            "complete": any(one.text for one in found.questions),
            "questions": [
                {"id": one.id, "category": one.category, "text": one.text, "answers": one.answers}
                | {"outcome": one.outcome, "verdicts": one.verdicts, "replies": one.replies}
                | {"image": bool(one.image or one.thumbnail)}
                for one in found.questions
            ],
        }

    def study_image(self, request: Request) -> Response:
        """The image of an example."""
        where = request.path_params
        example = _at(_at(self.studies, where["number"], "study").examples, where["at"], "example")
        return _sent(example.image)

    def judged_image(self, request: Request) -> Response:
        """The image of a judged question: its file, or what the folder keeps of it."""
        where = request.path_params
        one = _at(_at(self.judged, where["number"], "judged pair").questions, where["at"], "question")
        try:
            return _sent(one.image)
        except ImageError:
            if one.thumbnail is None:
                raise
            return Response(one.thumbnail, media_type="image/webp", headers=PICTURES_STAY)

    def _pair(self, number: int, found: JudgedPair) -> dict[str, Any]:
        return {
            "number": number,
            "a": found.result.a,
            "b": found.result.b,
            "study": found.study,
            "study_name": None if found.study is None else self.studies[found.study].name,
            "counts": counts_text(found.result.overall()),
        }


def sort_folders(folders: Sequence[str | Path]) -> tuple[Path | None, list[Path], list[Path]]:
    """The run among some folders, those of studies, and those of judged answers, each in their order.

    A folder is a study's with `findings.json` in it or in the folders below it, and a judge's with
    `judge.json`; every other one is a run.

    Raises:
        DataError: If more than one folder is a run, or one holds nothing of all that.
    """
    run: Path | None = None
    studies: list[Path] = []
    judged: list[Path] = []
    for folder in map(working_copy, folders):
        if (folder / FINDINGS).is_file():
            studies.append(folder)
        elif (folder / JUDGE).is_file():
            judged.append(folder)
        elif below := sorted(path.parent for path in folder.glob(f"*/{FINDINGS}")):
            studies += below
        elif not (folder / MANIFEST).is_file():
            raise DataError(
                f"{folder} holds no run ({MANIFEST}), no study ({FINDINGS}) and no judged answers ({JUDGE}): "
                "give a folder that finegold pick, study or judge wrote"
            )
        elif "study" in RunFolder.open(folder).manifest["data"]:
            raise DataError(
                f"the studies in {folder} have no results yet: `finegold study` writes {FINDINGS} at its end"
            )
        elif run is not None:
            raise DataError(
                f"{run} and {folder} are looked at as runs, expected one run folder, and beside it folders "
                f"with {FINDINGS} of a study or {JUDGE} of a judge: start a view for each run"
            )
        else:
            run = folder
    return run, studies, judged


def _example(findings: Findings, example: Example) -> dict[str, Any]:
    said = example_answers(findings, example)
    return {"prompt": example.prompt, "reference": example.reference, "judge": example.judge, "said": said}


def _sent(path: str) -> Response:
    # A path with a null character is no path: the file system would raise ValueError.
    if not path or "\0" in path or not Path(path).is_file():
        raise ImageError("the image is not where it was: nothing of it is kept here", "missing-image")
    data, media = sent_image(ImageRef(printable(Path(path).name), path=Path(path)))
    return Response(data, media_type=media, headers=PICTURES_STAY)


def _at(found: Sequence[Any], number: int, what: str) -> Any:
    if not 0 <= number < len(found):
        raise DataError(f"there is no {what} {number + 1}: choose one of the list")
    return found[number]
