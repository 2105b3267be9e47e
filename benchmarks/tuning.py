"""Seconds and peak memory of a stage-2 step, with image features from the cache and computed each time.

    python benchmarks/tuning.py [--model offline] [--images DIR]

Same model, rows and batch of 12; only where the features come from differs. Without `--images` the pictures
are noise of 224x224. Each case runs in a process of its own, which also measures the peak memory; the cache
is filled in another one before. Processor seconds, of all threads, stand beside the wall's: they hold on a
busy machine too.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

ROWS, BATCH, WARM = 48, 12, 2
ANSWER = "A brown dog runs through the grass. A dog is playing outside. The dog has a ball in its mouth."


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="offline")
    parser.add_argument("--images", type=Path)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--case", choices=["fill", "cached", "uncached"])
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(options.model, options.data, options.case, options.steps, options.device)))
        return
    with tempfile.TemporaryDirectory() as folder:
        data = make_rows(Path(folder), options.images)
        results = {case: run(options, data, case) for case in ("fill", "cached", "uncached")}
    del results["fill"]
    for case, result in results.items():
        print(
            f"{case:<9} {result['seconds']:.3f} s a step, {result['processor']:.3f} s of the processor, "
            f"peak memory {result['megabytes']:,.0f} MB"
        )
    ratio = results["uncached"]["processor"] / results["cached"]["processor"]
    print(f"a step with cached features takes 1/{ratio:.1f} of the processor's time")


def run(options: argparse.Namespace, data: Path, case: str) -> dict[str, float]:
    given = ["--model", options.model, "--steps", str(options.steps), "--device", options.device]
    command = [sys.executable, __file__, *given, "--case", case, "--data", str(data)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return result


def make_rows(folder: Path, images: Path | None) -> Path:
    names = sorted(path for path in images.iterdir())[:ROWS] if images else []
    target = folder / "images"
    target.mkdir()
    draw = np.random.default_rng(0)
    annotations = []
    for row in range(ROWS):
        file = target / f"{row}.jpg"
        if names:
            file.write_bytes(names[row].read_bytes())
        else:
            Image.fromarray(draw.integers(0, 255, (224, 224, 3), dtype=np.uint8)).save(file)
        annotations.append({"image_id": str(row), "caption": ANSWER})
    (folder / "filter_cap.json").write_text(json.dumps({"annotations": annotations}))
    return folder / "filter_cap.json"


def measure(model: str, data: Path, case: str, steps: int, device: str) -> dict[str, float]:
    from finegold.tuning import tune

    wall, processor = [], []
    # The first imports everything; the other two start alike, so that they differ by their steps alone.
    for number, count in enumerate((WARM,) if case == "fill" else (WARM, WARM, WARM + steps)):
        began = time.process_time()
        result = tune(
            data,
            model=model,
            out=data.parent / f"{case}-{number}",
            steps=count,
            batch_size=BATCH,
            augment=case == "uncached",
            features=data.parent / "cache",
            device=device,
        )
        processor.append(time.process_time() - began)
        wall.append(result.seconds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if case == "fill":
        return {}
    return {
        "seconds": (wall[-1] - wall[-2]) / steps,
        "processor": (processor[-1] - processor[-2]) / steps,
        "megabytes": peak,
    }


if __name__ == "__main__":
    main()
