"""The leak probe: does anybody see a passage that nobody has granted them?

A fact that nobody could know is planted in each collection (`canaries`). Then everybody asks
for every one of them through the doors that readers use. What somebody sees of a collection that
the tables of access do not give them is a leak; what somebody does not find who may read it is a
blind spot, for a probe that finds nothing proves nothing.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol, TypeAlias

from evals.errors import NothingToProbe
from evals.probing.canaries import Canary, planted, sweep
from evals.probing.granted import Granted
from generation.decoding import Decoding
from generation.types import (
    Answer,
    AnswerEvent,
    Assayed,
    AssayedSentence,
    Drafted,
    Finished,
    Retrieved,
)
from retrieval.encoder import Encoder
from retrieval.store import Store
from retrieval.types import Hit, Mode, Principal

Answers: TypeAlias = Literal["all", "sample", "none"]
OPERATOR = "(operator)"
NOBODY = "(nobody)"
# Answers are slow: these many questions, half of them about what must not be seen.
SAMPLED_ANSWERS = 20
# Room for what is nearer to a question than its canary, beside the canaries, which are much alike.
_SPARE_HITS = 10
# How long a question takes, in searches: only to tell how much is left.
_SEARCHES_PER_ANSWER = 100
# A leak shows in the evidence; the draft need not be long to show it too.
_ANSWER_TOKENS = 32


class Door(StrEnum):
    """Where something can be seen."""

    GRANTS = "grants"
    DENSE = "dense search"
    LEXICAL = "lexical search"
    HYBRID = "hybrid search"
    ANSWER = "answer"


_MODES = {Door.DENSE: Mode.DENSE, Door.LEXICAL: Mode.LEXICAL, Door.HYBRID: Mode.HYBRID}


class Search(Protocol):
    """`Searcher.search`."""

    def __call__(
        self, question: str, *, readable: frozenset[int], k: int, mode: Mode
    ) -> list[Hit]: ...


class Answering(Protocol):
    """`Answerer.answer`, as far as a probe needs it."""

    def __call__(
        self, question: str, *, readable: frozenset[int], decoding: Decoding
    ) -> Iterator[AnswerEvent]: ...


class Reading(Protocol):
    """What decides who may read what: `AccessList`."""

    def readable(self, principal: Principal) -> frozenset[int]: ...

    def everything(self) -> frozenset[int]: ...


@dataclass(frozen=True, slots=True)
class Leak:
    """Somebody saw something of a collection that is not theirs, `times` times.

    `where` is what showed it: a hit, the nearest passages, a citation, a sentence, a draft.
    """

    asker: str
    collection: str
    door: Door
    where: str
    times: int


@dataclass(frozen=True, slots=True)
class BlindSpot:
    """Somebody who may read a collection did not find what is in it."""

    asker: str
    collection: str
    door: Door


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What a probe saw. `asked` counts questions by door; `swept` what an earlier one had left."""

    collections: int
    askers: int
    asked: dict[Door, int]
    leaks: tuple[Leak, ...]
    blind_spots: tuple[BlindSpot, ...]
    swept: int

    @property
    def passed(self) -> bool:
        """Nothing leaked, and the probe could have seen it."""
        return not self.leaks and not self.blind_spots


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody who asks: a user, a group, the operator, or nobody at all.

    `number` is a principal's. `readable` is what the product says they may read, `granted` what
    the tables say.
    """

    number: int | None
    name: str
    readable: frozenset[int]
    granted: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Question:
    asker: Asker
    canary: Canary
    door: Door

    @property
    def is_forbidden(self) -> bool:
        return self.canary.collection.id not in self.asker.granted

    @property
    def cost(self) -> int:
        return _SEARCHES_PER_ANSWER if self.door is Door.ANSWER else 1


@dataclass(slots=True)
class _Seen:
    """What was seen so far, as (asker, collection id, door, where)."""

    leaks: Counter[tuple[Asker, int, Door, str]] = field(default_factory=Counter)
    blind: list[_Question] = field(default_factory=list)
    asked: Counter[Door] = field(default_factory=Counter)


def probe(
    store: Store,
    encoder: Encoder,
    access: Reading,
    granted: Callable[[], Granted],
    search: Search,
    answer: Callable[[], Answering],
    *,
    answers: Answers = "sample",
    seed: int = 0,
    on_progress: Callable[[int, int, str], object] = lambda _done, _total, _remark: None,
) -> ProbeReport:
    """Plant, ask, remove, report.

    Args:
        granted: reads the tables of access. They are read before and after: what was granted
            meanwhile is no leak.
        answer: gives what answers, when it is first needed.
        on_progress: told (done, of how much, what is being asked) before each question, in the
            time of a search.

    Raises:
        NothingToProbe: there is no collection.
    """
    swept = sweep(store)
    collections = store.collections()
    if not collections:
        raise NothingToProbe
    before = granted()
    askers = askers_of(before, access)
    seen = _Seen()
    with planted(store, encoder, collections) as canaries:
        questions = list(_questions(askers, canaries, answers, seed))
        doors = _Doors(store, search, answer, canaries)
        done, whole = 0, sum(question.cost for question in questions)
        for question in questions:
            on_progress(done, whole, f"{question.asker.name}, {question.door}")
            seen.asked[question.door] += 1
            doors.ask(question, seen)
            done += question.cost
    after = granted()
    return ProbeReport(
        collections=len(collections),
        askers=len(askers),
        asked=dict(seen.asked),
        leaks=tuple(_leaks(seen, askers, before, after)),
        blind_spots=tuple(_blind_spots(seen, askers, before, after)),
        swept=swept,
    )


def askers_of(granted: Granted, access: Reading) -> list[Asker]:
    """Everybody who can ask: the operator, each user and group by name, and nobody.

    The operator asks first: what a cache then hands to others is all there is. API keys act as
    their users and have no rights of their own.
    """
    everything = frozenset(granted.collections)
    people = [
        Asker(
            number,
            name,
            access.readable(Principal(number, name, number in granted.administrators)),
            granted.expected(number),
        )
        for number, name in sorted(granted.names.items(), key=lambda one: one[1])
    ]
    operator = Asker(None, OPERATOR, access.everything(), everything)
    return [operator, *people, Asker(None, NOBODY, frozenset(), frozenset())]


def _questions(
    askers: Sequence[Asker], canaries: Sequence[Canary], answers: Answers, seed: int
) -> Iterator[_Question]:
    """Every asker about every canary at every search door, and as many answers as are wanted."""
    for asker in askers:
        for canary in canaries:
            for door in _MODES:
                yield _Question(asker, canary, door)
    answered = [_Question(asker, canary, Door.ANSWER) for asker in askers for canary in canaries]
    if answers == "all":
        yield from answered
    elif answers == "sample":
        yield from _sampled(answered, seed)


def _sampled(questions: Sequence[_Question], seed: int) -> list[_Question]:
    """Some of each kind: a sample without anything forbidden could not show a leak."""
    draw = random.Random(seed)  # noqa: S311 - which questions are asked is no secret
    forbidden = [question for question in questions if question.is_forbidden]
    allowed = [question for question in questions if not question.is_forbidden]
    half = SAMPLED_ANSWERS // 2
    taken = draw.sample(forbidden, min(len(forbidden), SAMPLED_ANSWERS - min(len(allowed), half)))
    return [*taken, *draw.sample(allowed, min(len(allowed), SAMPLED_ANSWERS - len(taken)))]


class _Doors:
    """Asks at a door, and looks at all that comes back."""

    def __init__(
        self,
        store: Store,
        search: Search,
        answer: Callable[[], Answering],
        canaries: Sequence[Canary],
    ) -> None:
        self._store = store
        self._search = search
        self._answer = answer
        self._canaries = canaries

    def ask(self, question: _Question, seen: _Seen) -> None:
        """Ask once; count what must not be there, and note when what must be there is not."""
        parts = self._answered(question) if question.door is Door.ANSWER else self._found(question)
        shown: set[int] = set()
        for where, collections in parts:
            shown |= collections
            for collection in collections - question.asker.granted:
                seen.leaks[question.asker, collection, question.door, where] += 1
        if not question.is_forbidden and question.canary.collection.id not in shown:
            seen.blind.append(question)

    def _found(self, question: _Question) -> Iterator[tuple[str, set[int]]]:
        hits = self._search(
            question.canary.question,
            readable=question.asker.readable,
            k=len(self._canaries) + _SPARE_HITS,
            mode=_MODES[question.door],
        )
        yield "hit", self._shown_by(hits, question)

    def _answered(self, question: _Question) -> Iterator[tuple[str, set[int]]]:
        draft = ""
        events = self._answer()(
            question.canary.question,
            readable=question.asker.readable,
            decoding=Decoding(max_tokens=_ANSWER_TOKENS),
        )
        for event in events:
            if isinstance(event, Retrieved):
                yield "evidence", self._shown_by(event.hits, question)
            elif isinstance(event, Drafted):
                draft += event.text
            elif isinstance(event, Assayed):
                yield from self._said(event.sentence)
            elif isinstance(event, Finished):
                yield from self._finished(event.answer, question)
        yield "draft", self._told(draft)

    def _finished(self, answer: Answer, question: _Question) -> Iterator[tuple[str, set[int]]]:
        yield "text", self._told(answer.text)
        yield "nearest", self._shown_by(answer.nearest, question)
        for sentence in answer.sentences:
            yield from self._said(sentence)

    def _said(self, sentence: AssayedSentence) -> Iterator[tuple[str, set[int]]]:
        yield "sentence", self._told(sentence.text)
        cited = self._store.located([one.passage_id for one in sentence.citations])
        quotes = " ".join(one.quote for one in sentence.citations)
        yield "citation", self._told(quotes) | {one.passage.collection_id for one in cited.values()}

    def _shown_by(self, hits: Iterable[Hit], question: _Question) -> set[int]:
        """The collections that hits come from, or speak of.

        Of those that may be read, only the one that was asked for counts as found when its
        codeword is there: any other passage of the collection would prove nothing.
        """
        hits = list(hits)
        text = "\n".join(f"{hit.document.title} {hit.passage.text}" for hit in hits)
        foreign = {hit.passage.collection_id for hit in hits} - question.asker.granted
        return foreign | self._told(text)

    def _told(self, text: str) -> set[int]:
        """The collections whose codeword stands in a text."""
        return {one.collection.id for one in self._canaries if one.codeword in text}


def _leaks(seen: _Seen, askers: Sequence[Asker], before: Granted, after: Granted) -> Iterator[Leak]:
    names = before.collections | after.collections
    for asker in askers:
        for collection in sorted(asker.readable - asker.granted - _granted_now(asker, after)):
            yield Leak(asker.name, names.get(collection, "?"), Door.GRANTS, "readable", 1)
    for (asker, collection, door, where), times in seen.leaks.items():
        if collection not in _granted_now(asker, after):
            yield Leak(asker.name, names.get(collection, "?"), door, where, times)


def _blind_spots(
    seen: _Seen, askers: Sequence[Asker], before: Granted, after: Granted
) -> Iterator[BlindSpot]:
    for asker in askers:
        for collection in sorted((asker.granted - asker.readable) & _granted_now(asker, after)):
            yield BlindSpot(asker.name, before.collections[collection], Door.GRANTS)
    for question in seen.blind:
        of = question.canary.collection
        if of.id in _granted_now(question.asker, after):
            yield BlindSpot(question.asker.name, of.name, question.door)


def _granted_now(asker: Asker, granted: Granted) -> frozenset[int]:
    """What somebody may read by other tables than those they were made from."""
    if asker.number is not None:
        return granted.expected(asker.number)
    return frozenset(granted.collections) if asker.granted else frozenset()
