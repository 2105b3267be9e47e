"""The contraction table of the official VQA evaluation: words that lost an apostrophe get it back.

The table is a closed list with its own gaps (no `shell`, no `didn't've`), oddities (`somebody'd` loses its
apostrophe) and capitals that lower-cased text never meets. A published metric depends on it, so it is kept as
it is.
"""

_ONE_APOSTROPHE = """
    ain't aren't can't could've couldn't didn't doesn't don't hadn't hasn't haven't he'd he's how'd
    how'll how's I'm I've isn't it'd it'll ma'am mightn't might've mustn't must've needn't not've o'clock
    oughtn't shan't should've shouldn't somebody'll somebody's someone'd someone'll someone's something'd
    something'll that's there'd there're there's they'd they'll they're they've wasn't we've weren't
    what'll what're what's what've when's where'd where's where've who'd who'll who's who've why'll
    why're why's won't would've wouldn't y'all you'd you'll you're you've 'twas
"""
"""Written without their apostrophe, these get it back."""

_TWO_APOSTROPHES = """
    couldn't've hadn't've he'd've I'd've it'd've mightn't've she'd've shouldn't've somebody'd've
    someone'd've something'd've there'd've they'd've we'd've who'd've wouldn't've y'all'll you'd've
"""
"""Written with one of the two, these get the other back."""

_ODD = {
    "let's": "let's",
    "she's": "she's",
    "ow's'at": "'ow's'at",
    "'ows'at": "'ow's'at",
    "'ow'sat": "'ow's'at",
    "somebody'd": "somebodyd",
    "yall'd've": "y'all'd've",
    "y'alld've": "y'all'd've",
    "y'all'dve": "y'all'd've",
}


def _table() -> dict[str, str]:
    table = {word.replace("'", ""): word for word in _ONE_APOSTROPHE.split()}
    for word in _TWO_APOSTROPHES.split():
        first, middle, last = word.split("'")
        table[f"{first}{middle}'{last}"] = table[f"{first}'{middle}{last}"] = word
    return table | _ODD


CONTRACTIONS = _table()
"""From what stands in an answer to what replaces it."""
