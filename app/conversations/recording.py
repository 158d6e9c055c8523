"""Keeps an answer while it is made: what was assayed by then survives whatever ends it."""

from collections.abc import Callable, Iterator

from app.conversations.store import ConversationStore
from generation.types import AnswerEvent, Assayed, Finished, Retrieved


def recorded(
    events: Iterator[AnswerEvent],
    store: ConversationStore,
    answer_id: int,
    *,
    verifier_version: Callable[[], str],
    is_cancelled: Callable[[], bool],
) -> Iterator[AnswerEvent]:
    """Pass the events on, each when it is kept. A draft is not kept before it is assayed.

    The whole answer of one that was cancelled is a part of what it would have been: it is kept as
    the sentences it has.
    """
    position = 0
    for event in events:
        match event:
            case Retrieved(hits=hits):
                store.add_sources(answer_id, hits)
            case Assayed(sentence=sentence):
                store.add_sentence(answer_id, position, sentence)
                position += 1
            case Finished(answer=answer) if not is_cancelled():
                store.finish(answer_id, answer, verifier_version=verifier_version())
        yield event
