"""Conversations and their answers in SQL. Everybody has their own and sees no others.

Whoever asks for what is not theirs is told what is told of what is not there. `owner` None is the
operator at the command line, who sees all.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, delete, insert, or_, select, update

from app.conversations.reading import DECODING, kept_answers
from app.conversations.schema import answer_sentences, answer_sources, answers, conversations
from app.conversations.types import (
    Conversation,
    Drafts,
    Heading,
    KeptAnswer,
    Reason,
    State,
    Thumb,
)
from app.conversations.writing import (
    DRAFTS,
    FACTS,
    add_sentence,
    add_sources,
    facts_of,
    has_lost_a_source,
    replace_sentences,
)
from app.errors import UnknownAnswer, UnknownConversation
from generation.decoding import Decoding
from generation.types import Answer, AssayedSentence
from retrieval.database import writing
from retrieval.types import Hit, Principal

LONGEST_TITLE = 120
# A database takes only so many values in a statement.
_MOST_WORDS = 8


class ConversationStore:
    """Keeps what is asked and answered. Each write is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # An answer while it is made

    def begin(
        self,
        owner: Principal,
        question: str,
        *,
        conversation_id: int | None,
        follows: int | None,
        collections: frozenset[int],
        decoding: Decoding,
    ) -> KeptAnswer:
        """Keep a question whose answer is about to be made.

        Args:
            conversation_id: None begins a conversation, with the question as its title.
            follows: the answer it goes on from; None for a first question.
            collections: what is searched.

        Raises:
            UnknownConversation: it is not the owner's.
            UnknownAnswer: `follows` is none of that conversation.
        """
        now = _now()
        with writing(self._engine) as sql:
            if conversation_id is None:
                row = {
                    "principal_id": owner.id,
                    "title": title_of(question),
                    "created_at": now,
                    "updated_at": now,
                }
                made = insert(conversations).values(row).returning(conversations.c.id)
                conversation_id = int(sql.execute(made).scalar_one())
            else:
                _heading(sql, owner, conversation_id)
                touch = update(conversations).where(conversations.c.id == conversation_id)
                sql.execute(touch.values(updated_at=now))
            if follows is not None:
                _require_in(sql, follows, conversation_id)
            answer = {
                "conversation_id": conversation_id,
                "follows": follows,
                "question": question,
                "state": State.MAKING.value,
                "asked_at": now,
                "collections": json.dumps(sorted(collections)),
                "decoding": DECODING.dump_json(decoding).decode(),
            }
            made = insert(answers).values(answer).returning(answers.c.id)
            answer_id = int(sql.execute(made).scalar_one())
            if follows is not None:
                before = select(answer_sources.c.document_id, answer_sources.c.collection_id).where(
                    answer_sources.c.answer_id == follows
                )
                pairs = [(row.document_id, row.collection_id) for row in sql.execute(before)]
                add_sources(sql, answer_id, pairs)
        return self.answer(owner, answer_id)

    def discard(self, answer_id: int) -> None:
        """Forget a question that was not taken after all, and a conversation of nothing else."""
        with writing(self._engine) as sql:
            own = select(answers.c.conversation_id).where(answers.c.id == answer_id)
            conversation_id = sql.execute(own).scalar()
            sql.execute(delete(answers).where(answers.c.id == answer_id))
            others = select(answers.c.id).where(answers.c.conversation_id == conversation_id)
            if sql.execute(others.limit(1)).scalar() is None:
                sql.execute(delete(conversations).where(conversations.c.id == conversation_id))

    def add_sources(self, answer_id: int, hits: Sequence[Hit]) -> None:
        """Note what was found for an answer: its words may be of all of these."""
        found = [(hit.document.id, hit.passage.collection_id) for hit in hits]
        with writing(self._engine) as sql:
            if _is_there(sql, answer_id):
                add_sources(sql, answer_id, found)

    def add_sentence(self, answer_id: int, position: int, sentence: AssayedSentence) -> None:
        """Keep a sentence that was assayed; `position` counts from 0."""
        with writing(self._engine) as sql:
            if _is_there(sql, answer_id):
                add_sentence(sql, answer_id, position, sentence)

    def finish(self, answer_id: int, answer: Answer, *, verifier_version: str) -> None:
        """Keep the whole answer. Nothing to do when its conversation was deleted meanwhile."""
        drafts = Drafts(answer.tokens, answer.drafts)
        with writing(self._engine) as sql:
            if not _is_there(sql, answer_id):
                return
            replace_sentences(sql, answer_id, answer)
            is_kept = drafts != Drafts() and not has_lost_a_source(sql, answer_id)
            sql.execute(
                update(answers)
                .where(answers.c.id == answer_id)
                .values(
                    state=State.FINISHED.value,
                    ended_at=_now(),
                    facts=FACTS.dump_json(facts_of(answer, verifier_version)).decode(),
                    drafts=DRAFTS.dump_json(drafts).decode() if is_kept else None,
                )
            )

    def end(self, answer_id: int, state: State, *, failure: str | None = None) -> None:
        """Note that an answer will not be finished; one that was stays as it is."""
        with writing(self._engine) as sql:
            sql.execute(
                update(answers)
                .where(answers.c.id == answer_id)
                .where(answers.c.state != State.FINISHED.value)
                .values(state=state.value, ended_at=_now(), failure=failure)
            )

    def interrupt_unfinished(self) -> int:
        """Note of every answer being made that it will not be: their server is gone.

        Returns:
            How many there were.
        """
        with writing(self._engine) as sql:
            making = update(answers).where(answers.c.state == State.MAKING.value)
            ended = making.values(state=State.INTERRUPTED.value, ended_at=_now())
            return int(sql.execute(ended).rowcount)

    # Conversations

    def headings(
        self,
        owner: Principal,
        *,
        words: str = "",
        before: tuple[datetime, int] | None = None,
        limit: int = 50,
    ) -> list[Heading]:
        """The owner's conversations, the one that was last asked in first.

        Args:
            words: each of them stands in the title, in a question or in an answer.
            before: (`updated_at`, `id`) of the last one of the page before.
        """
        query = select(conversations).where(conversations.c.principal_id == owner.id)
        for word in words.split()[:_MOST_WORDS]:
            query = query.where(_holds(word))
        if before is not None:
            moment, number = before
            is_older = conversations.c.updated_at < moment
            is_same = (conversations.c.updated_at == moment) & (conversations.c.id < number)
            query = query.where(is_older | is_same)
        query = query.order_by(conversations.c.updated_at.desc(), conversations.c.id.desc())
        with self._engine.begin() as sql:
            return [_heading_of(row) for row in sql.execute(query.limit(limit))]

    def heading(self, owner: Principal | None, conversation_id: int) -> Heading:
        """What a conversation is called.

        Raises:
            UnknownConversation: there is none, or it is not the owner's.
        """
        with self._engine.begin() as sql:
            return _heading_of(_heading(sql, owner, conversation_id))

    def conversation(self, owner: Principal | None, conversation_id: int) -> Conversation:
        """A conversation with every answer in it.

        Raises:
            UnknownConversation: there is none, or it is not the owner's.
        """
        with self._engine.begin() as sql:
            row = _heading(sql, owner, conversation_id)
            query = select(answers).where(answers.c.conversation_id == conversation_id)
            found = sql.execute(query.order_by(answers.c.id)).all()
            return Conversation(_heading_of(row), row.principal_id, kept_answers(sql, found))

    def rename(self, owner: Principal, conversation_id: int, title: str) -> None:
        """Call a conversation something else. It stays where it is in the list.

        Raises:
            UnknownConversation: it is not the owner's.
        """
        with writing(self._engine) as sql:
            _heading(sql, owner, conversation_id)
            named = update(conversations).where(conversations.c.id == conversation_id)
            sql.execute(named.values(title=title_of(title)))

    def delete(self, owner: Principal, conversation_id: int) -> None:
        """Delete a conversation with everything in it.

        Raises:
            UnknownConversation: it is not the owner's.
        """
        with writing(self._engine) as sql:
            _heading(sql, owner, conversation_id)
            sql.execute(delete(conversations).where(conversations.c.id == conversation_id))

    # Answers

    def answer(self, owner: Principal | None, answer_id: int) -> KeptAnswer:
        """An answer as it is kept.

        Raises:
            UnknownAnswer: there is none, or it is not the owner's.
        """
        with self._engine.begin() as sql:
            row = sql.execute(_owned(owner, answer_id)).one_or_none()
            if row is None:
                raise UnknownAnswer(answer_id)
            return kept_answers(sql, [row])[0]

    def rate(
        self,
        owner: Principal,
        answer_id: int,
        thumb: Thumb | None,
        *,
        reason: Reason | None = None,
        comment: str = "",
    ) -> bool:
        """Note what its reader thinks of an answer; None takes it back.

        Returns:
            Whether it is the first thumb this answer gets.

        Raises:
            UnknownAnswer: it is not the owner's.
        """
        with writing(self._engine) as sql:
            row = sql.execute(_owned(owner, answer_id)).one_or_none()
            if row is None:
                raise UnknownAnswer(answer_id)
            rated = update(answers).where(answers.c.id == answer_id)
            sql.execute(rated.values(thumb=thumb, reason=reason, comment=comment or None))
            return row.thumb is None and thumb is not None


