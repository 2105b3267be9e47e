"""Let LLaMA-Factory or ms-swift read what `finegold tune --export` wrote, and train two steps on it.

    python scripts/check_exports.py [--train] EXPORT [EXPORT ...]

Runs with the Python of an environment that has the framework; finegold need not be there (docs/tune.md says
how to make one). An unknown or misspelt field, a value that arrives as another one, an unknown chat template,
and a row or image that the framework's own reader does not take are errors. Without a GPU `use_cpu` is added,
since both refuse bfloat16 there. ms-swift looks into the model to check the rest, so for a hub id that is not
on this machine it is only the fields and rows that are checked, which is said.

`--train` then lets the framework train for two steps by the export's own configuration, with the weights in
float32 where there is no GPU; the model must be a folder on this machine. Tiny random ones can be made with
`python -m tests.models.huggingface.made KIND FOLDER`.
"""

import argparse
import importlib
import importlib.util
import json
import math
import os
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

STEPS = 2
"""Steps of `--train`."""


def check_llama_factory() -> str:
    """Its argument classes with all their own checks, its dataset_info reader, its converter on each row."""
    hparams = _module("llamafactory.hparams")
    with _without_sound():
        converter = _module("llamafactory.data.converter")
    data_parser = _module("llamafactory.data.parser")
    templates = _module("llamafactory.data.template").TEMPLATES
    config = _config()
    model, data, training, tuning, _ = hparams.get_train_args({**config, **_cpu()})
    _equal(config, model, data, training, tuning)
    if data.template not in templates:
        raise ValueError(f"template: {data.template} is none of the {len(templates)} that it knows")
    attributes = data_parser.get_dataset_list(data.dataset, data.dataset_dir)[0]
    convert = converter.get_dataset_converter(attributes.formatting, attributes, data)
    rows = json.loads(Path(data.dataset_dir, attributes.dataset_name).read_text())
    for number, row in enumerate(rows):
        found = convert(row)
        if not found["_prompt"] or not found["_response"]:
            raise ValueError(f"row {number} is not taken: {row}")
        _images(number, found["_images"] or [], found["_prompt"] + found["_response"])
    return f"llamafactory {version('llamafactory')}: {len(config)} fields, {len(rows)} rows"


def check_ms_swift() -> str:
    """Its command line's parser, its reader of rows and, with the model at hand, its checks of the whole."""
    cli = _module("swift.cli.main")
    arguments = _module("swift.arguments").SftArguments
    parse = _module("swift.utils").parse_args
    config = _config()
    words = ["train.yaml"]
    cli.parse_yaml_args(words)
    words += [str(word) for pair in _cpu().items() for word in (f"--{pair[0]}", pair[1])]
    there = Path(config["model"]).exists()
    if not there:
        # The parser alone: names, types and choices.
        arguments.__post_init__ = lambda _: None
    parsed, left = parse(arguments, words)
    if left:
        raise ValueError(f"it does not know {left}")
    if parsed.tuner_type not in parsed.supported_tuners:
        raise ValueError(f"tuner_type: {parsed.tuner_type} is none of {sorted(parsed.supported_tuners)}")
    _equal(config, parsed)
    load = _module("swift.dataset").load_dataset
    data, _ = load(config["dataset"], split_dataset_ratio=0.0, num_proc=1, strict=True)
    written = Path(config["dataset"][0]).read_text().count("\n")
    if len(data) != written:
        raise ValueError(f"{len(data)} of {written} rows are taken")
    for number, row in enumerate(data):
        _images(number, [image["path"] for image in row["images"] or []], row["messages"])
    note = "" if there else f"; {config['model']} is not here, so what depends on the model was not checked"
    return f"ms-swift {version('ms-swift')}: {len(config)} fields, {written} rows{note}"


