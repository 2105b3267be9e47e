"""What one card does with models of the real sizes and random weights, meant for eight minutes.

    python benchmarks/gpu.py [--out gpu.json] [--tiny] [--device cuda]

Random weights compute as fast as trained ones, so nothing is downloaded. The table has:

- the card's arithmetic bound: floating-point operations a second of one large matrix product;
- MiniGPT-4 7B, stage 2 (batch of 12): seconds a step, tokens a second, peak memory, share of the bound,
  with image features from the cache and computed each time; and its answers, 50 at a time: seconds of the
  prompts and of a new token. `finegold study --plan --gpu FILE` reads these figures;
- CLIP ViT-L/14 and SigLIP So400m/14: images a second of finegold's step, of the bare forward pass, and
  one image at a time;
- `hf-lora` on a model of Qwen2-VL-2B's shape: seconds a step;
- losses of the same model with and without the image: answers a second;
- the exact neighbour graph of 1,000,000 x 128 rows, if the extra `cuvs` is installed: seconds.

Parts that do not start within the time limit are named and left for another run (`--only`). `--tiny` runs the
same code on small shapes, on a CPU in a minute.
"""

import argparse
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.models.conftest import llama_tokenizer
from tests.models.huggingface.made import TEMPLATE, tokenizer

from finegold.clustering import knn_graph
from finegold.clustering.gpu import has_cuvs
from finegold.encoders import load_encoder
from finegold.encoders.step import embed
from finegold.models import load_model
from finegold.models.loading import images_only
from finegold.models.prefix.blip2 import Blip2Features
from finegold.models.prefix.network import PrefixNetwork
from finegold.models.prefix.template import encode_answer, encode_prompt, template_named
from finegold.run import RunFolder, write_json
from finegold.samples import open_dataset
from finegold.samples.images import decode
from finegold.tuning import load_recipe, tune
from finegold.tuning.steps import adamw

SECONDS = 420
"""No part starts after this many seconds. How long a part takes on a card was not measured yet."""
BATCH = 12
ANSWER = "A brown dog runs through the grass. A dog is playing outside. The dog has a ball in its mouth. " * 3

Row = dict[str, Any]


def shape(width: int, inner: int, layers: int, heads: int) -> dict[str, Any]:
    """The size of a transformer, in the names of its configuration."""
    sizes = {"hidden_size": width, "intermediate_size": inner}
    return sizes | {"num_hidden_layers": layers, "num_attention_heads": heads}


SMALL = shape(16, 24, 2, 2)
"""What `--tiny` makes of every model."""


def main(arguments: list[str] | None = None) -> list[Row]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--only", choices=list(PARTS), nargs="*")
    options = parser.parse_args(arguments)
    if options.device == "cpu" and not options.tiny:
        parser.error("there is no GPU here: give --tiny, which runs small shapes on a CPU")
    begin, rows = time.perf_counter(), []
    bound = matrix_bound(options.device, 256 if options.tiny else 8192)
    with tempfile.TemporaryDirectory() as folder:
        data = photos(Path(folder) / "rows", 8 if options.tiny else 256)
        for name in options.only or PARTS:
            if time.perf_counter() - begin > SECONDS:
                rows.append({"part": name, "case": "not started: out of time"})
                continue
            for row in PARTS[name](Path(folder) / name, data, options, bound):
                rows.append({"part": name, **row})
            gc.collect()
            if options.device.startswith("cuda"):
                torch.cuda.empty_cache()
    cuda = options.device.startswith("cuda")
    facts = {
        "card": torch.cuda.get_device_name() if cuda else "CPU",
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "command": " ".join(["python", "benchmarks/gpu.py", *(arguments or sys.argv[1:])]),
        "bound_tflops": bound / 1e12,
        "seconds": time.perf_counter() - begin,
        "tiny": options.tiny,
    }
    write_json(options.out, {**facts, "rows": rows})
    print(f"{facts['card']}: {facts['bound_tflops']:,.1f} TFLOP/s in a matrix product")
    for row in rows:
        shown = (
            f"{key} {value:,.4g}" if isinstance(value, float | int) else value for key, value in row.items()
        )
        print("  ".join(shown))
    print(f"{facts['seconds']:,.0f} s in all; {options.out}")
    return rows


