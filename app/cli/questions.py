"""`assay search` and `assay ask`."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from app.cli.again import answer_object, ask_like, ask_replayed, last_answer
from app.cli.decoding import CommandWithDecoding, decoding_options
from app.cli.narrowing import narrowing_options
from app.cli.opening import open_assay, readable_by
from app.cli.terminal import MARKS, Terminal, excerpt, json_option, progress
from app.errors import CommandFailed

if TYPE_CHECKING:
    from generation.decoding import Decoding
    from generation.types import Answer, AnswerEvent, AssayedSentence
    from retrieval.narrowing import Narrowing
    from retrieval.types import Hit

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--collection", metavar="NAME", help="Look only in this collection."),
        click.option(
            "--as", "principal", metavar="PRINCIPAL", help="Read what this user may read."
        ),
        json_option,
        click.pass_obj,
    ):
        command = option(command)
    return command


@click.command(
    epilog='\b\nExamples:\n  assay search "notice period"\n'
    "  assay search -k 3 --as maria --json warranty\n"
    "  assay search --type pdf --since 2026-11-01 indemnity\n"
    "  assay search --queries queries.jsonl"
)
@click.argument("question", required=False)
@click.option("-k", default=10, show_default=True, type=click.IntRange(1, 1000))
@click.option("--queries", type=_file, help='Lines of {"_id", "text"}; prints a JSON line each.')
@narrowing_options
@_common
def search(
    terminal: Terminal,
    question: str | None,
    k: int,
    queries: Path | None,
    principal: str | None,
    collection: str | None,
    within: "Narrowing",
) -> None:
    """Find the passages nearest to a question, by meaning and by words."""
    assay = open_assay()
    readable = readable_by(assay, principal, collection)

    def find(text: str) -> "list[Hit]":
        if not readable:
            return []
        return assay.searcher.search(text, readable=readable, k=k, within=within)

    if queries is not None:
        rows = list(_rows(queries, "text"))
        with progress("Searching", len(rows)) as show:
            for done, (identifier, text) in enumerate(rows, start=1):
                terminal.result({"_id": identifier, "hits": _hits_json(find(text))})
                show(done, f"{done} of {len(rows)} questions")
        return
    if question is None:
        raise click.UsageError("give a question, or --queries FILE")
    from generation.injection import is_command

    hits = find(question)
    if terminal.is_json:
        terminal.result({"hits": _hits_json(hits)})
        return
    for rank, hit in enumerate(hits, start=1):
        terminal.line(f"{rank}. {_place(hit.document.name, hit.passage.page)}  {hit.score:.4f}")
        terminal.line(f"   {excerpt(hit.passage.text)}")
        if is_command(hit.passage.text):
            terminal.line("   it gives orders to a model; they are not followed", colour="yellow")
    if not hits:
        terminal.line("nothing found; `assay status` says what is there")


@click.command(
    cls=CommandWithDecoding,
    epilog='\b\nExamples:\n  assay ask "How long is the notice period?"\n'
    '  assay ask --json "Who signs purchases?" > answer.json\n  assay ask --like answer.json\n'
    '  assay ask --temperature 0.7 --top-p 0.9 --seed 7 "How do I claim expenses?"\n'
    '  assay ask --num-beams 4 "How do I claim expenses?"\n'
    "  assay ask --questions questions.jsonl --json",
)
@click.argument("question", required=False)
@click.option("--questions", type=_file, help='Lines of {"_id", "question"}; a JSON line each.')
@click.option(
    "--like",
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help="Ask again as for this answer, the output of --json; - is standard input.",
)
@click.option(
    "--replay",
    type=click.IntRange(1),
    metavar="ID",
    help="Ask again as for this answer of a conversation, and say what has changed.",
)
@narrowing_options
@_common
@decoding_options
def ask(
    terminal: Terminal,
    question: str | None,
    questions: Path | None,
    like: IO[str] | None,
    replay: int | None,
    principal: str | None,
    collection: str | None,
    within: "Narrowing",
    asked: dict[str, Any],
) -> None:
    """Answer a question from the documents, each sentence with its verdict and its source.

    Says so when the documents do not hold the answer, and names the nearest passages.
    """
    _require_one(question, questions, like, replay, asked)
    _require_own(replay, principal, collection, within)
    assay = open_assay()
    readable = readable_by(assay, principal, collection)

    def events(text: str, decoding: "Decoding") -> "Iterator[AnswerEvent]":
        return assay.answerer.answer(text, readable=readable, decoding=decoding, within=within)

    if like is not None:
        ask_like(terminal, assay, like, events, show=_show)
        return
    if replay is not None:
        ask_replayed(terminal, assay, replay, _show)
        return
    from app.decoding import decoding_over

    decoding = decoding_over(assay.settings.decoding, asked)
    if questions is not None:
        rows = list(_rows(questions, "question"))
        with progress("Answering", len(rows)) as show:
            for done, (identifier, text) in enumerate(rows, start=1):
                terminal.result({"_id": identifier, **_answered(events(text, decoding))})
                show(done, f"{done} of {len(rows)} questions")
    elif question is not None and terminal.is_json:
        terminal.result(answer_object(last_answer(events(question, decoding))))
    elif question is not None:
        terminal.note("Loading the models…")
        _show(terminal, events(question, decoding))


def _require_one(
    question: str | None,
    questions: Path | None,
    like: IO[str] | None,
    replay: int | None,
    asked: dict[str, Any],
) -> None:
    given = [one for one in (question, questions, like, replay) if one is not None]
    if len(given) != 1:
        raise click.UsageError(
            "give one of: a question, --questions FILE, --like FILE, --replay ID"
        )
    repeated = "--like" if like is not None else "--replay" if replay is not None else ""
    if repeated and asked:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in asked)
        raise click.UsageError(
            f"{repeated} asks with the decoding of the earlier answer; leave out {options}"
        )


def _require_own(
    replay: int | None, principal: str | None, collection: str | None, within: "Narrowing"
) -> None:
    if replay is not None and (principal or collection or not within.is_empty):
        raise click.UsageError(
            "--replay asks what the earlier answer was asked of; leave out what says where to look"
        )


def _show(terminal: Terminal, events: "Iterator[AnswerEvent]") -> "Answer":
    """Stream an answer to people: sentences with their verdicts, then sources and costs."""
    from generation.types import Assayed, Finished

    for event in events:
        if isinstance(event, Assayed):
            _show_sentence(terminal, event.sentence)
        elif isinstance(event, Finished):
            _show_end(terminal, event.answer)
            return event.answer
    raise CommandFailed("the answer was broken off; ask again")


def _show_sentence(terminal: Terminal, sentence: "AssayedSentence") -> None:
    terminal.line(f"{MARKS[sentence.verdict]} {sentence.text}")
    for citation in sentence.citations:
        quote = "" if sentence.origin == "quoted" else f": “{excerpt(citation.quote)}”"
        terminal.line(f"    {_place(citation.document, citation.page)}{quote}")


def _show_end(terminal: Terminal, answer: "Answer") -> None:
    if answer.is_small_talk:
        terminal.line(answer.text)
        return
    if answer.abstained:
        terminal.line(answer.text)
        for hit in answer.nearest:
            terminal.line(f"  nearest: {_place(hit.document.name, hit.passage.page)}")
            terminal.line(f"    {excerpt(hit.passage.text)}")
    if answer.struck:
        terminal.line(_struck(answer))
    for rank, draft in enumerate(answer.drafts, start=1):
        terminal.line(f"draft {rank}, log-probability {draft.logprob:.2f}: {excerpt(draft.text)}")
    terminal.note(_cost(answer))


def _struck(answer: "Answer") -> str:
    """What the policy left out, in words."""
    if answer.policy == "strike":
        counted = "1 sentence" if answer.struck == 1 else f"{answer.struck} sentences"
        return f"{counted} left out: not supported by the documents"
    return "the draft is not shown: not all of it was supported by the documents"


def _cost(answer: "Answer") -> str:
    """What it took, and what repeats it, on one line."""
    usage, engine = answer.usage, answer.engine
    made = " ".join(word for word in (engine.name, engine.runtime, engine.precision) if word)
    cached = f" ({usage.cached_tokens} cached)" if usage.cached_tokens else ""
    seed = answer.decoding.seed
    return (
        f"{usage.prompt_tokens}{cached} + {usage.completion_tokens} tokens, "
        f"{answer.timings.total:.1f} s, {made}" + ("" if seed is None else f", seed {seed}")
    )


def _answered(events: "Iterator[AnswerEvent]") -> dict[str, Any]:
    """The answer as JSON, or why there is none: one bad question does not end a run."""
    from generation.errors import GenerationError

    try:
        return answer_object(last_answer(events))
    except GenerationError as error:
        return {"error": str(error)}


def _hits_json(hits: "list[Hit]") -> list[Any]:
    from app.api.wire import located_passage_json

    return [located_passage_json(hit) for hit in hits]


def _rows(path: Path, key: str) -> Iterator[tuple[str, str]]:
    """(_id, text) of each line.

    Raises:
        CommandFailed: a line is not an object with `_id` and `key`.
    """
    # Not splitlines: JSON may hold U+2028 and its like as they are.
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            yield str(row["_id"]), str(row[key])
        except (ValueError, KeyError, TypeError) as error:
            expected = f'expected {{"_id": …, "{key}": …}}'
            raise CommandFailed(f"{path}, line {number}: {expected}") from error


def _place(document: str, page: int | None) -> str:
    return f"{document}, page {page}" if page is not None else document
