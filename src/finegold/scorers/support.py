"""Support: does the image bear out every sentence of the answer?

The cosine of an image and a sentence is hard to read: some sentences fit many images a little, and encoders
differ in scale. So each sentence's cosine is compared with its cosines with other images of the dataset:

    z(sentence) = (cos(image, sentence) - mean over others) / spread over others

A sentence that says nothing ("There are some things in this image.") fits all images alike and gets about 0;
one of another image gets 0 or less; a true and specific one 2 to 4. The row's value is that of the weakest
sentence of all its turns, so that one right sentence does not carry four wrong ones. finegold's own; `clip`
is a mean.
"""

from dataclasses import dataclass, replace

import numpy as np

from finegold.arrays import Floats
from finegold.encoders import Encoder
from finegold.samples import Pair, Sample
from finegold.samples.words import SHORT, count_words, split_words, whole_sentences
from finegold.scorers.base import Context, Score, ScoreBatch, no_answer
from finegold.scorers.image_text import ImageTextScorer
from finegold.scorers.references import References
from finegold.scorers.registry import SCORERS


@SCORERS.register("support")
@dataclass(frozen=True)
class Support(ImageTextScorer):
    """How far the weakest sentence of all turns stands out for the row's image, in spreads; 0 is chance.

    A sample with several images is compared by their mean; one without an image is skipped. Beside a longer
    answer, a turn of one or two words does not count: an encoder cannot judge "Yes" alone.

    Attributes:
        cap: Largest value; None for no limit. One wrong word among many right ones lowers a high value only.
        clear: A sentence counts only if some image, the row's or one of the others, stands out for it by so
            many spreads; None counts all. "Overall, the scene is lively." fits every image, and an encoder
            cannot judge it. A remark says how many do not count; where none would, all count.
        short: An answer of up to so many words is read as a statement with its question, and yes and no as
            the question's content and its contrary; 0 reads each answer alone.
        joined: Whether a short piece ("Mr.") stays with the sentence that it was joined to; False lets the
            encoder split them again.
    """

    name = "support"
    version = "3"
    label = "Support of the weakest sentence"
    value_unit = "spreads"
    fold_rule = "weakest"

    cap: float | None = 2.5
    clear: float | None = None
    short: int = 0
    joined: bool = False

    def prepare(self, context: Context) -> ScoreBatch:
        """Choose the images that sentences are compared with, and load the encoder.

        Raises:
            ConfigError: If fewer than 8 rows have an image.
        """
        references = References.of(context.corpus, self.name)

        def score(sample: Sample, pair: Pair, pieces: list[str], image: Floats, texts: Floats) -> Score:
            z, others = references.standings(texts, image, sample.id)
            remark, judged = None, z
            if self.clear is not None:
                counts = np.maximum(others, z) >= self.clear
                if not counts.all():
                    remark = f"{(~counts).sum()} of {len(pieces)} sentences cannot be judged by the encoder"
                    judged = np.where(counts, z, np.nan) if counts.any() else z
                    z = z[counts] if counts.any() else z
            if self._is_short(pair) and _polarity(pair.answer) < 0:
                z = -z
            value = float(z.min())
            found = Score.ok(round(value if self.cap is None else min(value, self.cap), 4), remark)
            sentences = () if self._is_short(pair) else _by_sentence(pair, pieces, judged)
            return replace(found, sentences=sentences)

        return self.score_pieces(context, score)

    def pieces(self, encoder: Encoder, pair: Pair) -> list[str]:
        """The answer's sentences, each in windows of the text tower; or a statement with its question."""
        if self._is_short(pair):
            yes_or_no = _polarity(pair.answer) != 0
            return encoder.windows(pair.question if yes_or_no else f"{pair.question} {pair.answer}")[:1]
        whole = whole_sentences(pair.answer)
        if self.joined:
            return [part for one in whole for part in (encoder.windows(one) if encoder.cuts(one) else [one])]
        return [part for one in whole for part in encoder.windows(one)]

    def reason_against(self, sample: Sample, pair: Pair) -> str | None:
        """An answer of one or two words says too little alone: beside a longer one it does not count."""
        longer = any(count_words(one.answer) >= SHORT for one in sample.pairs)
        if pair.answer and longer and count_words(pair.answer) < SHORT and not self._is_short(pair):
            return f"an answer of under {SHORT} words cannot be judged alone"
        return no_answer(pair)

    def _is_short(self, pair: Pair) -> bool:
        return bool(pair.question) and count_words(pair.answer) <= self.short


def _by_sentence(pair: Pair, pieces: list[str], z: Floats) -> tuple[float | None, ...]:
    """The lowest standing of each sentence's pieces; None where all are NaN."""
    whole = whole_sentences(pair.answer)
    # The pieces are the sentences or parts of them, of which only white space is lost.
    ends = np.cumsum([len("".join(one.split())) for one in whole])
    places = np.searchsorted(ends, np.cumsum([len("".join(one.split())) for one in pieces]))
    lowest = [np.nanmin(z[places == place], initial=np.inf) for place in range(len(whole))]
    return tuple(round(float(value), 4) if np.isfinite(value) else None for value in lowest)


def _polarity(answer: str) -> int:
    """1 for an answer that begins with yes, -1 for no, 0 for another one."""
    first = next(iter(split_words(answer)), "")
    return {"yes": 1, "no": -1}.get(first, 0)
