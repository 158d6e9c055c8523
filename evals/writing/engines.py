"""Questions that a configured engine writes. Strict: a reply that is not as asked is counted."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import cache
from importlib import resources
from string import Template

from evals.writing.types import Draft, Kind, Source
from generation.decoding import Decoding
from generation.engines.base import Engine
from generation.types import Message
from retrieval.sentences import sentence_spans

PROMPT = "write-1"
_REPLY = re.compile(r"\s*Question: (?P<question>\S[^\n]*\?)\s*\nAnswer: (?P<answer>\S[^\n]*?)\s*")
_LONGEST_ANSWER_WORDS = 30
_REPLY_TOKENS = 160
_SHORTEST_PASSAGE_WORDS = 12


class Failure(StrEnum):
    """Why a reply gave no question."""

    NONE = "the engine found no fact in the passage"
    SHAPE = "the reply is not a line Question and a line Answer"
    NOT_IN_PASSAGE = "the answer is not in the passage, word for word"
    GIVEN_AWAY = "the question holds its own answer"
    TOO_LONG = "the answer is longer than 30 words"


def parsed(reply: str, source: Source) -> Draft | Failure:
    """The draft that a reply is, or what is wrong with it."""
    if reply.strip().strip(".").upper() == "NONE":
        return Failure.NONE
    match = _REPLY.fullmatch(reply)
    if match is None:
        return Failure.SHAPE
    question, answer = match["question"].strip(), match["answer"].strip().rstrip(".")
    if len(answer.split()) > _LONGEST_ANSWER_WORDS:
        return Failure.TOO_LONG
    evidence = _sentence_with(answer, source.text)
    if evidence is None:
        return Failure.NOT_IN_PASSAGE
    if _plain(answer) in _plain(question):
        return Failure.GIVEN_AWAY
    return Draft(Kind.ENGINE, question, answer, evidence, evidence, source)


def written_by(
    engine: Engine, sources: Sequence[Source], *, seed: int, failed: Counter[Failure]
) -> Iterator[Draft]:
    """Ask the engine for one question for each source that says enough, in order."""
    for source in sources:
        if len(source.text.split()) < _SHORTEST_PASSAGE_WORDS:
            continue
        messages = messages_for(source)
        if engine.count_tokens(messages) + _REPLY_TOKENS > engine.context_tokens:
            continue
        decoding = Decoding(max_tokens=_REPLY_TOKENS, seed=seed)
        pieces = engine.stream(messages, decoding, is_cancelled=lambda: False)
        found = parsed("".join(piece.text for piece in pieces), source)
        if isinstance(found, Failure):
            failed[found] += 1
        else:
            yield found


def messages_for(source: Source) -> tuple[Message, ...]:
    """What the engine is asked about a source."""
    instructions, template = (part.strip() for part in _prompt().split("\n---\n"))
    # The passage stands between marks that it must not be able to close.
    harmless = source.text.replace("<", "‹").replace(">", "›")
    title = " ".join((source.title or source.document).split())
    asked = Template(template).substitute(title=title, passage=harmless.strip())
    return Message("system", instructions), Message("user", asked)


def _sentence_with(answer: str, text: str) -> str | None:
    for start, end in sentence_spans(text):
        sentence = " ".join(text[start:end].split())
        if f" {_plain(answer)} " in f" {_plain(sentence)} ":
            return sentence
    return None


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[\w£$€%]+", text.lower()))


@cache
def _prompt() -> str:
    return resources.files("evals").joinpath("prompts", f"{PROMPT}.txt").read_text(encoding="utf-8")
