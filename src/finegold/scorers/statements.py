"""What an answer states, turn by turn, in pieces that an image can bear out.

A long answer states its sentences. A short one states nothing without its question: "yes" states what was
asked, "no" its contrary, "red" that the answer to the question is red, "B" that it is the second option.
Which answers are short ones is learnt from the dataset: questions that begin with the same two words are
alike, and an answer of one to four words is short where most answers to like questions are.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from heapq import nsmallest
from typing import Literal, NamedTuple, TypeAlias

from finegold.samples import Pair
from finegold.samples.words import count_words, sentences, split_words, whole_sentences
from finegold.samples.yes_no import yes_or_no
from finegold.scorers.choices import choice_of, options_of

Form: TypeAlias = Literal["sentence", "yes", "no", "short"]

MOST_ROWS = 20_000
"""Rows that questions and sentences are learnt from, those of the smallest id hashes."""
SHORT_WORDS = 4
OTHERS = 8
"""Other answers to like questions that a short answer is compared with: the most frequent ones."""
LIKE = 5
"""Answers to like questions from which on their form is known."""
RARE = 3
"""A form that fewer than one in so many answers to like questions have is not expected."""
_YES_OR_NO = r"(?:yes\s*(?:or|/)\s*no|sí o no|ja oder nein|oui ou non)"
_SHORTLY = (
    rf"(?:{_YES_OR_NO}|(?:an? |one )?(?:single|short|brief|few)? ?(?:words?|phrase|sentence|answer)"
    r"|(?:an? |the )?(?:option'?s? )?letter|a number(?=\W*$)|briefly|shortly)"
)
"""How an answer should look, as questions say it."""
_ABOUT_THE_ANSWER = re.compile(
    rf"\W*(?:(?:please|just|only|simply) )*(?:answer|reply|respond|use)\b[^,:]*\b{_SHORTLY}\b[^,:]*"
    rf"|\W*(?:{_YES_OR_NO}|short answer)(?: only|,? please)?\W*",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    rf"\W*(?:{_YES_OR_NO}"
    rf"|(?:please )?(?:(?:answer|reply|respond) )?(?:in|with|using) (?:just |only )?{_SHORTLY})\s*[,:]\s*",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"^\W*question\s*[:：]\s*(\S.*)$", re.IGNORECASE | re.MULTILINE)
_BEHIND = re.compile(rf"\s*[,;(]\s*(?:please )?(?:answer )?{_YES_OR_NO}\W*$", re.IGNORECASE)


class Statement(NamedTuple):
    """One thing that an answer states.

    Attributes:
        turn: Number of the question and answer.
        form: What it is.
        text: The sentence; of `yes` and `no` what was asked; of `short` the answer.
        question: What is asked: see `what_is_asked`.
        expected: Whether answers to like questions have this form, one in three at least.
        others: The options that were not chosen, where the question offers some.
    """

    turn: int
    form: Form
    text: str
    question: str
    expected: bool = True
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Forms:
    """What answers to like questions look like.

    Attributes:
        answers: Number of answers by the beginning of the question.
        shorts: Those among them of at most four words.
        polar: Those among them that are yes or no.
        given: Short answers that are neither, by the beginning of the question, the most frequent first: one
            more than a statement is compared with.
        all_given: The same over all questions.
    """

    answers: Mapping[str, int]
    shorts: Mapping[str, int]
    polar: Mapping[str, int]
    given: Mapping[str, Sequence[str]]
    all_given: Sequence[str]

    @classmethod
    def learn(cls, rows: Iterable[Sequence[Pair]]) -> "Forms":
        """Count the answers of rows."""
        answers: Counter[str] = Counter()
        shorts: Counter[str] = Counter()
        polar: Counter[str] = Counter()
        given: dict[str, Counter[str]] = defaultdict(Counter)
        every: Counter[str] = Counter()
        for pairs in rows:
            for question, answer in pairs:
                key = _beginning(question)
                answers[key] += 1
                chosen = choice_of(question, answer)
                form = "short" if chosen else _form(answer)
                if form == "sentence":
                    continue
                shorts[key] += 1
                if chosen:
                    continue
                if form == "short":
                    given[key][_plain(answer)] += 1
                    every[_plain(answer)] += 1
                else:
                    polar[key] += 1
        ranked = {key: _most_frequent(counts) for key, counts in given.items()}
        return cls(answers, shorts, polar, ranked, _most_frequent(every))

    def is_short(self, pair: Pair) -> bool:
        """Whether the answer states nothing without its question."""
        return self._form(pair) != "sentence"

    def _form(self, pair: Pair) -> Form:
        if choice_of(*pair):
            return "short"
        form, key = _form(pair.answer), _beginning(pair.question)
        return (
            "sentence" if form == "short" and 2 * self.shorts.get(key, 0) < self.answers.get(key, 0) else form
        )

    def statements(self, pairs: Sequence[Pair]) -> list[Statement]:
        """All statements of a row, turn by turn."""
        found: list[Statement] = []
        for turn, (question, answer) in enumerate(pairs):
            if not answer:
                continue
            asked, chosen = what_is_asked(question), choice_of(question, answer)
            if chosen:
                form = _form(chosen.text)
                if form in ("yes", "no"):
                    found.append(Statement(turn, form, asked, asked))
                else:
                    found.append(Statement(turn, "short", chosen.text, asked, others=chosen.others))
                continue
            form, key = self._form(Pair(question, answer)), _beginning(question)
            answers, polar = self.answers.get(key, 0), self.polar.get(key, 0)
            if form == "sentence":
                found += [Statement(turn, form, piece, asked) for piece in whole_sentences(answer)]
                continue
            fits = RARE * (polar if form in ("yes", "no") else answers - polar) >= answers
            text = asked if form in ("yes", "no") else _plain(answer)
            found.append(Statement(turn, form, text, asked, fits or answers < LIKE))
        return found

    def sentences(self, pairs: Sequence[Pair]) -> list[Statement]:
        """The statements of a row that are sentences."""
        return [one for one in self.statements(pairs) if one.form == "sentence"]

    def others(self, statement: Statement) -> list[str]:
        """What a short answer is compared with.

        The options that were not chosen; else answers that others gave to like questions, the most frequent
        first, or to any if there are few.
        """
        if statement.others:
            return list(statement.others[:OTHERS])
        for ranked in (self.given.get(_beginning(statement.question), ()), self.all_given):
            found = [answer for answer in ranked if answer != statement.text][:OTHERS]
            if len(found) > 1:
                return found
        return []


def smallest_hashes(ids: Sequence[str], number: int) -> list[int]:
    """Positions of the ids with the smallest hashes: a sample that no order of the rows changes."""
    return sorted(range(len(ids)), key=lambda row: id_digest(ids[row]))[:number]


def id_digest(sample_id: str) -> bytes:
    """What rows are drawn by."""
    return sha256(sample_id.encode("utf-8", "surrogatepass")).digest()


def _form(answer: str) -> Form:
    return yes_or_no(answer) or ("short" if count_words(answer) <= SHORT_WORDS else "sentence")


@lru_cache(maxsize=1 << 14)
def what_is_asked(question: str) -> str:
    """The line of "Question:", or the first one, without options and the answer's form ("Yes or no?").

    An image bears out "Is there a dog?" better than "Is there a dog? Please answer yes or no." A line that
    says nothing else stays as it is.
    """
    before = question[: options_of(question)[0]].strip() or question
    named = _QUESTION.search(before)
    line = (named[1] if named else before.split("\n", 1)[0]).strip()
    kept = " ".join(one for one in sentences(line) if not _ABOUT_THE_ANSWER.fullmatch(one))
    start = _BEFORE.match(kept)
    asked = _BEHIND.sub("?", kept[start.end() :] if start else kept)
    return asked[:1].upper() + asked[1:] if count_words(asked) else line


def _beginning(question: str) -> str:
    return " ".join(split_words(what_is_asked(question))[:2])


def _most_frequent(counts: Counter[str]) -> list[str]:
    # Ranked once: there may be as many different answers as rows.
    return nsmallest(OTHERS + 1, counts, key=lambda answer: (-counts[answer], answer))


def _plain(answer: str) -> str:
    return answer.strip().rstrip(".").lower()
