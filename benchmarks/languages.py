"""How often `language_of` is right, unknown or wrong on short sentences of many languages.

python benchmarks/languages.py
"""

from collections import Counter, defaultdict
from pathlib import Path

from finegold.samples.languages import UNKNOWN, language_of

SENTENCES = Path(__file__).parents[1] / "tests" / "samples" / "sentences.txt"
"""Lines of language, `|`, sentence of at most 11 words. The second block was written after the rules."""
BLOCKS = ("seen", "unseen")
Found = dict[str, Counter[str]]


def measure(block: str) -> Found:
    """Numbers of right, unknown and wrong sentences by language."""
    found: Found = defaultdict(Counter)
    text = SENTENCES.read_text(encoding="utf-8").split("\n\n")[BLOCKS.index(block)]
    for line in text.splitlines():
        language, _, sentence = line.partition("|")
        said = language_of(sentence)
        found[language][said if said == UNKNOWN else "right" if said == language else "wrong"] += 1
    return found


def total(found: Found) -> tuple[int, int, int]:
    """Right, unknown and wrong sentences of all languages."""
    right, unknown, wrong = (sum(one[name] for one in found.values()) for name in ("right", UNKNOWN, "wrong"))
    return right, unknown, wrong


def main() -> None:
    for block in BLOCKS:
        found = measure(block)
        for language, counts in found.items():
            print(f"{language}  " + ", ".join(f"{counts[one]} {one}" for one in ("right", UNKNOWN, "wrong")))
        print(f"{block}: {{}} right, {{}} unknown, {{}} wrong\n".format(*total(found)))


if __name__ == "__main__":
    main()
