"""Has the audit log say which documents an answer was made of. Numbers, never words."""

from collections.abc import Iterator

from app.audit import Actor, AuditLog
from generation.types import AnswerEvent, Retrieved


def sources_noted(
    events: Iterator[AnswerEvent], audit: AuditLog, actor: Actor
) -> Iterator[AnswerEvent]:
    """Pass the events of an answer on, and note the documents that were found for it.

    Noted when they were found, not at the end: whoever breaks an answer off has seen them.
    """
    for event in events:
        if isinstance(event, Retrieved) and event.hits:
            documents = sorted({hit.document.id for hit in event.hits})
            audit.note(actor, "answer.sources", documents=documents)
        yield event
