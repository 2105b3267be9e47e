"""Every verb that writes, as a command, and what these commands read."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from tests.evaluation import made
from tests.llm.server import Answer, Ask, completion
from tests.torture.pool import make_pool

ROWS = 60
TINY = "tiny-model"
"""Folder of a small Hugging Face model, made only where a verb names it."""


@dataclass(frozen=True)
class Verb:
    """A command to be disturbed.

    Attributes:
        name: What it is called in messages.
        words: The command line; `{world}` stands for the folder of inputs.
        result: The file or table that it is for, below its folder, as a pattern.
        before: Command lines that ran before it, undisturbed.
        asks: Whether it asks the endpoint.
        spoilt: A file, as a pattern, of which a byte is changed after the commands before it.
        grows: Whether it writes files that a full disk may cut.
    """

    name: str
    words: str
    result: str
    before: tuple[str, ...] = ()
    asks: bool = False
    spoilt: str = ""
    grows: bool = True


_LENGTH = "pick {world}/pool/data.json --size 9 --preset length-only --run run"
_PICKED = f"{_LENGTH} --out picked"
_EMBEDDED = "pick {world}/pool/data.json --size 9 --encoder offline --run run --out picked"
_QUESTIONS = "--questions {world}/questions.jsonl"
_GENERATED = f"{_QUESTIONS} --images {{world}}/pool/images --out a.jsonl --batch-size 4"
_VSR = "--tasks vsr --task-data {world}/bench --out out"
_LITTLE = "--max-new-tokens 4 --device cpu"
_SHOWN = "--image {world}/pool/images/0000.png --prompt Who?"
_COMPARED = "--size 5 --presets random,length-only --out c.csv --encoder offline"
_EVALUATED = tuple(f"evaluate constant:{word} {_VSR.removesuffix('out')}{word}" for word in ("Yes", "No"))
_FEW = "--steps 6 --batch-size 2"
_EXPORTED = "--model some/model --recipe hf-lora --out out --export"
_RELEASED = Path(__file__).resolve().parents[3] / "shared" / "reference" / "instructiongpt4"
"""The paper's released files, which are not part of finegold: without them `reproduce` is not tried."""
_TUNED = "--model offline --steps 12 --batch-size 4 --device cpu --out out --features features"

VERBS: tuple[Verb, ...] = (
    Verb("pick", f"{_LENGTH} --out out", "out/selection.json"),
    Verb("score by a model", "score run --scorer llm", "run/scores/llm-*", (_PICKED,), asks=True),
    Verb(
        "judge",
        f"judge {{world}}/a.jsonl {{world}}/b.jsonl {_QUESTIONS} --out out",
        "out/judge.json",
        asks=True,
    ),
    Verb("evaluate an endpoint", f"evaluate endpoint:m {_VSR}", "out/answers/vsr.jsonl", asks=True),
    Verb("generate by an endpoint", f"generate endpoint:m {_GENERATED}", "a.jsonl", asks=True),
    Verb("select", "select run --size 5 --preset random --out out", "out/selection.json", (_PICKED,)),
    Verb("compare", f"compare run {_COMPARED}", "c.csv", (_EMBEDDED,)),
    Verb(
        "replay",
        "replay picked/selection.json --data {world}/pool/data.json --out out",
        "out/data.json",
        (_PICKED,),
    ),
    Verb("report", "report run --selection picked/selection.json --out r.html", "r.html", (_PICKED,)),
    Verb("score by a column", "score run --column {world}/taste.csv", "run/scores/taste-*", (_PICKED,)),
    Verb("export", "export run --out rows.csv", "rows.csv", (_PICKED,)),
    Verb("pick with an encoder", _EMBEDDED, "picked/selection.json"),
    Verb("cluster", "cluster run --encoder offline --clusters 3", "run/clusters/*", (_EMBEDDED,)),
    Verb("tune", f"tune {{world}}/pool {_TUNED}", "out/*.safetensors"),
    Verb("generate", f"generate offline {_GENERATED} {_LITTLE}", "a.jsonl"),
    Verb("evaluate", f"evaluate offline {_VSR} {_LITTLE}", "out/answers/vsr.jsonl"),
    Verb("demo", f"demo offline {_SHOWN} {_LITTLE} --out page.html", "page.html"),
    Verb(
        "pick a mixture",
        "pick {world}/mix.toml --size 9 --preset length-only --out out",
        "out/selection.json",
    ),
    Verb(
        "score by a model that sees images",
        "score run --scorer llm-image",
        "run/scores/llm-*",
        (_PICKED,),
        asks=True,
    ),
    Verb(
        "check",
        "check run --repair",
        "run/manifest.json",
        (_PICKED,),
        spoilt="run/samples/*/part-*.parquet",
        grows=False,
    ),
    Verb("compare-results", "compare-results Yes No --draws 100 --out c.json", "c.json", _EVALUATED),
    Verb(
        "export to LLaMA-Factory",
        f"tune {{world}}/pool {_EXPORTED} llama-factory --template t",
        "out/data.json",
    ),
    Verb("export to ms-swift", f"tune {{world}}/pool {_EXPORTED} ms-swift", "out/data.jsonl"),
    Verb(
        "tune a Hugging Face model",
        f"tune {{world}}/pool --model {{world}}/{TINY} --recipe hf-full {_FEW} --device cpu --out out",
        "out/*.safetensors",
    ),
    Verb(
        "study", "study {world}/study.toml --out out --workers 1 --device cpu", "out/models/*/*.safetensors"
    ),
)
if _RELEASED.is_dir():
    _REPRODUCED = f"reproduce instructiongpt4 --from {_RELEASED} --ids-only --out out"
    VERBS = (*VERBS, Verb("reproduce", _REPRODUCED, "out/ids.txt"))


