"""Measure a projected-prefix model on the photos that the offline model never saw.

    python -m scripts.evaluate_offline_vlm --images DIR --captions captions.tsv [--model offline]

Prints the loss of the held-out captions with the right and with a wrong photo, CIDEr-D of greedy one-
sentence captions of 500 held-out photos (five references, idf over these 500), and captions to look at, from
best to worst.
"""

import argparse
from pathlib import Path

import torch
from PIL import Image

from finegold.metrics import caption_tokens, cider_d
from finegold.models.prefix.answering import PrefixAnswerer
from finegold.models.prefix.network import PrefixNetwork
from finegold.models.prefix.template import encode_answer, encode_prompt
from finegold.offline.captioner import DETAIL_INSTRUCTIONS, ONE_SENTENCE, is_held_out
from finegold.tuning import Sampling, load_network
from finegold.tuning.offline.photos import as_sentence, read_photos

PHOTOS = 500


@torch.inference_mode()
def losses(
    model: PrefixNetwork, features: torch.Tensor, instruction: str, answers: list[list[str]], shift: int
) -> float:
    """Nats a token of the answers, each photo's features taken from the photo `shift` places further on."""
    total, tokens = 0.0, 0
    prompt = encode_prompt(model.tokenizer, model.template, instruction)
    for start in range(0, len(answers), 32):
        rows = range(start, min(start + 32, len(answers)))
        told = [
            encode_answer(model.tokenizer, model.template, text, 160).ids for i in rows for text in answers[i]
        ]
        shown = [(i + shift) % len(answers) for i in rows for _ in answers[i]]
        batch = model.collate([prompt] * len(told), told)
        total += float(model.loss_sum(batch, features[shown]))
        tokens += batch.answer_tokens
    return total / tokens


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--captions", type=Path, required=True)
    parser.add_argument("--model", default="offline")
    parser.add_argument("--instruction", default=ONE_SENTENCE)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    photos = read_photos(options.captions, options.images)
    chosen = photos.subset([i for i, name in enumerate(photos.names) if is_held_out(name)][:PHOTOS])
    names, references = chosen.names, [[as_sentence(c) for c in several] for several in chosen.captions]
    model = load_network(options.model, device="cpu")
    features = torch.cat(
        [model.features.encode([Image.open(options.images / n).convert("RGB")]) for n in names]
    )
    joined = [[" ".join(texts)] for texts in references]
    for what, instruction, answers in (
        ("single captions", ONE_SENTENCE, references),
        ("five joined", DETAIL_INSTRUCTIONS[0], joined),
    ):
        right, wrong = (losses(model, features, instruction, answers, shift) for shift in (0, 1))
        print(f"loss on {what}: right {right:.3f}, wrong {wrong:.3f}, gap {wrong - right:.3f} nats a token")
    answerer, told = PrefixAnswerer(model), []
    for start in range(0, len(names), 50):
        part = features[start : start + 50]
        told += answerer.answer_features(part, [options.instruction] * len(part), Sampling(longest=40))
    scores = cider_d(
        [caption_tokens(text) for text in told],
        [[caption_tokens(text) for text in several] for several in references],
    )
    print(
        f"CIDEr-D {sum(scores) / len(scores):.3f} on {len(scores)} photos; {len(set(told))} different "
        "captions"
    )
    ranked = sorted(range(len(names)), key=lambda i: -scores[i])
    for place in range(10):
        i = ranked[round(place * (len(ranked) - 1) / 9)]
        print(f"{scores[i]:.2f} | {names[i]} | {told[i]} | {references[i][0]}")


if __name__ == "__main__":
    main()
