"""From a question to an assayed answer: retrieve, quote, generate, assay, answer or decline."""

import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from generation.citations import citation, cited, complete_sentences
from generation.decoding import Decoding, Method
from generation.engines.base import Engine
from generation.errors import BadDecoding
from generation.groundedness.types import Verifier
from generation.language import LANGUAGES, abstention_in, language_of
from generation.prompt import PROMPT_VERSION, Excerpt, Prompt, build_prompt
from generation.quoting import Quote, rank_quotes, signals_of
from generation.recall import ReadPassages, as_asked
from generation.sufficiency import answerability, is_answerable
from generation.types import (
    Answer,
    AnswerEvent,
    Assayed,
    AssayedSentence,
    Draft,
    Drafted,
    EngineInfo,
    Finished,
    FinishReason,
    LeftOut,
    Message,
    Origin,
    PassagePart,
    Piece,
    Retrieved,
    Timings,
    Token,
    Usage,
    Verdict,
)
from retrieval.encoder import Encoder
from retrieval.types import Document, Hit, Passage

# Passages looked through for a verbatim answer; the prompt holds as many of them as fit.
EVIDENCE_PASSAGES = 8
# More evidence than this slows the bundled model and distracts it (docs/LOG.md); a larger model
# does better with more.
EVIDENCE_TOKENS = 100
NEAREST_PASSAGES = 3
_REPEATED_FROM_WORDS = 3
# A draft is given up after this many unsupported sentences in a row.
_STRAYED_AFTER = 2
_SEEDS = 2**31


class Search(Protocol):
    """`Searcher.search`, as far as answering needs it."""

    def __call__(self, question: str, *, readable: frozenset[int], k: int) -> list[Hit]: ...


@dataclass(frozen=True, slots=True)
class AnsweringPolicy:
    """When to answer, and how much evidence to read."""

    evidence_passages: int = EVIDENCE_PASSAGES
    evidence_tokens: int = EVIDENCE_TOKENS
    quotes: int = 1
    abstain_below: float | None = None


def _nothing_kept(_: Sequence[int], /) -> dict[int, tuple[Passage, Document]]:
    """Earlier questions are carried on without their evidence."""
    return {}


