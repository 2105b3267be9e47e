"""Images per second of the `clip` scorer, from files on disk to scores in a run folder.

    python benchmarks/clip_throughput.py [--data FILE --images DIR] [--rows 512] [--repeats 3]

Three ways, in turn on the same rows, each as images per second; the ratios are medians over the repeats:

- end to end: `finegold.scorers.step.score`: decodes, preprocesses, embeds, splits, tokenises and writes;
- bare forward: both towers alone, on preprocessed pixels and tokens, in the same batches;
- one at a time: decode, preprocess and embed one image, then its sentences, as the paper's code does.

Two encoders: `offline`, and a ViT-B/32 CLIP with random weights, which is as fast as a trained one. Without
--data the rows are made here: JPEG photos of 640x480 with five sentences each.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from finegold.encoders import load_encoder
from finegold.encoders.base import TEXT_BATCH
from finegold.engines import Compute
from finegold.run import BLOCK_ROWS, RunFolder
from finegold.samples import Dataset, Sample, open_dataset
from finegold.samples.images import decode
from finegold.scorers.clip import PAPER_PIECES, Clip
from finegold.scorers.step import score

LONE_ROWS = 64
"""Rows of the one-at-a-time loop, which is slow and needs no more."""


def make_dataset(folder: Path, rows: int) -> tuple[Path, Path]:
    """Photos of smooth random colours, and five sentences of eight random words for each."""
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("aeioubcdlmnrst"), 5)) for _ in range(300)]
    records = []
    for index in range(rows):
        small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        small.resize((640, 480), Image.Resampling.BICUBIC).save(folder / f"{index}.jpg", quality=90)
        answer = " ".join(f"{' '.join(rng.choice(words, 8)).capitalize()}." for _ in range(5))
        turns = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": answer}]
        records.append({"id": str(index), "image": f"{index}.jpg", "conversations": turns})
    (folder / "data.json").write_text(json.dumps(records))
    return folder / "data.json", folder


def make_vit_b_32(folder: Path, texts: Sequence[str]) -> str:
    """Save a ViT-B/32 CLIP with random weights and a byte-level BPE learnt on the texts; its path."""
    import tokenizers
    import torch
    import transformers

    core = tokenizers.Tokenizer(tokenizers.models.BPE(end_of_word_suffix="</w>"))
    core.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [tokenizers.pre_tokenizers.Whitespace(), tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    core.train_from_iterator(
        [text.lower() for text in texts],
        tokenizers.trainers.BpeTrainer(
            vocab_size=4000,
            initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
            special_tokens=["<|startoftext|>", "<|endoftext|>"],
            end_of_word_suffix="</w>",
            show_progress=False,
        ),
    )
    model = json.loads(core.to_str())["model"]
    tokenizer = transformers.CLIPTokenizer(
        vocab=model["vocab"], merges=[tuple(pair) for pair in model["merges"]], model_max_length=77
    )
    torch.manual_seed(0)
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    transformers.CLIPModel(transformers.CLIPConfig(text_config=ends)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    transformers.CLIPImageProcessorPil().save_pretrained(folder)
    return str(folder)


def read_samples(dataset: Dataset, rows: int) -> list[Sample]:
    """The first rows; all must be usable."""
    samples: list[Sample] = []
    for row in dataset.rows():
        if len(samples) == rows:
            break
        assert row.sample is not None, f"{row.place}: {row.exclusion}"
        samples.append(row.sample)
    return samples


def pieces_of(sample: Sample) -> list[str]:
    """What the scorer's paper mode embeds of an answer."""
    return sample.answer.split(".")[:PAPER_PIECES]


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def bare_batches(encoder: Any, samples: list[Sample]) -> tuple[list[list[Any]], list[Any]]:
    """The batches of pixels and of tokens that the scorer would make, part by part."""
    pixels, tokens = [], []
    for start in range(0, len(samples), BLOCK_ROWS):
        part = samples[start : start + BLOCK_ROWS]
        inputs = [encoder.preprocess(decode(sample.images[0])) for sample in part]
        batch = Compute().batch_size
        pixels += [inputs[at : at + batch] for at in range(0, len(inputs), batch)]
        texts = sorted(
            {text for sample in part for text in pieces_of(sample)}, key=lambda text: (len(text), text)
        )
        tokens += [encoder.tokenize(texts[at : at + TEXT_BATCH]) for at in range(0, len(texts), TEXT_BATCH)]
    return pixels, tokens


def measure(name: str, dataset: Dataset, samples: list[Sample], repeats: int) -> dict[str, float]:
    """Images per second of the three ways, and their ratios."""
    encoder: Any = load_encoder(name)
    encoder.load()
    usable = np.ones(len(samples), np.bool_)
    pixels, tokens = bare_batches(encoder, samples)

    def end_to_end() -> None:
        with tempfile.TemporaryDirectory() as folder:
            run = RunFolder.create(Path(folder) / "run", {"path": "bench"})
            score(run, dataset, Clip(name), usable=usable, data="bench")

    def bare() -> None:
        for batch in pixels:
            encoder.encode_images(batch)
        for batch in tokens:
            encoder.text_projections(batch)

    def one_at_a_time() -> None:
        for sample in samples[:LONE_ROWS]:
            encoder.encode_images([encoder.preprocess(decode(sample.images[0]))])
            encoder.encode_texts(pieces_of(sample))

    bare()
    rates: dict[str, list[float]] = {"end to end": [], "bare forward": [], "one at a time": []}
    for _ in range(repeats):
        # A slow moment of the machine should fall on all three, so the bare pass runs before and after.
        before = seconds(bare)
        whole = seconds(end_to_end)
        after = seconds(bare)
        rates["end to end"].append(len(samples) / whole)
        rates["bare forward"].append(2 * len(samples) / (before + after))
        rates["one at a time"].append(min(LONE_ROWS, len(samples)) / seconds(one_at_a_time))
    result = {way: statistics.median(values) for way, values in rates.items()}
    for way in ("bare forward", "one at a time"):
        pairs = zip(rates["end to end"], rates[way], strict=True)
        result[f"ratio to {way}"] = statistics.median(own / other for own, other in pairs)
    return result


def main() -> None:
    """Command line."""
    import torch

    parser = argparse.ArgumentParser(description="Throughput of the clip scorer.")
    parser.add_argument("--data", type=Path, help="a dataset; made here if left out")
    parser.add_argument("--images", type=Path)
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--encoders", nargs="+", default=["offline", "vit-b-32"])
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        data, images = options.data, options.images
        if data is None:
            (Path(folder) / "data").mkdir()
            data, images = make_dataset(Path(folder) / "data", options.rows)
        dataset = open_dataset(data, images=images)
        samples = read_samples(dataset, options.rows)
        answers = [sample.answer for sample in samples]
        print(f"{len(samples)} rows, {torch.get_num_threads()} threads, {options.repeats} repeats, medians")
        print(f"{'encoder':<10}{'end to end':>12}{'bare':>10}{'one by one':>12}{'/ bare':>9}{'/ one':>8}")
        for kind in options.encoders:
            name = make_vit_b_32(Path(folder) / "vit", answers) if kind == "vit-b-32" else kind
            found = measure(name, dataset, samples, options.repeats)
            print(
                f"{kind:<10}{found['end to end']:>10.1f}/s{found['bare forward']:>8.1f}/s"
                f"{found['one at a time']:>10.1f}/s{found['ratio to bare forward']:>9.2f}"
                f"{found['ratio to one at a time']:>8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
