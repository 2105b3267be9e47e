"""Caption tokens against Stanford's PTBTokenizer.

EXPECTED was recorded with pycocoevalcap 1.2's PTBTokenizer (CoreNLP 3.4.1 on OpenJDK 17), whose lower-cased
brackets slip through its own list of punctuation.
"""

import pytest

from finegold.metrics import caption_tokens

EXPECTED = {
    "I cannot go, I'm gonna stay.": "i can not go i 'm gon na stay",
    "The U.S. flag in St. Louis": "the u.s. flag in st. louis",
    'He said "hello" (twice)...': "he said hello -lrb- twice -rrb-",
    "black/white photo at 5:30 p.m. for $1,000.50": "black/white photo at 5:30 p.m. for $ 1,000.50",
    "it's John's dogs' bones & don't": "it 's john 's dogs bones & do n't",
    "rock 'n' roll 90's T-shirt #5 50% off": "rock 'n' roll 90 's t-shirt # 5 50 % off",
    "A man 's hat , and a girl 's": "a man 's hat and a girl 's",
    "Mr. Smith vs. Dr. J.K. Rowling": "mr. smith vs. dr. j.k. rowling",
    "a well-known man -- the 3rd -- and/or x": "a well-known man the 3rd and/or x",
    "Wow!!! what?": "wow !!! what",
    "1.5 metres, 2-3 people, twenty-one": "1.5 metres 2-3 people twenty-one",
    "e-mail me@example.com http://x.org/a": "e-mail me@example.com http://x.org/a",
    "don’t “quote” – dash — em… é": "do n't quote dash em é",
}


@pytest.mark.parametrize("text", EXPECTED)
def test_tokens_are_those_of_the_penn_treebank(text: str) -> None:
    assert " ".join(caption_tokens(text)) == EXPECTED[text]
