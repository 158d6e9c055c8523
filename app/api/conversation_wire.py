"""Conversations as JSON. Words that are withheld are null."""

from datetime import datetime
from typing import TypedDict

from app.api.wire import (
    CommandJson,
    DecodingJson,
    DraftJson,
    EngineJson,
    EvidenceJson,
    JudgedJson,
    LeftOutJson,
    PinsJson,
    TimingsJson,
    TokenJson,
    UsageJson,
    commands_json,
    decoding_json,
    engine_json,
    judged_json,
    left_out_json,
    pins_json,
    timings_json,
    usage_json,
)
from app.conversations.types import (
    Conversation,
    Drafts,
    Facts,
    Heading,
    KeptAnswer,
    KeptSentence,
    Quote,
)
from app.web.markdown import rendered
from generation.types import AssayedSentence, Origin


class HeadingJson(TypedDict):
    """A conversation in a list."""

    id: int
    title: str
    created_at: str
    updated_at: str


class QuoteJson(TypedDict):
    """Words an answer rests on. `quote` and `document` are null when they are withheld."""

    document: str | None
    document_id: int
    revision_id: int
    page: int | None
    start: int
    end: int
    quote: str | None
    is_changed: bool
    is_deleted: bool
    commands: list[CommandJson]


class KeptSentenceJson(JudgedJson):
    """A sentence of a kept answer. `html` is its text as Markdown; null for a quoted one."""

    text: str | None
    html: str | None
    citations: list[QuoteJson]


class MadeJson(TypedDict):
    """How a finished answer was made."""

    abstained: bool
    answerability: float
    usage: UsageJson
    timings: TimingsJson
    engine: str
    engine_info: EngineJson
    decoding: DecodingJson
    prompt_version: str
    verifier_version: str
    change_number: int
    finish_reason: str | None
    language: str
    evidence: list[EvidenceJson]
    left_out: LeftOutJson | None
    policy: str
    struck: int
    standalone_question: str
    small_talk: bool
    pins: PinsJson
    drafts: list[DraftJson]
    tokens: list[TokenJson]


class KeptAnswerJson(TypedDict):
    """A question and what became of it."""

    id: int
    conversation: int
    follows: int | None
    question: str
    state: str
    asked_at: str
    ended_at: str | None
    text: str
    sentences: list[KeptSentenceJson]
    nearest: list[QuoteJson]
    made: MadeJson | None
    failure: str | None
    thumb: str | None
    reason: str | None
    comment: str


class ConversationJson(HeadingJson):
    """A conversation with every version of every answer, in the order they were asked."""

    answers: list[KeptAnswerJson]


class AskedJson(TypedDict):
    """What a question was kept as."""

    answer: int
    conversation: int
    follows: int | None
    title: str


def heading_json(heading: Heading) -> HeadingJson:
    """A line of the list."""
    return {
        "id": heading.id,
        "title": heading.title,
        "created_at": moment(heading.created_at),
        "updated_at": moment(heading.updated_at),
    }


def conversation_json(conversation: Conversation) -> ConversationJson:
    """All of it."""
    return {
        **heading_json(conversation.heading),
        "answers": [kept_answer_json(answer) for answer in conversation.answers],
    }


def kept_answer_json(answer: KeptAnswer) -> KeptAnswerJson:
    """An answer as its reader may see it; see `app.conversations.withholding`."""
    return {
        "id": answer.id,
        "conversation": answer.conversation_id,
        "follows": answer.follows,
        "question": answer.question,
        "state": answer.state.value,
        "asked_at": moment(answer.asked_at),
        "ended_at": None if answer.ended_at is None else moment(answer.ended_at),
        "text": answer.text,
        "sentences": [kept_sentence_json(sentence) for sentence in answer.sentences],
        "nearest": [quote_json(quote) for quote in answer.nearest],
        "made": None if answer.facts is None else _made_json(answer.facts, answer.drafts),
        "failure": answer.failure,
        "thumb": answer.thumb,
        "reason": answer.reason,
        "comment": answer.comment,
    }


def kept_sentence_json(sentence: KeptSentence) -> KeptSentenceJson:
    """A sentence as it is kept."""
    return _sentence_json(sentence, [quote_json(quote) for quote in sentence.quotes])


def new_sentence_json(sentence: AssayedSentence) -> KeptSentenceJson:
    """A sentence that was just assayed, as it will be kept."""
    citations: list[QuoteJson] = [
        {
            "document": citation.document,
            "document_id": citation.document_id,
            "revision_id": citation.revision_id,
            "page": citation.page,
            "start": citation.start,
            "end": citation.end,
            "quote": citation.quote,
            "is_changed": False,
            "is_deleted": False,
            "commands": commands_json(citation.quote, citation.start),
        }
        for citation in sentence.citations
    ]
    return _sentence_json(sentence, citations)


def quote_json(quote: Quote) -> QuoteJson:
    """Words an answer rests on, or that came near."""
    return {
        "document": quote.document,
        "document_id": quote.document_id,
        "revision_id": quote.revision_id,
        "page": quote.page,
        "start": quote.start,
        "end": quote.end,
        "quote": quote.quote,
        "is_changed": quote.is_changed,
        "is_deleted": quote.is_deleted,
        "commands": [] if quote.quote is None else commands_json(quote.quote, quote.start),
    }


def moment(at: datetime) -> str:
    """A naive UTC time as RFC 3339 has it."""
    return at.isoformat(timespec="milliseconds") + "Z"


def _sentence_json(
    sentence: KeptSentence | AssayedSentence, citations: list[QuoteJson]
) -> KeptSentenceJson:
    return {
        "text": sentence.text,
        "html": _html(sentence.text, sentence.origin),
        **judged_json(sentence),
        "citations": citations,
    }


def _html(text: str | None, origin: Origin) -> str | None:
    # What a document says is shown letter by letter; what a model writes is Markdown.
    return None if text is None or origin is Origin.QUOTED else rendered(text)


def _made_json(facts: Facts, drafts: Drafts) -> MadeJson:
    return {
        "abstained": facts.abstained,
        "answerability": facts.answerability,
        "usage": usage_json(facts.usage),
        "timings": timings_json(facts.timings),
        "engine": facts.engine.name,
        "engine_info": engine_json(facts.engine),
        "decoding": decoding_json(facts.decoding),
        "prompt_version": facts.prompt_version,
        "verifier_version": facts.verifier_version,
        "change_number": facts.change_number,
        "finish_reason": facts.finish_reason,
        "language": facts.language,
        "evidence": [
            {"passage": part.passage_id, "start": part.start, "end": part.end}
            for part in facts.evidence
        ],
        "left_out": left_out_json(facts.left_out),
        "policy": facts.policy.value,
        "struck": facts.struck,
        "standalone_question": facts.standalone,
        "small_talk": facts.is_small_talk,
        "pins": pins_json(facts),
        "drafts": [{"text": draft.text, "logprob": draft.logprob} for draft in drafts.drafts],
        "tokens": [{"text": token.text, "logprob": token.logprob} for token in drafts.tokens],
    }
