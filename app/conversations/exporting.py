"""A conversation as a file that says the same without Assay: answers, quotes, revisions. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from app.conversations.types import Conversation, KeptAnswer, Quote, State
from generation.types import Verdict

_WITHHELD = "(withheld: its document was deleted, or may no longer be read)"
_ENDINGS = {
    State.MAKING: "The answer is still being made.",
    State.STOPPED: "Stopped before it was finished.",
    State.INTERRUPTED: "Interrupted before it was finished.",
    State.FAILED: "Failed",
}
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 60
_MARKS = {
    Verdict.SUPPORTED: "supported",
    Verdict.PARTLY: "partly supported",
    Verdict.UNSUPPORTED: "unsupported",
    Verdict.CONTRADICTED: "contradicted",
}
# What Markdown would take for a mark of its own.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!~])")


def as_markdown(conversation: Conversation) -> str:
    """The path to the newest answer, sentence by sentence with its verdict and its quotes."""
    lines = [f"# {_plain(conversation.heading.title)}", ""]
    for answer in conversation.newest_path:
        lines.extend(_answer(answer))
    return "\n".join(lines).rstrip() + "\n"


def as_json(conversation: Conversation) -> dict[str, Any]:
    """All versions of all answers, with everything that is kept of them."""
    return {
        "title": conversation.heading.title,
        "created_at": _moment(conversation.heading.created_at),
        "updated_at": _moment(conversation.heading.updated_at),
        "answers": [_jsonable(asdict(answer)) for answer in conversation.answers],
    }


def file_name(conversation: Conversation, ending: str) -> str:
    """A name in plain ASCII that any system takes."""
    words = _NOT_IN_NAMES.sub("-", conversation.heading.title.lower()).strip("-")
    cut = words[:_LONGEST_NAME].rstrip("-")
    return f"assay-{cut or 'conversation'}-{conversation.heading.id}.{ending}"


def _answer(answer: KeptAnswer) -> Iterator[str]:
    yield f"## {_plain(answer.question)}"
    yield ""
    if answer.facts is not None and answer.facts.abstained:
        yield _plain(answer.text)
        yield ""
        yield from _sources("Nearest", answer.nearest)
    for sentence in answer.sentences:
        text = _WITHHELD if sentence.text is None else _plain(sentence.text)
        yield f"- **{_MARKS[sentence.verdict]}** ({sentence.origin.value}): {text}"
        yield from _sources("Source", sentence.quotes)
    if answer.sentences:
        yield ""
    if answer.state is not State.FINISHED:
        failure = f": {_plain(answer.failure)}" if answer.failure else ""
        yield f"*{_ENDINGS[answer.state]}{failure}*"
        yield ""
    yield _made(answer)
    yield ""


def _sources(title: str, quotes: Sequence[Quote]) -> Iterator[str]:
    for quote in quotes:
        document = _WITHHELD if quote.document is None else _plain(quote.document)
        page = "" if quote.page is None else f", page {quote.page}"
        place = f"revision {quote.revision_id}, characters {quote.start}–{quote.end}"
        changed = "; the document has changed since" if quote.is_changed else ""
        yield f"  - {title}: {document}{page} ({place}{changed})"
        if quote.quote is not None:
            yield f"    > {_plain(quote.quote)}"


def _made(answer: KeptAnswer) -> str:
    facts = answer.facts
    if facts is None:
        return f"Asked {_moment(answer.asked_at)}."
    return (
        f"Asked {_moment(answer.asked_at)}; {_plain(facts.engine.name)}; prompt "
        f"{facts.prompt_version}; verifier {facts.verifier_version}; documents as of change "
        f"{facts.change_number}."
    )


def _plain(text: str) -> str:
    """On one line, and letter by letter what it is."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _moment(at: Any) -> str:  # noqa: ANN401
    return f"{at.isoformat(timespec='seconds')}Z"


def _jsonable(value: Any) -> Any:  # noqa: ANN401 - any field of an answer
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    return _moment(value) if hasattr(value, "isoformat") else value