def named(name: str) -> Verb:
    """The verb of a name."""
    return next(verb for verb in VERBS if verb.name == name)


def make_world(folder: Path, *, model: bool = False) -> Path:
    """Write what all verbs read: a pool, a benchmark, questions, two files of answers, a mixture and a study.

    Args:
        folder: A new folder.
        model: Whether there is a small Hugging Face model too, which takes seconds.
    """
    pool = make_pool(folder / "pool", ROWS)
    made.vsr(folder / "bench", [index % 2 for index in range(24)])
    questions, a, b = [], [], []
    for number in range(16):
        question = {"question_id": number, "image": f"{number:04d}.png", "text": f"What is picture {number}?"}
        questions.append(question)
        a.append({"question_id": number, "text": f"It is a plain colour, number {number}."})
        b.append({"question_id": number, "text": f"A picture of number {number} that I do not know."})
    for name, lines in (("questions", questions), ("a", a), ("b", b)):
        made.write_lines(folder / f"{name}.jsonl", lines)
    tastes = [f"r{number:04d},{number % 7}" for number in range(ROWS)]
    (folder / "taste.csv").write_text("\n".join(["sample_id,taste", *tastes]))
    made.flickr30k(folder / "captions", 4)
    make_pool(folder / "other", ROWS // 2, seed=1)
    (folder / "mix.toml").write_text(_MIX)
    if model:
        from tests.models.huggingface.made import llava

        llava(folder / TINY)
    (folder / "study.toml").write_text(_STUDY.format(pool=pool, images=pool.parent / "images", folder=folder))
    return folder


_MIX = """
[[sources]]
name = "one"
path = "pool/data.json"
weight = 0.5

[[sources]]
name = "other"
path = "other/data.json"
weight = 0.5
"""

_STUDY = """
about = "Plain colours"
baseline = "random"
seeds = 1
steps = 2
batch = 4
replicates = 100

[[arms]]
name = "random"
preset = "random"
size = 6

[[arms]]
name = "long"
preset = "length-only"
size = 6

[data]
path = "{pool}"
images = "{images}"

[evaluation]
tasks = ["flickr30k"]
data = "{folder}/captions"
batch = 4
"""


def honest(ask: Ask) -> Answer:
    """What the endpoint of the campaigns answers, a little late."""
    numbers = re.findall(r"(?:of|number|cat|picture) (\d+)", ask.text)
    score = 40 + int(numbers[-1] if numbers else 0) % 40
    if ask.compares:
        return completion(json.dumps({"first": 6, "second": 5, "reason": "so"}), delay=0.03)
    return completion(json.dumps({"score": score, "reason": "Yes."}), delay=0.03)
