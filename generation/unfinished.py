"""An answer while it is made: what it will be, is gathered here."""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from generation.answering_policy import AnsweringPolicy
from generation.decoding import Decoding
from generation.engines.base import is_bundled
from generation.language import abstention_in
from generation.policies import is_settled, ruled, shows_at_once, shows_drafts
from generation.prompt import PROMPT_VERSION, Prompt
from generation.sufficiency import ABSTAIN_BELOW
from generation.types import (
    Answer,
    Assayed,
    AssayedSentence,
    Draft,
    Drafted,
    EngineInfo,
    FinishReason,
    LeftOut,
    Origin,
    PassagePart,
    Piece,
    Timings,
    Token,
    Usage,
    Verdict,
)
from retrieval.types import Hit, Policy

NEAREST_PASSAGES = 3
_REPEATED_FROM_WORDS = 3
# A draft is given up after this many unsupported sentences in a row.
_STRAYED_AFTER = 2


class UnfinishedAnswer:
    """What is known of one answer so far, and what of it is shown."""

    def __init__(
        self,
        question: str,
        language: str,
        decoding: Decoding,
        engine: EngineInfo,
        change_number: int,
    ) -> None:
        self.question = question
        self.standalone = question
        self.language = language
        self.decoding = decoding
        self.answerability = 0.0
        # Who may read what its prompt holds: nobody else's prompt shares the engine's cache.
        self.audience = ""
        self.policy = Policy.SHOW
        # What would be asked, and from the first piece of a draft on, what writes it.
        self.engine = engine
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
        self._shown: list[AssayedSentence] = []
        self._evidence: tuple[PassagePart, ...] = ()
        self._left_out: LeftOut | None = None
        self._struck = 0
        self.answering = AnsweringPolicy()
        self.encoder = ""
        self.finder = ""
        self.search = ""
        self.code = ""

    def retrieved(self, hits: Sequence[Hit]) -> None:
        self._hits = tuple(hits)
        self._retrieval_seconds = self._elapsed()

    def asked(self, prompt: Prompt) -> None:
        """Note what the engine is given to read."""
        self._evidence, self._left_out = prompt.parts, prompt.left_out

    def heard(self, piece: Piece) -> Iterator[Drafted]:
        """Note what the engine has yielded, and show it, if it may be seen before it is assayed."""
        if self._first_token_seconds is None:
            self._first_token_seconds = self._elapsed()
        self._usage = piece.usage or self._usage
        self._finish_reason = piece.finish_reason
        self.engine = piece.engine or self.engine
        self._tokens.extend(piece.tokens)
        self._drafts = piece.drafts
        if piece.text and shows_drafts(self.policy) and not self.has_strayed:
            yield Drafted(piece.text)

    @property
    def quoted(self) -> tuple[str, ...]:
        """The statement that was quoted as the answer, if any: those after it only complete it."""
        return tuple(kept.text for kept in self._sentences[:1] if kept.origin is Origin.QUOTED)

    @property
    def has_strayed(self) -> bool:
        """Whether there is no use in writing on.

        The last sentences were all unsupported, and a small model does not come back; or the policy
        shows nothing more of this draft.
        """
        if is_settled(self.policy, self._sentences):
            return True
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

    @property
    def may_go_beyond(self) -> bool:
        """Whether what writes the draft may say more than is quoted."""
        return bool(in_force(self.answering, self.engine).beyond_quotes)

    def keep(self, sentence: AssayedSentence) -> Iterator[Assayed]:
        """Take a sentence in, and show it, if it is shown whatever comes after it."""
        self._sentences.append(sentence)
        if shows_at_once(self.policy, sentence):
            self._shown.append(sentence)
            yield Assayed(sentence)

    def decide(self, instead: Sequence[AssayedSentence]) -> Iterator[Assayed]:
        """Follow the policy, now that all is written, and show what was held back for it.

        Args:
            instead: quotes that stand for a draft that is not shown; those shown before it count.
        """
        ruling = ruled(self.policy, self._sentences)
        self._sentences, self._struck = list(ruling.sentences), ruling.struck
        if ruling.needs_quotes:
            more = [quote for quote in instead if not self.has_said(quote.text)]
            self._sentences += more[: max(0, len(instead) - len(self._sentences))]
        for sentence in self._sentences[len(self._shown) :]:
            yield Assayed(sentence)

    def answer(self) -> Answer:
        """The answer: what is supported; an abstention when nothing is."""
        said = [sentence for sentence in self._sentences if sentence.is_said]
        if not said:
            return self.abstention()
        return self._finished(" ".join(sentence.text for sentence in said), tuple(self._sentences))

    def abstention(self) -> Answer:
        return self._finished(abstention_in(self.language), ())

    def small_talk(self, text: str) -> Answer:
        """An answer to what asked nothing of any document."""
        self.answerability = 1.0
        return replace(self._finished(text, ()), abstained=False, is_small_talk=True)

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
            engine=self.engine,
            decoding=self.decoding,
            prompt_version=PROMPT_VERSION,
            change_number=self._change_number,
            finish_reason=self._finish_reason,
            tokens=() if self._struck else tuple(self._tokens),
            drafts=() if self._struck else self._drafts,
            language=self.language,
            evidence=self._evidence,
            left_out=self._left_out,
            standalone=self.standalone,
            policy=self.policy,
            struck=self._struck,
            encoder=self.encoder,
            finder=self.finder,
            search=self.search,
            code=self.code,
            answering=in_force(self.answering, self.engine),
        )

    def _elapsed(self) -> float:
        return time.monotonic() - self._started


def in_force(policy: AnsweringPolicy, engine: EngineInfo) -> AnsweringPolicy:
    """The policy as it is for what this engine writes: nothing in it is left open.

    The limit for abstaining is the measured one unless the policy says another.
    """
    below, beyond = policy.abstain_below, policy.beyond_quotes
    beyond = not is_bundled(engine) if beyond is None else beyond
    return replace(
        policy,
        abstain_below=ABSTAIN_BELOW if below is None else below,
        beyond_quotes=beyond,
        quotes=min(policy.quotes, 1) if beyond else policy.quotes,
    )


def _plain(text: str) -> str:
    """The words of a text, lower case, single spaces."""
    return " ".join(re.findall(r"\w+", text.lower()))