def half(device: str) -> torch.dtype:
    return torch.float16 if device.startswith("cuda") else torch.float32


def wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def seconds(work: Callable[[], object], device: str, repeats: int = 1) -> float:
    """Mean wall time of a call, after one that is not counted."""
    work()
    wait(device)
    begin = time.perf_counter()
    for _ in range(repeats):
        work()
    wait(device)
    return (time.perf_counter() - begin) / repeats


def matrix_bound(device: str, side: int) -> float:
    """Floating-point operations a second of a product of two square matrices, in half precision on a card."""
    one = torch.randn(side, side, device=device, dtype=half(device))
    return 2 * side**3 / seconds(lambda: one @ one, device, repeats=10)


def photos(folder: Path, count: int) -> Path:
    """LLaVA rows over JPEG photos of 640x480."""
    folder.mkdir()
    draw, records = np.random.default_rng(0), []
    for number in range(count):
        small = Image.fromarray(draw.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        small.resize((640, 480), Image.Resampling.BICUBIC).save(folder / f"{number}.jpg", quality=90)
        turns = [{"from": "human", "value": "<image>\nWhat is this?"}, {"from": "gpt", "value": ANSWER}]
        records.append({"id": str(number), "image": f"{number}.jpg", "conversations": turns})
    (folder / "data.json").write_text(json.dumps(records))
    return folder / "data.json"


def stage2(folder: Path, data: Path, options: argparse.Namespace, bound: float) -> Iterator[Row]:
    """The training step of MiniGPT-4's stage 2."""
    device, tiny = options.device, options.tiny
    width = 64 if tiny else 4096
    sizes = shape(width, 128, 2, 4) if tiny else shape(width, 11008, 32, 32)
    with torch.device(device):
        language_model = transformers.AutoModelForCausalLM.from_config(
            transformers.LlamaConfig(vocab_size=32000, **sizes), dtype=half(device)
        )
    features = Blip2Features(blip2(folder, tiny), device=device)
    with torch.device(device):
        projection = torch.nn.Linear(features.width, width)
    template = template_named("minigpt4-vicuna0")
    network = PrefixNetwork(features, projection, language_model, llama_tokenizer(), template, "random")
    recipe = load_recipe("minigpt4-stage2")
    learning = network.train_only(everything=False)
    optimizer, scaler = adamw(learning, recipe), torch.amp.GradScaler(device, enabled=device != "cpu")
    prompt = encode_prompt(network.tokenizer, template, recipe.instructions[0])
    answer = encode_answer(network.tokenizer, template, ANSWER)[: recipe.longest_answer]
    batch = network.collate([prompt] * BATCH, [answer] * BATCH)
    images = [decode(row.sample.images[0]) for row in open_dataset(data).rows() if row.sample][:BATCH]
    images = (images * BATCH)[:BATCH]
    kept = features.encode(images)

    def step(cached: bool) -> None:
        shown = kept if cached else features.encode(images)
        with torch.autocast(device, half(device), enabled=device != "cpu"):
            loss = network.token_losses(batch, shown.to(network.device)).mean()
        torch.autograd.backward(scaler.scale(loss))
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)

    tokens = batch.input_ids.numel()
    weights = sum(one.numel() for one in language_model.parameters()) - 32000 * width
    for cached in (True, False):
        if device != "cpu":
            torch.cuda.reset_peak_memory_stats()
        took = seconds(partial(step, cached), device, 2 if tiny else 8)
        row: Row = {"case": f"features {'from the cache' if cached else 'computed'}", "s_per_step": took}
        row |= {"tokens_per_s": tokens / took, "rows": BATCH}
        if device != "cpu":
            row["peak_gb"] = torch.cuda.max_memory_allocated() / 1e9
        # Forward, and backward to the embeddings alone: two products a weight and token each way.
        yield row | {"share_of_bound": 4 * weights * tokens / took / bound}
    yield answering(network, kept, options)