class Answerer:
    """Answers questions from the passages a reader may read, and from nothing else."""

    def __init__(
        self,
        search: Search,
        encoder: Encoder,
        engine: Engine,
        verifier: Verifier,
        change_number: Callable[[], int],
        policy: AnsweringPolicy | None = None,
        read: ReadPassages = _nothing_kept,
    ) -> None:
        self._search = search
        self._encoder = encoder
        self._engine = engine
        self._verifier = verifier
        self._change_number = change_number
        self._policy = policy or AnsweringPolicy()
        self._read = read

    def answer(
        self,
        question: str,
        *,
        readable: frozenset[int],
        history: Sequence[Message] = (),
        decoding: Decoding | None = None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> Iterator[AnswerEvent]:
        """Answer a question, event by event; the last event is `Finished`.

        Args:
            readable: ids of the collections the reader may read.
            history: earlier turns of the conversation, oldest first. Evidence that a question names
                is read again, if it is there and readable; else that question goes without.
            is_cancelled: asked between tokens; once true, the answer ends with what was assayed.

        Raises:
            QuestionTooLong: it does not fit the model's window.
            BadDecoding: `max_tokens` leaves no room for the question and its evidence.
        """
        before, language = as_asked(history, readable, self._read)
        run = _Run(
            question,
            language_of(question, language),
            _repeatable(decoding or Decoding()),
            self._engine.info,
            self._change_number(),
        )
        run.audience = ",".join(map(str, sorted(readable)))
        hits = self._search(question, readable=readable, k=self._policy.evidence_passages)
        run.retrieved(hits)
        yield Retrieved(tuple(hits))
        quotes = rank_quotes(question, hits, self._encoder)
        run.answerability = answerability(signals_of(question, hits, quotes))
        if not is_answerable(run.answerability, self._policy.abstain_below):
            yield Finished(run.abstention())
            return
        for sentence in _quoted(quotes[: self._policy.quotes], hits):
            yield Assayed(run.keep(sentence))
        yield from self._generated(run, hits, quotes, before, is_cancelled)
        yield Finished(run.answer())

    def _generated(
        self,
        run: "_Run",
        hits: Sequence[Hit],
        quotes: Sequence[Quote],
        history: Sequence[Message],
        is_cancelled: Callable[[], bool],
    ) -> Iterator[AnswerEvent]:
        """Stream a draft, and each of its sentences with a verdict as soon as it is complete."""
        room = self._engine.context_tokens - run.decoding.max_tokens
        if room < self._engine.context_tokens // 4:
            raise BadDecoding(
                f"max_tokens is {run.decoding.max_tokens} and the window of "
                f"{self._engine.info.name} is {self._engine.context_tokens} tokens, of which "
                "the question and its evidence need a quarter; ask for at most "
                f"{self._engine.context_tokens * 3 // 4}"
            )
        prompt = build_prompt(
            run.question,
            [Excerpt(hits[quote.index], quote.start, quote.end) for quote in quotes],
            history,
            language=LANGUAGES[run.language],
            count_tokens=self._engine.count_tokens,
            budget_tokens=room,
            evidence_tokens=self._policy.evidence_tokens,
        )
        run.asked(prompt)
        rest = before = ""
        first, *others = prompt.messages
        pieces = self._engine.stream(
            (replace(first, audience=run.audience), *others),
            run.decoding,
            is_cancelled=lambda: is_cancelled() or run.has_strayed,
        )
        for piece in pieces:
            run.heard(piece)
            if run.has_strayed:
                continue  # only the usage is still of interest
            if piece.text:
                yield Drafted(piece.text)
            complete, rest = complete_sentences(
                rest + piece.text, is_final=piece.finish_reason is not None
            )
            for sentence in self._assay(run.question, complete, prompt.evidence, before):
                if not run.has_said(sentence.text):
                    yield Assayed(run.keep(sentence))
            before = complete[-1] if complete else before

    def _assay(
        self, question: str, sentences: Sequence[str], evidence: Sequence[Hit], before: str
    ) -> list[AssayedSentence]:
        if not sentences:
            return []
        judgements = self._verifier.judge(
            question, sentences, [hit.passage.text for hit in evidence], before
        )
        return [
            cited(sentence, Origin.GENERATED, judgement, evidence)
            for sentence, judgement in zip(sentences, judgements, strict=True)
        ]


class _Run:
    """What is known of one answer so far."""

    def __init__(
        self,
        question: str,
        language: str,
        decoding: Decoding,
        engine: EngineInfo,
        change_number: int,
    ) -> None:
        self.question = question
        self.language = language
        self.decoding = decoding
        self.answerability = 0.0
        # Who may read what its prompt holds: nobody else's prompt shares the engine's cache.
        self.audience = ""
        self._engine = engine
        self._change_number = change_number
        self._started = time.monotonic()
        self._retrieval_seconds = 0.0
        self._first_token_seconds: float | None = None
        self._hits: tuple[Hit, ...] = ()
        self._usage = Usage(0, 0)
        self._finish_reason: FinishReason | None = None
        self._tokens: list[Token] = []
        self._drafts: tuple[Draft, ...] = ()
        self._sentences: list[AssayedSentence] = []
        self._evidence: tuple[PassagePart, ...] = ()
        self._left_out: LeftOut | None = None

    def retrieved(self, hits: Sequence[Hit]) -> None:
        self._hits = tuple(hits)
        self._retrieval_seconds = self._elapsed()

    def asked(self, prompt: Prompt) -> None:
        """Note what the engine is given to read."""
        self._evidence, self._left_out = prompt.parts, prompt.left_out

    def heard(self, piece: Piece) -> None:
        """Note what the engine has yielded."""
        if self._first_token_seconds is None:
            self._first_token_seconds = self._elapsed()
        self._usage = piece.usage or self._usage
        self._finish_reason = piece.finish_reason
        self._engine = piece.engine or self._engine
        self._tokens.extend(piece.tokens)
        self._drafts = piece.drafts

    @property
    def has_strayed(self) -> bool:
        """Whether the last sentences were all unsupported: a small model does not come back."""
        last = self._sentences[-_STRAYED_AFTER:]
        return len(last) == _STRAYED_AFTER and all(
            sentence.verdict is Verdict.UNSUPPORTED for sentence in last
        )

    def has_said(self, text: str) -> bool:
        """Whether the answer holds these words already: a draft often repeats the quote.

        A text without words is said before it is spoken; one or two words ("No.") are a reply of
        their own wherever else they occur.
        """
        plain = _plain(text)
        if len(plain.split()) < _REPEATED_FROM_WORDS:
            return not plain or any(plain == _plain(kept.text) for kept in self._sentences)
        return any(f" {plain} " in f" {_plain(kept.text)} " for kept in self._sentences)

    def keep(self, sentence: AssayedSentence) -> AssayedSentence:
        self._sentences.append(sentence)
        return sentence

    def answer(self) -> Answer:
        """The answer: what is supported; an abstention when nothing is."""
        shown = [sentence for sentence in self._sentences if sentence.is_said]
        if not shown:
            return self.abstention()
        return self._finished(" ".join(sentence.text for sentence in shown), tuple(self._sentences))

    def abstention(self) -> Answer:
        return self._finished(abstention_in(self.language), ())

    def _finished(self, text: str, sentences: tuple[AssayedSentence, ...]) -> Answer:
        return Answer(
            question=self.question,
            text=text,
            abstained=not sentences,
            answerability=self.answerability,
            sentences=sentences,
            nearest=self._hits[:NEAREST_PASSAGES],
            usage=self._usage,
            timings=Timings(self._retrieval_seconds, self._first_token_seconds, self._elapsed()),
            engine=self._engine,
            decoding=self.decoding,
            prompt_version=PROMPT_VERSION,
            change_number=self._change_number,
            finish_reason=self._finish_reason,
            tokens=tuple(self._tokens),
            drafts=self._drafts,
            language=self.language,
            evidence=self._evidence,
            left_out=self._left_out,
        )

    def _elapsed(self) -> float:
        return time.monotonic() - self._started


def _repeatable(decoding: Decoding) -> Decoding:
    """The same with a seed, if tokens are drawn: what is told with an answer repeats it."""
    if decoding.method is not Method.SAMPLING or decoding.seed is not None:
        return decoding
    return replace(decoding, seed=secrets.randbelow(_SEEDS))


def _quoted(quotes: Sequence[Quote], hits: Sequence[Hit]) -> list[AssayedSentence]:
    """Verbatim sentences as part of an answer: supported by being their own evidence."""
    sentences = []
    for quote in quotes:
        source = citation(hits[quote.index], quote.start, quote.end)
        text = " ".join(source.quote.split())
        sentences.append(AssayedSentence(text, Origin.QUOTED, Verdict.SUPPORTED, 1.0, (source,)))
    return sentences


def _plain(text: str) -> str:
    """The words of a text, lower case, single spaces."""
    return " ".join(re.findall(r"\w+", text.lower()))
