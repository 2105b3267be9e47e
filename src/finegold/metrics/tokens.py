"""Words of captions: parted at white space as LVLM-eHub does, or near to the COCO evaluation's."""

import re

TOKENISER = "finegold-ptb/1"
"""Name of `caption_tokens`, for result files: its scores are close to, not the same as, those behind
Stanford's tokeniser."""

_DROPPED = frozenset({"''", "'", "``", "`", '"', ".", "?", "!", ",", ":", "-", "--", "...", ";"})
"""What COCO's caption evaluation removes."""
# COCO's list names the brackets in capitals while its tokens are lower-case, so brackets count as words
# there.
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
_PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "--", "—": "--", "…": "..."})
_ABBREVIATIONS = (
    "mr mrs ms dr st jr sr vs no prof gen col capt lt sgt rev hon inc ltd co corp bros etc mt ft ave blvd"
)
_TOKEN = re.compile(
    rf"""
      (?:https?://|www\.)\S*\w            # addresses
    | [\w.+-]+@[\w-]+\.[\w.-]*\w          # mail
    | <[^<>\s]+>
    | '[nN]'                              # rock 'n' roll
    | (?:[^\W\d_]\.){{2,}}                  # u.s.
    | (?:{"|".join(_ABBREVIATIONS.split())})\.(?!\w)
    | '\d\ds?\b                           # '90s
    | \d+(?:[.,:/-]\d+)*(?:-?[^\W_]+(?:[-'][^\W_]+)*)?
    | '(?:s|m|d|re|ve|ll)\b                # man 's
    | \#[^\W\d_]\w*                       # hashtags
    | [^\W_]+(?:(?:-+|[/&._])[^\W_]+)*(?:'[^\W_]+)*
    | \.\.\.+ | --+ | !!+ | \?\?+ | [!?]{{2,}}
    | \S
    """,
    re.VERBOSE,
)
_CLITIC = re.compile(r"(?<=\w)(n't|'(?:s|m|d|re|ve|ll))$")
_PARTS = {
    "cannot": "can not",
    "gonna": "gon na",
    "gotta": "got ta",
    "wanna": "wan na",
    "lemme": "lem me",
    "gimme": "gim me",
    "'tis": "'t is",
    "'twas": "'t was",
}


def raw_tokens(text: str) -> list[str]:
    """Words as white space parts them; case and punctuation stay, so `window.` is not `window .`."""
    return text.split()


def caption_tokens(text: str) -> list[str]:
    """Lower-case words, clitics split off (`is n't`), punctuation removed.

    Written after the conventions of Stanford's PTBTokenizer, which needs Java. How often the two agree is in
    `docs/metrics.md`.
    """
    tokens: list[str] = []
    for token in _TOKEN.findall(text.lower().translate(_PLAIN)):
        if token in _DROPPED:
            continue
        tokens += _split(_BRACKETS.get(token, token))
    return tokens


def _split(token: str) -> list[str]:
    if token in _PARTS:
        return _PARTS[token].split()
    clitic = _CLITIC.search(token)
    if clitic is None:
        return [token]
    return [*_split(token[: clitic.start()]), clitic.group()]
