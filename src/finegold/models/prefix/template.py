"""Prompts with the image in the middle, tokenised piece by piece as in MiniGPT-4 (arXiv 2304.10592).

A sequence is: start token, text before the image, the image's embeddings, text after it (with the
instruction), the answer and its end symbol. Each piece is tokenised by itself, without special tokens, so
each piece starts with a word boundary mark in LLaMA's vocabulary.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from finegold.errors import ConfigError, ModelError


@dataclass(frozen=True, slots=True)
class Template:
    """A prompt format.

    Attributes:
        name: Name with its version, such as `minigpt4-vicuna0`; saved with a model.
        before: Text between the start token and the image, when training.
        after: Text between the image and the answer; `{instruction}` is replaced by the instruction.
        end: Text behind each answer in training; a generated answer stops before it.
        chat_before: Text before the image when answering questions; None takes `before`.
        chat_after: Text behind the image when answering questions; None takes `after`.
        speaker: Name under which the model may start again inside an answer; what stands before its last one
            is cut. None cuts nothing.
        turns: Text before the answer of an earlier turn and text behind it, up to the next question; None if
            the format has one turn.
    """

    name: str
    before: str
    after: str
    end: str
    chat_before: str | None = None
    chat_after: str | None = None
    speaker: str | None = None
    turns: tuple[str, str] | None = None

    @property
    def family(self) -> str:
        """What the versions of a format have in common: `minigpt4-vicuna0` without a date."""
        return _DATED.sub("", self.name)

    def clean(self, text: str) -> str:
        """An answer up to its end symbol and behind the last name of the speaker, stripped.

        A model may spell its end symbol in tokens other than those that stop it, so the text is cut too.
        """
        text = text.split(self.end)[0]
        return (text if self.speaker is None else text.split(self.speaker)[-1]).strip()


_DATED = re.compile(r"-\d{4}-\d{2}$")

# MiniGPT-4's chat has a system sentence that its training never saw.
_SYSTEM = (
    "Give the following image: <Img>ImageContent</Img>. You will be able to see the image once I provide it "
    "to you. Please answer my questions."
)
_HUMAN = "###Human: <Img>"
_MINIGPT4 = Template(
    "minigpt4-vicuna0",
    before=_HUMAN,
    after="</Img> {instruction} ###Assistant: ",
    end="###",
    chat_before=_SYSTEM + _HUMAN,
    chat_after="</Img> {instruction}###Assistant: ",
    speaker="Assistant:",
    turns=("###Assistant: ", "###Human: "),
)
TEMPLATES = {
    template.name: template
    for template in (
        _MINIGPT4,
        replace(_MINIGPT4, name="minigpt4-vicuna0-2023-04", chat_after="</Img> {instruction}###Assistant:"),
        # Llama-2's end symbol is its end token; the chat has Vicuna's system sentence.
        Template(
            "minigpt4-llama2",
            before="[INST] <Img>",
            after="</Img> {instruction} [/INST] ",
            end="</s>",
            chat_before=_SYSTEM + "<s>[INST] <Img>",
            turns=(" [/INST] ", "<s>[INST] "),
        ),
        Template("minigpt4-stage1", before="", after="", end="\n", chat_after="{instruction}"),
        Template("plain", before="", after="{instruction}\n", end="</s>"),
        # The space before an earlier answer gives it the tokens that it has by itself.
        Template("plain-turns", before="", after="{instruction}\n", end="</s>", turns=("\n ", "</s>")),
        # The start token is <|im_start|> itself.
        Template(
            "smollm2",
            before="user\n",
            after="{instruction}<|im_end|>\n<|im_start|>assistant\n",
            end="<|im_end|>",
        ),
    )
}


def template_named(name: str) -> Template:
    """The prompt template of a name.

    Raises:
        ConfigError: If the name is unknown.
    """
    if name not in TEMPLATES:
        raise ConfigError(f"the prompt template '{name}' is unknown, expected one of {', '.join(TEMPLATES)}")
    return TEMPLATES[name]


class PromptTokens(NamedTuple):
    """Token ids on both sides of the image; `before` starts with the start token."""

    before: list[int]
    after: list[int]


def encode_prompt(
    tokenizer: Any,
    template: Template,
    instruction: str,
    *,
    chat: bool = False,
    earlier: Sequence[tuple[str, str]] = (),
) -> PromptTokens:
    """Token ids of the prompt in training, or with `chat` in answering a question.

    Args:
        tokenizer: The language model's tokenizer.
        template: The prompt format.
        instruction: The instruction, or the question.
        chat: Whether a question is to be answered.
        earlier: Questions and answers of the turns before it, for a template that has turns.

    Raises:
        ModelError: If the tokenizer has no start token.
    """
    if tokenizer.bos_token_id is None:
        raise ModelError("the tokenizer has no start token, expected one before every prompt: set bos_token")
    before, after = template.before, template.after
    if chat:
        before = before if template.chat_before is None else template.chat_before
        after = after if template.chat_after is None else template.chat_after
    head, there, tail = after.partition("{instruction}")
    said = [(instruction, "")] if there else []
    if template.turns is not None:
        reply, following = template.turns
        said = [
            part for question, answer in earlier for part in ((question, reply), (answer, following))
        ] + said
    return PromptTokens(
        [tokenizer.bos_token_id, *encode_piece(tokenizer, before)],
        _encode_said(tokenizer, head, said, tail),
    )


def _encode_said(tokenizer: Any, head: str, said: Sequence[tuple[str, str]], tail: str) -> list[int]:
    """Token ids of a piece with questions and answers in it, in which control tokens are words.

    Args:
        tokenizer: The language model's tokenizer.
        head: The template's text before the first of them.
        said: Each of them, and the template's text behind it.
        tail: The template's text behind the last.
    """
    if not any(names_control_token(tokenizer, words) for words, _ in said):
        return encode_piece(tokenizer, head + "".join(words + behind for words, behind in said) + tail)
    ids = encode_piece(tokenizer, head)
    for words, behind in said:
        ids += [*_encode_words(tokenizer, words), *encode_piece(tokenizer, behind)]
    return ids + encode_piece(tokenizer, tail)


def encode_answer(tokenizer: Any, template: Template, answer: str) -> list[int]:
    """Token ids of the answer and the end symbol, which are tokenised together.

    Control tokens in the answer are words; such an answer is tokenised by itself.
    """
    if names_control_token(tokenizer, answer):
        return [*_encode_words(tokenizer, answer), *encode_piece(tokenizer, template.end)]
    return encode_piece(tokenizer, answer + template.end)


def names_control_token(tokenizer: Any, text: str) -> str | None:
    """The first control token of a tokenizer that a text has as words; None if it has none.

    A word of the vocabulary that pads (MiniGPT-4's `$$`) is no control token: it stays a word.
    """
    added = getattr(tokenizer, "added_tokens_decoder", {}).values()
    tokens = {str(token) for token in tokenizer.all_special_tokens}
    tokens |= {token.content for token in added if token.special}
    found = [token for token in tokens if token and token in text]
    number = tokenizer.convert_tokens_to_ids
    control = [token for token in found if number(token) not in _encode_words(tokenizer, token)]
    return min(control, key=text.index, default=None)


def _encode_words(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True))


def encode_piece(tokenizer: Any, text: str) -> list[int]:
    """Token ids of one piece of text, without start or end tokens; the empty text has none.

    LLaMA's sentencepiece tokenizer, which MiniGPT-4's code uses, puts a space before every piece, also before
    one that begins with a space. Transformers' does not put a second one, so it is put here.
    """

    def encode(text: str) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=False))

    if text.startswith(" ") and encode(" a") == encode("a"):
        text = f" {text}"
    return encode(text) if text else []


def end_ids(tokenizer: Any, template: Template) -> list[list[int]]:
    """Token sequences of the end symbol: at the start of a piece, and after a word if it differs there.

    In LLaMA's vocabulary `###` gives `[835]` and `[2277, 29937]`.
    """
    forms = [encode_piece(tokenizer, template.end)]
    stem, glued = encode_piece(tokenizer, "a."), encode_piece(tokenizer, "a." + template.end)
    if glued[: len(stem)] == stem and glued[len(stem) :] not in forms:
        forms.append(glued[len(stem) :])
    return [form for form in forms if form]