def train_llama_factory() -> list[float]:
    """Losses of two steps by its own trainer."""
    with _without_sound():
        run = _module("llamafactory.train.tuner").run_exp
    shorter = {
        "max_steps": STEPS,
        "save_steps": STEPS,
        "overwrite_output_dir": True,
        "output_dir": "two-steps",
    }
    run({**_config(), **shorter, **_cpu(), **({"bf16": False, "fp16": False} if _cpu() else {})})
    state = json.loads(Path("two-steps", "trainer_state.json").read_text())
    return [line["loss"] for line in state["log_history"] if "loss" in line]


def train_ms_swift() -> list[float]:
    """Losses of two steps by its own trainer."""
    words = ["train.yaml"]
    _module("swift.cli.main").parse_yaml_args(words)
    shorter = {"max_steps": STEPS, "save_steps": STEPS, "output_dir": "two-steps", **_cpu()}
    on_cpu = {"bf16": False, "fp16": False, "torch_dtype": "float32"} if _cpu() else {}
    words += [str(word) for name, value in {**shorter, **on_cpu}.items() for word in (f"--{name}", value)]
    done = _module("swift.pipelines").sft_main(words)
    return [line["loss"] for line in done["log_history"] if "loss" in line]


def _equal(config: dict[str, Any], *parsed: Any) -> None:
    """Each value arrives as it was written: a float that was read as text would not."""
    for name, value in config.items():
        holder = next((part for part in parsed if hasattr(part, name)), None)
        if holder is None:
            raise ValueError(f"{name} arrives nowhere")
        found = getattr(holder, name)
        if isinstance(value, bool | int | float) and found != value:
            raise ValueError(f"{name}: {value!r} arrives as {found!r}")


def _images(number: int, paths: list[str], messages: list[dict[str, Any]]) -> None:
    marks = sum(str(message["content"]).count("<image>") for message in messages)
    lacking = [path for path in paths if not Path(path).is_file()]
    if lacking or marks != len(paths):
        raise ValueError(f"row {number} has {marks} places for {len(paths)} images, not found: {lacking}")


def _config() -> dict[str, Any]:
    fields: dict[str, Any] = yaml.safe_load(Path("train.yaml").read_text())
    return fields


def _cpu() -> dict[str, Any]:
    return {} if _module("torch").cuda.is_available() else {"use_cpu": True}


@contextmanager
def _without_sound() -> Iterator[None]:
    """LLaMA-Factory's readers import torchaudio at once, for sound alone; on PyPI it is built for CUDA."""
    absent = importlib.util.find_spec("torchaudio") is None
    if absent:
        sys.modules["torchaudio"] = types.ModuleType("torchaudio")
        sys.modules["torchaudio"].__spec__ = ModuleSpec("torchaudio", None)
    yield
    if absent:
        del sys.modules["torchaudio"]


FRAMEWORKS: dict[str, tuple[Callable[[], str], Callable[[], list[float]]]] = {
    "llama-factory": (check_llama_factory, train_llama_factory),
    "ms-swift": (check_ms_swift, train_ms_swift),
}


def _two_steps(train: Callable[[], list[float]]) -> str:
    losses = train()
    if len(losses) != STEPS or not all(math.isfinite(loss) for loss in losses):
        raise ValueError(f"{STEPS} steps gave the losses {losses}")
    return f"; {STEPS} steps trained, losses {', '.join(f'{loss:.3f}' for loss in losses)}"


def _module(name: str) -> Any:
    return importlib.import_module(name)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("exports", nargs="+", type=Path, metavar="EXPORT")
    parser.add_argument("--train", action="store_true", help="train two steps too")
    failed = 0
    start = Path.cwd()
    options = parser.parse_args()
    for folder in options.exports:
        framework = "llama-factory" if (folder / "dataset_info.json").is_file() else "ms-swift"
        check, train = FRAMEWORKS[framework]
        os.chdir(folder)
        try:
            found = check()
            print(f"{folder}: fine, {found}{_two_steps(train) if options.train else ''}", flush=True)
        except (AssertionError, ValueError, OSError, KeyError, TypeError, RuntimeError) as error:
            failed += 1
            print(f"{folder}: {type(error).__name__}: {error}", file=sys.stderr)
        finally:
            os.chdir(start)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