def answering(network: PrefixNetwork, kept: torch.Tensor, options: argparse.Namespace) -> Row:
    """Seconds of the prompts of a batch of questions, and of the next token of all their answers."""
    count, new = (4, 3) if options.tiny else (50, 65)
    question = encode_prompt(network.tokenizer, network.template, "What sport is this?", chat=True)
    batch = network.collate([question] * count, [[]] * count, left=True)
    shown = kept[:1].expand(count, -1, -1).to(network.device)

    def answer(tokens: int) -> None:
        with torch.inference_mode():
            network.language_model.generate(
                inputs_embeds=network.embed(batch, shown),
                attention_mask=batch.attention_mask,
                pad_token_id=network.tokenizer.pad_token_id,
                min_new_tokens=tokens,
                max_new_tokens=tokens,
                do_sample=False,
            )

    first, whole = (seconds(partial(answer, tokens), options.device) for tokens in (1, new))
    each = max(0.0, whole - first) / (new - 1)
    return {"case": f"answers, {count} at a time", "s_per_prompts": first, "s_per_new_token": each}


def blip2(folder: Path, tiny: bool) -> str:
    """A BLIP-2 folder of EVA-CLIP g/14 and the Q-Former with random weights, without its language model."""
    from safetensors.torch import save_file

    config = transformers.Blip2Config()
    if tiny:
        config = transformers.Blip2Config(
            vision_config=SMALL | {"image_size": 28, "patch_size": 14},
            qformer_config=SMALL | {"encoder_hidden_size": 16, "vocab_size": 20},
            num_query_tokens=32,
        )
    folder.mkdir(parents=True)
    config.save_pretrained(folder)
    vision = transformers.Blip2VisionModel(config.vision_config).half()
    qformer = transformers.Blip2QFormerModel(config.qformer_config)
    tensors = {f"vision_model.{name}": tensor for name, tensor in vision.state_dict().items()}
    tensors |= {f"qformer.{name}": tensor for name, tensor in qformer.state_dict().items()}
    tensors["query_tokens"] = torch.zeros(1, config.num_query_tokens, config.qformer_config.hidden_size)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")
    return str(folder)


def towers(folder: Path, data: Path, options: argparse.Namespace, bound: float) -> Iterator[Row]:
    """Images a second of two image-text encoders."""
    del bound
    for name, make in (("CLIP ViT-L/14", clip), ("SigLIP So400m/14", siglip)):
        path = make(folder / make.__name__, options.tiny)
        yield {"case": name, **images_a_second(path, data, folder, options.device)}


def images_a_second(path: str, data: Path, folder: Path, device: str) -> dict[str, float]:
    """Speed of finegold's step with decoding, of the bare forward pass, and of one image at a time."""
    encoder: Any = load_encoder(path, device=device)
    encoder.load()
    dataset = open_dataset(data)
    samples = [row.sample for row in dataset.rows() if row.sample]
    places = (folder / f"{len(list(folder.iterdir()))}-{number}.run" for number in range(2))

    def step() -> None:
        run = RunFolder.create(next(places), {"path": "photos"})
        embed(run, dataset, encoder, usable=np.ones(len(samples), bool), data="photos")

    pixels = [encoder.preprocess(decode(sample.images[0])) for sample in samples[:32]]
    few = samples[:8]

    def alone() -> None:
        for sample in few:
            encoder.encode_images([encoder.preprocess(decode(sample.images[0]))])

    return {
        "images_per_s": len(samples) / seconds(step, device),
        "bare_forward": len(pixels) / seconds(lambda: encoder.encode_images(pixels), device, 3),
        "one_at_a_time": len(few) / seconds(alone, device),
    }


