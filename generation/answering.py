"""From a question to an assayed answer: retrieve, quote, generate, assay, answer or decline."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from generation.answering_policy import QUOTES, AnsweringPolicy
from generation.citations import citation, cited, complete_sentences
from generation.decoding import Decoding, Method
from generation.engines.base import Engine
from generation.errors import BadDecoding
from generation.figures import goes_on
from generation.groundedness.types import Verifier
from generation.groundedness.words import words_of
from generation.injection import is_command
from generation.language import language_of
from generation.policies import strictest
from generation.presumption import (
    differs_in_number,
    goes_beyond,
    presumed,
    repeats,
    says_nothing,
    speaks_of_evidence,
)
from generation.prompt import Excerpt, Prompt, build_prompt
from generation.quoting import Quote, rank_quotes, statement_at, supporting
from generation.recall import ReadPassages, as_asked
from generation.small_talk import small_talk
from generation.sufficiency import Sufficiency, is_answerable
from generation.types import (
    AnswerEvent,
    AssayedSentence,
    Citation,
    Finished,
    Message,
    Origin,
    Retrieved,
    Verdict,
)
from generation.unfinished import UnfinishedAnswer, in_force
from generation.variety import varied
from retrieval.encoder import Encoder
from retrieval.follow_up import standalone
from retrieval.languages import LANGUAGES
from retrieval.narrowing import EVERY_DOCUMENT, Narrowing
from retrieval.repeats import distinct
from retrieval.types import Document, Hit, Passage, Policy

# So many times as many are searched for: copies of a passage are left out.
_SPARE = 2
# So many passages before one are looked through for the head of its table.
_BEFORE = 4
_SEEDS = 2**31


class Search(Protocol):
    """`Searcher.search`, as far as answering needs it."""

    def __call__(
        self,
        question: str,
        *,
        readable: frozenset[int],
        k: int,
        earlier: Sequence[str],
        within: Narrowing,
    ) -> list[Hit]: ...


def _all_shown(_: frozenset[int], /) -> Mapping[int, Policy]:
    """Collections that say nothing."""
    return {}


def _nothing_chosen() -> None:
    """The operating point is the measured one."""


def _nothing_kept(_: Sequence[int], /) -> dict[int, tuple[Passage, Document]]:
    """Earlier questions are carried on without their evidence."""
    return {}


class Answerer:
    """Answers questions from the passages a reader may read, and from nothing else.

    Args:
        search_version, code_version: name what finds passages beside the encoder, and the program;
            told with each answer.
    """

    def __init__(
        self,
        search: Search,
        encoder: Encoder,
        engine: Engine,
        verifier: Verifier,
        sufficiency: Sufficiency,
        change_number: Callable[[], int],
        policy: AnsweringPolicy | None = None,
        read: ReadPassages = _nothing_kept,
        policies: Callable[[frozenset[int]], Mapping[int, Policy]] = _all_shown,
        chosen_limit: Callable[[], float | None] = _nothing_chosen,
        search_version: Callable[[], str] = str,
        code_version: Callable[[], str] = str,
    ) -> None:
        self._search = search
        self._encoder = encoder
        self._engine = engine
        self._verifier = verifier
        self._sufficiency = sufficiency
        self._change_number = change_number
        self._policy = policy or AnsweringPolicy()
        self._read = read
        self._policies = policies
        self._chosen_limit = chosen_limit
        self._search_version = search_version
        self._code_version = code_version

    def answer(
        self,
        question: str,
        *,
        readable: frozenset[int],
        history: Sequence[Message] = (),
        decoding: Decoding | None = None,
        is_cancelled: Callable[[], bool] = lambda: False,
        within: Narrowing = EVERY_DOCUMENT,
    ) -> Iterator[AnswerEvent]:
        """Answer a question, event by event; the last event is `Finished`.

        Args:
            readable: ids of the collections the reader may read.
            within: documents that are wanted among them.
            history: earlier turns of the conversation, oldest first. Evidence that a question names
                is read again, if it is there and readable; else that question goes without.
            is_cancelled: asked between tokens; once true, the answer ends with what was assayed.

        Raises:
            QuestionTooLong: it does not fit the model's window.
            BadDecoding: `max_tokens` leaves no room for the question and its evidence.
        """
        recalled = as_asked(history, readable, self._read)
        reply = small_talk(question, recalled.language)
        run = UnfinishedAnswer(
            question,
            reply.language if reply else language_of(question, recalled.language),
            _repeatable(decoding or Decoding()),
            self._engine.info,
            self._change_number(),
        )
        run.encoder = self._encoder.fingerprint
        run.finder = self._sufficiency.version
        run.search, run.code = self._search_version(), self._code_version()
        run.answering = replace(self._policy, abstain_below=self._limit())
        if reply:
            yield Finished(run.small_talk(reply.text))
            return
        run.audience = ",".join(map(str, sorted(readable)))
        earlier = [turn.content for turn in history if turn.role == "user"]
        run.standalone = standalone(question, earlier).text
        hits = self._hits(question, readable, earlier, within)
        run.retrieved(hits)
        yield Retrieved(tuple(hits))
        quotes, run.answerability = self._read_over(question, hits)
        if not is_answerable(run.answerability, run.answering.abstain_below):
            yield Finished(run.abstention())
            return
        prompt = self._prompt(run, hits, quotes, recalled.turns)
        first = supporting(quotes, in_force(run.answering, run.engine).quotes)
        sources = [*(hits[quote.index] for quote in first), *prompt.evidence]
        run.policy = self._policy_over(
            recalled.collections.union(hit.passage.collection_id for hit in sources)
        )
        for sentence in _quoted(first, hits):
            if not run.has_said(sentence.text):
                yield from run.keep(sentence)
        yield from self._generated(run, prompt, is_cancelled)
        yield from run.decide(_quoted(quotes[:QUOTES], hits))
        yield Finished(run.answer())

    def in_force(self) -> AnsweringPolicy:
        """The settings as the next answer follows them; see `Answer.answering`."""
        return in_force(replace(self._policy, abstain_below=self._limit()), self._engine.info)

    def quoted_from(self, question: str, *, readable: frozenset[int]) -> Citation | None:
        """What an answer to a first question would quote at once; None where it would decline.

        Nothing is generated.
        """
        hits = self._hits(question, readable, (), EVERY_DOCUMENT)
        quotes, probability = self._read_over(question, hits)
        if not quotes or not is_answerable(probability, self._limit()):
            return None
        return citation(hits[quotes[0].index], quotes[0].start, quotes[0].end)

    def _hits(
        self,
        question: str,
        readable: frozenset[int],
        earlier: Sequence[str],
        within: Narrowing,
    ) -> list[Hit]:
        wanted = self._policy.evidence_passages
        hits = self._search(
            question, readable=readable, k=wanted * _SPARE, earlier=earlier, within=within
        )
        return [self._below_its_head(hit) for hit in distinct(hits, wanted)]

    def _below_its_head(self, hit: Hit) -> Hit:
        """A passage in the middle of a table together with those where the table began."""
        passage = hit.passage
        if not goes_on(hit):
            return hit
        # The passages of a revision are numbered one after the other.
        there = self._read([passage.id - place for place in range(1, _BEFORE + 1)])
        before: list[Passage] = []
        for place in range(1, _BEFORE + 1):
            found, _ = there.get(passage.id - place, (None, None))
            follower = before[-1] if before else passage
            if found is None or not _follows(follower, found):
                break
            before.append(found)
        return replace(hit, before=tuple(before))

    def _read_over(self, question: str, hits: Sequence[Hit]) -> tuple[list[Quote], float]:
        """The statements that answer, best first, and how likely it is that any of them does.

        Words that earlier questions lend found the hits; here they would be taken for asked.
        """
        quotes = rank_quotes(question, hits, self._encoder, is_guarded=self._policy.is_guarded)
        return quotes, self._sufficiency.answerability(question, hits, quotes)

    def _limit(self) -> float | None:
        """Below which answerability to decline: as set, else as chosen; None: as measured."""
        fixed = self._policy.abstain_below
        return self._chosen_limit() if fixed is None else fixed

    def _policy_over(self, collections: frozenset[int]) -> Policy:
        if self._policy.showing is not None:
            return self._policy.showing
        return strictest(self._policies(collections).values())

    def _prompt(
        self,
        run: UnfinishedAnswer,
        hits: Sequence[Hit],
        quotes: Sequence[Quote],
        history: Sequence[Message],
    ) -> Prompt:
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
            [
                *dict.fromkeys(
                    Excerpt(*hits[quote.index].at(start, end))
                    for quote in varied(
                        quotes, words_of(run.question).content, [hit.document.id for hit in hits]
                    )
                    for start, end in quote.spans
                )
            ],
            history,
            language=LANGUAGES[run.language],
            count_tokens=self._engine.count_tokens,
            budget_tokens=room,
            evidence_tokens=self._policy.evidence_tokens,
        )
        run.asked(prompt)
        return prompt

    def _generated(
        self, run: UnfinishedAnswer, prompt: Prompt, is_cancelled: Callable[[], bool]
    ) -> Iterator[AnswerEvent]:
        """Stream a draft, and each of its sentences with a verdict as soon as it is complete."""
        rest = before = ""
        first, *others = prompt.messages
        pieces = self._engine.stream(
            (replace(first, audience=run.audience), *others),
            run.decoding,
            is_cancelled=lambda: is_cancelled() or run.has_strayed,
        )
        for piece in pieces:
            yield from run.heard(piece)
            if run.has_strayed:
                continue  # only the usage is still of interest
            complete, rest = complete_sentences(
                rest + piece.text, is_final=piece.finish_reason is not None
            )
            complete = [one for one in complete if not repeats(one, first.content)]
            for written in self._assay(run, complete, prompt.evidence, before):
                sentence = self._restated(run, written, prompt.evidence)
                if not run.has_said(sentence.text):
                    yield from run.keep(sentence)
            before = complete[-1] if complete else before

    def _assay(
        self,
        run: UnfinishedAnswer,
        sentences: Sequence[str],
        evidence: Sequence[Hit],
        before: str,
    ) -> list[AssayedSentence]:
        if not sentences:
            return []
        question = run.question
        texts = [hit.passage.text for hit in evidence]
        judgements = self._verifier.judge(question, sentences, texts, before)
        known = [*texts, *(hit.passage.context for hit in evidence)]
        return [
            _doubted(
                cited(sentence, Origin.GENERATED, judgement, evidence),
                is_doubtful=speaks_of_evidence(sentence)
                or says_nothing(sentence, question)
                or bool(presumed(sentence, question, known))
                or differs_in_number(sentence, question, run.quoted),
            )
            for sentence, judgement in zip(sentences, judgements, strict=True)
        ]

    def _restated(
        self, run: UnfinishedAnswer, sentence: AssayedSentence, evidence: Sequence[Hit]
    ) -> AssayedSentence:
        """The sentence, or the statement it rests on where it says more than is quoted."""
        is_bound = not run.may_go_beyond and sentence.verdict is Verdict.SUPPORTED
        if not is_bound or not goes_beyond(sentence.text, run.quoted):
            return sentence
        for source in sentence.citations:
            statement = _statement(source, evidence)
            is_order = any(is_command(part.quote) for part in statement)
            if statement and not (is_order and self._policy.is_guarded):
                return _verbatim(statement)
        return _doubted(sentence, is_doubtful=True)


def _follows(passage: Passage, other: Passage) -> bool:
    """Whether a passage begins where another one of its page ends."""
    return (
        passage.revision_id == other.revision_id
        and passage.start == other.end
        and passage.page == other.page
    )


def _repeatable(decoding: Decoding) -> Decoding:
    """The same with a seed, if tokens are drawn: what is told with an answer repeats it."""
    if decoding.method is not Method.SAMPLING or decoding.seed is not None:
        return decoding
    return replace(decoding, seed=secrets.randbelow(_SEEDS))


def _doubted(sentence: AssayedSentence, *, is_doubtful: bool) -> AssayedSentence:
    """The sentence, supported in part at most if there is reason to doubt it."""
    if not is_doubtful or sentence.verdict is not Verdict.SUPPORTED:
        return sentence
    return replace(sentence, verdict=Verdict.PARTLY)


def _quoted(quotes: Sequence[Quote], hits: Sequence[Hit]) -> list[AssayedSentence]:
    """Verbatim sentences as part of an answer: supported by being their own evidence."""
    return [
        _verbatim([citation(*hits[quote.index].at(start, end)) for start, end in quote.spans])
        for quote in quotes
    ]


def _statement(source: Citation, evidence: Sequence[Hit]) -> list[Citation]:
    """The statement that a citation is of, whole."""
    hit = next(hit for hit in evidence if hit.passage.id == source.passage_id)
    start = source.start - hit.passage.start
    spans = statement_at(hit, start, start + len(source.quote))
    return [citation(*hit.at(*span)) for span in spans]


def _verbatim(parts: Sequence[Citation]) -> AssayedSentence:
    """The words of these places, each on a line: a row of a table under its header."""
    text = "\n".join(" ".join(part.quote.split()) for part in parts)
    return AssayedSentence(text, Origin.QUOTED, Verdict.SUPPORTED, 1.0, tuple(parts))
