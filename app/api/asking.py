"""Has questions of conversations answered: kept first, then queued, then followed to the end."""

import logging

from starlette.concurrency import run_in_threadpool

from app.api.conversation_wire import AskedJson, kept_answer_json, new_sentence_json
from app.api.decoding import told
from app.api.desk import AnswerDesk
from app.api.live_answers import LiveAnswer, LiveAnswers
from app.api.problems import Problem, problem_details, problem_of
from app.api.running import Begun, Queued, RunningAnswer
from app.api.services import Services
from app.api.wire import encoded, passage_json
from app.audit import Actor, Object
from app.conversations.history import history_of
from app.conversations.recording import recorded
from app.conversations.types import KeptAnswer, State
from app.conversations.withholding import as_readable
from app.errors import ServerStopping, UnknownAnswer
from generation.decoding import Decoding
from generation.errors import BadDecoding
from generation.types import AnswerEvent, Assayed, Drafted, Finished, Message, Retrieved
from retrieval.types import Principal

log = logging.getLogger(__name__)

_NEVER_QUIET = 3600.0


class AnswerMaker:
    """Begins answers and follows them. To be used from the event loop only."""

    def __init__(self, services: Services, desk: AnswerDesk) -> None:
        self._services = services
        self._desk = desk
        self.live = LiveAnswers()

    async def begin(
        self,
        requester: Principal,
        question: str,
        *,
        conversation_id: int | None,
        follows: int | None,
        readable: frozenset[int],
        collections: frozenset[int],
        decoding: Decoding,
        actor: Actor,
    ) -> LiveAnswer:
        """Keep a question, and have it answered from now on, whoever listens.

        Args:
            readable: what the requester may read: of earlier answers too.
            collections: what of it is searched.
            actor: who asks, for the log.

        Raises:
            UnknownConversation, UnknownAnswer: what it is to follow is not the requester's.
            TooManyAnswers, ServerBusy, ServerStopping: no place is left. Nothing is kept then.
        """
        store = self._services.conversations
        kept = await run_in_threadpool(
            store.begin,
            requester,
            question,
            conversation_id=conversation_id,
            follows=follows,
            collections=collections,
            decoding=decoding,
        )
        try:
            history = await run_in_threadpool(self._history, requester, kept, readable)
            heading = await run_in_threadpool(store.heading, requester, kept.conversation_id)
            running = self._start(requester, kept, history, readable=collections)
        except Exception:
            await run_in_threadpool(store.discard, kept.id)
            raise
        live = LiveAnswer(kept.id, requester.id, running, self._services.grace_seconds)
        asked: AskedJson = {
            "answer": kept.id,
            "conversation": kept.conversation_id,
            "follows": kept.follows,
            "title": heading.title,
        }
        live.add("asked", encoded(asked))
        self.live.follow(live, lambda live: self._follow(live, running, requester, actor))
        return live

    def _history(
        self, requester: Principal, kept: KeptAnswer, readable: frozenset[int]
    ) -> list[Message]:
        if kept.follows is None:
            return []
        store = self._services.conversations
        path = store.conversation(requester, kept.conversation_id).path_to(kept.follows)
        return history_of([as_readable(answer, readable) for answer in path])

    def _start(
        self,
        requester: Principal,
        kept: KeptAnswer,
        history: list[Message],
        *,
        readable: frozenset[int],
    ) -> RunningAnswer[AnswerEvent]:
        services = self._services
        return self._desk.start(
            requester.id,
            lambda is_cancelled: recorded(
                services.answer(
                    kept.question,
                    readable=readable,
                    history=history,
                    decoding=kept.decoding,
                    is_cancelled=is_cancelled,
                ),
                services.conversations,
                kept.id,
                verifier_version=lambda: services.verifier().version,
                is_cancelled=is_cancelled,
            ),
        )

    async def _follow(
        self,
        live: LiveAnswer,
        running: RunningAnswer[AnswerEvent],
        requester: Principal,
        actor: Actor,
    ) -> None:
        """Pass on what happens, and see to it that what is kept says how it ended."""
        try:
            async for event in running.events(_NEVER_QUIET):
                if isinstance(event, Retrieved):
                    documents = sorted({hit.document.id for hit in event.hits})
                    of = Object("answer", live.number)
                    self._services.audit.note(actor, "answer.sources", of, documents=documents)
                if frame := _frame_of(event):
                    live.add(*frame)
        except Exception as error:  # noqa: BLE001 - too late for another status: told in the stream
            stopping = isinstance(error, ServerStopping)
            problem = problem_of(
                told(error, "decoding.") if isinstance(error, BadDecoding) else error
            )
            state = State.INTERRUPTED if stopping else State.FAILED
            await self._end(live, state, problem)
            live.add("error", encoded(problem_details(problem)))
            return
        await self._end(live, live.given_up_as, None)
        try:
            kept = await run_in_threadpool(self._kept, requester, live.number)
        except UnknownAnswer:  # its conversation was deleted meanwhile
            return
        live.add("answer", encoded(kept_answer_json(kept)))

    async def _end(self, live: LiveAnswer, state: State, problem: Problem | None) -> None:
        failure = None if problem is None else problem.detail
        store = self._services.conversations
        await run_in_threadpool(store.end, live.number, state, failure=failure)

    def _kept(self, requester: Principal, number: int) -> KeptAnswer:
        readable = self._services.access.readable(requester)
        return as_readable(self._services.conversations.answer(requester, number), readable)


def _frame_of(event: object) -> tuple[str, bytes] | None:
    """The name and data of an event; None for what is not told as such."""
    match event:
        case Queued(ahead=ahead, position=position):
            return "queued", encoded({"position": position, "ahead": ahead})
        case Begun(seconds_waited=seconds):
            return "started", encoded({"seconds_waited": round(seconds, 3)})
        case Retrieved(hits=hits):
            return "retrieved", encoded({"passages": [passage_json(hit) for hit in hits]})
        case Drafted(text=text):
            return "drafted", encoded({"text": text})
        case Assayed(sentence=sentence):
            return "sentence", encoded(new_sentence_json(sentence))
        case Finished():
            return None  # told as it is kept
    return None
