"""A kept answer, asked for again: what it was asked with, and what has become of its documents."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from app.api.wire import decoding_json, pins_json
from app.conversations.history import history_of
from app.conversations.types import Conversation, KeptAnswer, Quote, State
from app.errors import CommandFailed
from app.repeating import Difference, EarlierAnswer
from generation.types import Message

IsThere = Callable[[Sequence[int]], Mapping[int, object]]


@dataclass(frozen=True, slots=True)
class Replay:
    """What a kept answer was asked with; `collections` are those that were searched then."""

    kept: KeptAnswer
    earlier: EarlierAnswer
    history: tuple[Message, ...]
    collections: frozenset[int]


def replay_of(conversation: Conversation, answer_id: int) -> Replay:
    """What an answer of a conversation was asked with.

    Raises:
        CommandFailed: it was never finished, or words of it are withheld.
    """
    *before, kept = conversation.path_to(answer_id)
    facts = kept.facts
    if kept.state is not State.FINISHED or facts is None:
        raise CommandFailed(
            f"answer {answer_id} is {kept.state.value}, and only a finished one can be repeated; "
            "ask its question again"
        )
    if any(sentence.text is None for sentence in kept.sentences):
        raise CommandFailed(
            f"words of answer {answer_id} went with a document that was deleted: there is nothing "
            "to compare with"
        )
    earlier = EarlierAnswer.model_validate(
        {
            "question": kept.question,
            "text": kept.text,
            "abstained": facts.abstained,
            "answerability": facts.answerability,
            "engine": facts.engine.name,
            "engine_info": asdict(facts.engine),
            "decoding": decoding_json(facts.decoding),
            "prompt_version": facts.prompt_version,
            "change_number": facts.change_number,
            "usage": {"completion_tokens": facts.usage.completion_tokens},
            "sentences": [{"text": sentence.text} for sentence in kept.sentences],
            "verifier": facts.verifier_version,
            "pins": pins_json(facts),
            "policy": facts.policy.value,
        }
    )
    return Replay(kept, earlier, tuple(history_of(before)), kept.collections)


def document_differences(
    kept: KeptAnswer, existing: frozenset[int], located: IsThere
) -> Iterator[Difference]:
    """What has become of the collections and documents that an answer rests on.

    Args:
        existing: numbers of the collections that are there.
        located: the passages of these numbers that are still searched.
    """
    for number in sorted(kept.collections - existing):
        yield Difference("collection", f"number {number}", "deleted")
    told: set[int] = set()
    quotes = [quote for sentence in kept.sentences for quote in sentence.quotes]
    for quote in (*quotes, *kept.nearest):
        if quote.document_id not in told and (quote.is_changed or quote.is_deleted):
            told.add(quote.document_id)
            yield Difference("document", _then(quote), "deleted" if quote.is_deleted else "changed")
    asked = {part.passage_id for part in kept.facts.evidence} if kept.facts else set()
    gone = asked - located(sorted(asked)).keys()
    if gone and not told:
        yield Difference("evidence", f"{len(asked)} passages", f"{len(gone)} of them gone")


def _then(quote: Quote) -> str:
    name = quote.document or f"number {quote.document_id}"
    return f"{name}, revision {quote.revision_id}"