def clip(folder: Path, tiny: bool) -> str:
    words = tokenizer()
    ends = {"vocab_size": 300 if tiny else 49408, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    large = shape(1024, 4096, 24, 16)
    text = SMALL if tiny else {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}
    config = transformers.CLIPConfig(
        vision_config=(SMALL if tiny else large) | {"image_size": 224, "patch_size": 14},
        text_config=text | ends,
        projection_dim=16 if tiny else 768,
    )
    return save(transformers.CLIPModel(config), folder, words, transformers.CLIPImageProcessorPil())


def siglip(folder: Path, tiny: bool) -> str:
    both = SMALL if tiny else shape(1152, 4304, 27, 16)
    config = transformers.SiglipConfig(
        vision_config=both | {"image_size": 224, "patch_size": 14},
        text_config=both | {"vocab_size": 300 if tiny else 32000},
    )
    images = transformers.SiglipImageProcessorPil(size={"height": 224, "width": 224})
    return save(transformers.SiglipModel(config), folder, tokenizer(), images)


def save(model: Any, folder: Path, *parts: Any) -> str:
    for part in (model, *parts):
        part.save_pretrained(folder)
    return str(folder)


def vlm_folder(folder: Path, tiny: bool) -> str:
    """A model of Qwen2-VL-2B's shape with random weights and a tokenizer of bytes."""
    if (folder / "config.json").exists():
        return str(folder)
    words = tokenizer("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
    ids = words.convert_tokens_to_ids
    text: dict[str, Any] = {"vocab_size": 151936, "hidden_size": 1536, "intermediate_size": 8960}
    text |= {"num_hidden_layers": 28, "num_attention_heads": 12, "num_key_value_heads": 2}
    vision: dict[str, Any] = {
        "depth": 32,
        "embed_dim": 1280,
        "num_heads": 16,
        "hidden_size": 1536,
        "mlp_ratio": 4,
    }
    sections = [16, 24, 24]
    if tiny:
        text |= {"vocab_size": len(words), "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
        text |= {"num_attention_heads": 2}
        vision, sections = (
            {"depth": 2, "embed_dim": 16, "num_heads": 2, "hidden_size": 16, "mlp_ratio": 2},
            [1, 1, 2],
        )
    rope = {"rope_type": "default", "mrope_section": sections, "rope_theta": 1e6}
    config = transformers.Qwen2VLConfig(
        text_config={
            **text,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "rope_parameters": rope,
        },
        vision_config=vision,
        image_token_id=ids("<|image_pad|>"),
        video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"),
        vision_end_token_id=ids("<|vision_end|>"),
    )
    side = 56 if tiny else 448
    images = transformers.Qwen2VLImageProcessorPil(
        size={"shortest_edge": 28 * 28, "longest_edge": side * side}
    )
    template = TEMPLATE.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    processor = images_only(transformers.Qwen2VLProcessor)(images, words, None, chat_template=template)
    model = transformers.Qwen2VLForConditionalGeneration(config).to(torch.bfloat16)
    return save(model, folder, processor)


def lora(folder: Path, data: Path, options: argparse.Namespace, bound: float) -> Iterator[Row]:
    """The training step of `hf-lora`."""
    del bound
    name = vlm_folder(folder.with_name("vlm"), options.tiny)
    steps = 2 if options.tiny else 12
    found = tune(
        data,
        model=name,
        out=folder / "out",
        steps=steps,
        batch_size=2 if options.tiny else 8,
        device=options.device,
    )
    yield {"case": "hf-lora, Qwen2-VL-2B's shape", "s_per_step": found.seconds / steps, "rows": found.rows}


def losses(folder: Path, data: Path, options: argparse.Namespace, bound: float) -> Iterator[Row]:
    """Losses of given answers."""
    del bound
    name = vlm_folder(folder.with_name("vlm"), options.tiny)
    samples = [row.sample for row in open_dataset(data).rows() if row.sample][: 8 if options.tiny else 64]
    images = [decode(sample.images[0]) for sample in samples]
    prompts, answers = ["What is this?"] * len(samples), [sample.answer for sample in samples]
    with load_model(name, device=options.device) as model:
        for hidden in (False, True):
            call = partial(model.losses, images, prompts, answers, mask_images=hidden)
            took = seconds(call, options.device)
            case = "without the image" if hidden else "with the image"
            yield {"case": case, "answers_per_s": len(samples) / took}


def graph(folder: Path, data: Path, options: argparse.Namespace, bound: float) -> Iterator[Row]:
    """The neighbour graph from cuVS."""
    del folder, data, bound
    if not has_cuvs():
        yield {"case": "not run: there is no GPU with the extra cuvs"}
        return
    rows = 5_000 if options.tiny else 1_000_000
    points = np.random.default_rng(0).standard_normal((rows, 128), dtype=np.float32)
    took = seconds(partial(knn_graph, points, 10, method="cuvs"), options.device)
    yield {"case": f"exact graph of {rows:,} x 128", "s": took}


PARTS: dict[str, Callable[[Path, Path, argparse.Namespace, float], Iterator[Row]]] = {
    "stage 2": stage2,
    "encoders": towers,
    "lora": lora,
    "losses": losses,
    "graph": graph,
}

if __name__ == "__main__":
    main()