def title_of(words: str) -> str:
    """What a conversation is called by: on one line, and cut between words when it is long."""
    line = " ".join(words.split())
    if len(line) <= LONGEST_TITLE:
        return line
    cut = line[: LONGEST_TITLE - 2]
    return cut[: max(cut.rfind(" "), LONGEST_TITLE // 2)].rstrip() + " …"


def _holds(word: str) -> Any:  # noqa: ANN401 - a SQL expression
    """Condition on `conversations`: the word stands somewhere in it.

    SQLite knows capitals of the Latin alphabet only; of others the usual spellings are tried.
    """
    spellings = {word, word.lower(), word.capitalize(), word.upper()}

    def in_(column: Any) -> Any:  # noqa: ANN401
        return or_(*(column.icontains(spelling, autoescape=True) for spelling in spellings))

    asked = select(answers.c.conversation_id).where(in_(answers.c.question))
    said = (
        select(answers.c.conversation_id)
        .join(answer_sentences, answer_sentences.c.answer_id == answers.c.id)
        .where(in_(answer_sentences.c.text))
    )
    return or_(
        in_(conversations.c.title), conversations.c.id.in_(asked), conversations.c.id.in_(said)
    )


def _heading(sql: Connection, owner: Principal | None, conversation_id: int) -> Any:  # noqa: ANN401
    row = sql.execute(
        select(conversations).where(conversations.c.id == conversation_id)
    ).one_or_none()
    if row is None or (owner is not None and row.principal_id != owner.id):
        raise UnknownConversation(conversation_id)
    return row


def _heading_of(row: Any) -> Heading:  # noqa: ANN401
    return Heading(row.id, row.title, row.created_at, row.updated_at)


def _owned(owner: Principal | None, answer_id: int) -> Select[Any]:
    query = select(answers).where(answers.c.id == answer_id)
    if owner is None:
        return query
    return query.join(conversations, conversations.c.id == answers.c.conversation_id).where(
        conversations.c.principal_id == owner.id
    )


def _require_in(sql: Connection, answer_id: int, conversation_id: int) -> None:
    own = select(answers.c.conversation_id).where(answers.c.id == answer_id)
    if sql.execute(own).scalar() != conversation_id:
        raise UnknownAnswer(answer_id)


def _is_there(sql: Connection, answer_id: int) -> bool:
    return sql.execute(select(answers.c.id).where(answers.c.id == answer_id)).scalar() is not None


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
