"""A program with the command line of lmms-eval 0.7.3 and its files, cut down from those of a real run.

Each model answers by a hash of the weights in its folder. The task `silent` ends without scores, as
lmms-eval does after an error, with status 0. With LMMS_STAND_IN_FAILS it fails on every tuned model.
"""

import argparse
import hashlib
import json
import os
import sys
from pathlib import Path

FILES = Path(os.environ["LMMS_STAND_IN_FILES"])


def main() -> None:
    parser = argparse.ArgumentParser()
    options = "model model_args tasks device batch_size output_path include_path limit"
    for name in options.split():
        parser.add_argument(f"--{name}")
    parser.add_argument("--log_samples", action="store_true")
    given = parser.parse_args()
    model = given.model_args.split(",")[0].removeprefix("pretrained=")
    weights = sorted(Path(model).glob("*.safetensors")) if Path(model).is_dir() else []
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in weights) or model.encode()).hexdigest()
    print(f"{given.model} {model} on {given.device}", flush=True)
    if weights and os.environ.get("LMMS_STAND_IN_FAILS"):
        sys.exit("torch.OutOfMemoryError: CUDA out of memory")
    if given.tasks == "silent":
        told = "Error during evaluation: Dataset 'x' doesn't exist on the Hub. Please set `--verbosity=DEBUG`"
        print(f"\x1b[32m2026-11-26\x1b[0m | \x1b[31m\x1b[1m{told} to get more information.")
        return
    out = Path(given.output_path) / Path(model).name
    out.mkdir(parents=True)
    samples = [json.loads(line) for line in (FILES / "samples.jsonl").read_text().splitlines()]
    samples = samples[: int(given.limit or len(samples))]
    for sample, letter in zip(samples, digest, strict=False):
        sample["said"] = float(int(letter, 16) % 2)
        sample["shapes_accuracy"]["score"] = float(int(letter, 16) % 3 == 0)
    results = json.loads((FILES / "results.json").read_text())
    scores = results["results"]["shapes"]
    scores["said,none"] = sum(one["said"] for one in samples) / len(samples)
    scores["shapes_accuracy,none"] = sum(one["shapes_accuracy"]["score"] for one in samples) / len(samples)
    scores["shapes_length,none"] = 2 + int(digest[-1], 16)
    for key in ("results", "higher_is_better"):
        results[key] = {given.tasks: results[key]["shapes"]}
    (out / "20261126_120000_results.json").write_text(json.dumps(results))
    lines = "".join(json.dumps(sample) + "\n" for sample in samples)
    (out / f"20261126_120000_samples_{given.tasks}.jsonl").write_text(lines)


if __name__ == "__main__":
    main()
