"""VQA accuracy (Antol et al. 2015, arXiv 1505.00468): an answer is right if three annotators gave it."""

from collections.abc import Sequence

from finegold.metrics.normalise import normalise


def vqa_accuracy(answer: str, annotations: Sequence[str]) -> float:
    """Soft accuracy of one answer, in [0, 1].

    min(1, matches / 3), averaged over leaving out each annotator in turn, after the official normalisation on
    both sides. The official script leaves both sides as they are when all annotators agree; this does not.

    Args:
        answer: What the model said.
        annotations: The annotators' answers, usually ten, at least one.
    """
    said = normalise(answer)
    matches = sum(normalise(annotation) == said for annotation in annotations)
    others = len(annotations) - matches
    return (matches * min(1.0, (matches - 1) / 3) + others * min(1.0, matches / 3)) / len(annotations)
