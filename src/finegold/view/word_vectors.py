"""Places of texts by the words that they share, where the run folder has no embeddings of texts."""

from collections.abc import Sequence

import numpy as np

from finegold.arrays import Vectors
from finegold.samples.words import split_words

MOST_TEXTS = 200_000
"""Texts that are compared by their words."""
WORDS = 20_000
"""The most frequent words count."""
WIDTH = 50


def word_vectors(texts: Sequence[str]) -> Vectors:
    """Latent semantic analysis: TF-IDF of the words, reduced by a truncated SVD (Deerwester et al. 1990).

    Args:
        texts: The n texts, in any language that `split_words` splits.

    Returns:
        Shape (n, d), d at most 50; NaN for a text that shares no word with another text.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    nothing = np.full((len(texts), 1), np.nan, dtype=np.float32)
    vectoriser = TfidfVectorizer(
        tokenizer=split_words, token_pattern=None, sublinear_tf=True, min_df=2, max_features=WORDS
    )
    try:
        counts = vectoriser.fit_transform(texts)
    except ValueError:  # no word is in two texts
        return nothing
    width = min(WIDTH, counts.shape[1] - 1, counts.shape[0] - 1)
    if width < 1:
        return nothing
    found: Vectors = TruncatedSVD(width, random_state=0).fit_transform(counts).astype(np.float32)
    found[np.asarray(counts.getnnz(axis=1)) == 0] = np.nan
    return found
