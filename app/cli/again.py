"""`assay ask --like` and `--replay`: an earlier answer, asked for again."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

import click

from app.cli.terminal import Terminal
from app.errors import CommandFailed

if TYPE_CHECKING:
    from app.bootstrap import Assay
    from app.repeating import Difference, EarlierAnswer
    from generation.decoding import Decoding
    from generation.types import Answer, AnswerEvent

    Ask = Callable[[str, "Decoding"], Iterator[AnswerEvent]]
    Show = Callable[[Terminal, Iterator[AnswerEvent]], Answer]


def ask_like(
    terminal: Terminal,
    assay: "Assay",
    file: IO[str],
    events: "Ask",
    *,
    show: "Show",
) -> None:
    """Ask the question of an answer in a file again; see `ask_again`.

    Raises:
        CommandFailed: the file holds no answer.
    """
    from app.repeating import earlier_answer

    earlier = earlier_answer(_text_of(file), file.name)
    ask_again(terminal, assay, earlier, lambda: events(earlier.question, earlier.settings), show)


def ask_replayed(terminal: Terminal, assay: "Assay", answer_id: int, show: "Show") -> None:
    """Ask a kept answer's question again, of the same collections and after the same turns.

    Raises:
        UnknownAnswer: there is none of this number.
        CommandFailed: it was never finished, or words of it are gone.
    """
    from app.replaying import document_differences, replay_of

    kept = assay.conversations.answer(None, answer_id)
    conversation = assay.conversations.conversation(None, kept.conversation_id)
    replay = replay_of(conversation, answer_id)
    existing = assay.access.everything()
    ask_again(
        terminal,
        assay,
        replay.earlier,
        lambda: assay.answerer.answer(
            replay.earlier.question,
            readable=replay.collections & existing,
            history=replay.history,
            decoding=replay.earlier.settings,
        ),
        show,
        list(document_differences(replay.kept, existing, assay.store.located)),
    )


def ask_again(
    terminal: Terminal,
    assay: "Assay",
    earlier: "EarlierAnswer",
    events: Callable[[], "Iterator[AnswerEvent]"],
    show: "Show",
    known: "Sequence[Difference]" = (),
) -> None:
    """Ask an earlier answer's question with its decoding; exit with 1 when it is another.

    Args:
        known: what is otherwise now besides what the answer itself tells.
    """
    from app.repeating import differing_texts, first_difference

    if terminal.is_json:
        answer = last_answer(events())
        found = [*known, *_differences(assay, earlier, answer)]
    else:
        terminal.note("Loading the models…")
        found = [*known, *_differences(assay, earlier)]
        terminal.line(earlier.question)
        _tell(terminal, found)
        answer = show(terminal, events())
        # Another engine may have had to step in.
        later = _differences(assay, earlier, answer)
        _tell_more(terminal, [one for one in later if one not in found])
    said = [sentence.text for sentence in answer.sentences]
    then, now = differing_texts(earlier, answer.text, said)
    place = first_difference(then, now)
    if terminal.is_json:
        like = {
            "identical": place is None,
            "differences": [{"what": one.what, "then": one.then, "now": one.now} for one in found],
        }
        terminal.result({**answer_object(answer), "like": like})
    else:
        _tell_whether_identical(terminal, then, now)
    click.get_current_context().exit(0 if place is None else 1)


def last_answer(events: "Iterator[AnswerEvent]") -> "Answer":
    """The answer itself, once it is there."""
    from generation.types import Finished

    answers = [event.answer for event in events if isinstance(event, Finished)]
    return answers[-1]


def answer_object(answer: "Answer") -> dict[str, Any]:
    """An answer as the command line prints it."""
    from app.api.wire import answer_json

    fields = dict(answer_json(answer))
    return {"answer": fields.pop("text"), **fields}


def _text_of(file: IO[str]) -> str:
    from app.repeating import LARGEST_ANSWER

    try:
        text = file.read(LARGEST_ANSWER + 1)
    except UnicodeDecodeError as error:
        raise CommandFailed(f"{file.name} is not UTF-8; give the output of --json") from error
    if len(text) > LARGEST_ANSWER:
        raise CommandFailed(
            f"{file.name} has more than {LARGEST_ANSWER:,} characters; give the output of --json "
            "for one question"
        )
    return text.removeprefix("\ufeff")


def _differences(
    assay: "Assay", earlier: "EarlierAnswer", answer: "Answer | None" = None
) -> "list[Difference]":
    """What is otherwise as far as `answer` tells, or before there is one, as things stand."""
    from app.repeating import Now, differences
    from app.versions import encoder_pin
    from generation.prompt import PROMPT_VERSION

    verifier = None if earlier.verifier is None else assay.verifier.version
    now = Now(
        assay.engine.info,
        PROMPT_VERSION,
        assay.store.change_number(),
        assay.answerer.in_force(),
        verifier,
        encoder_pin(assay.encoder.fingerprint),
        assay.sufficiency.version,
        assay.searcher.version,
        assay.code_version,
    )
    if answer is not None:
        now = replace(
            now,
            engine=answer.engine,
            prompt_version=answer.prompt_version,
            change_number=answer.change_number,
            answering=answer.answering or now.answering,
            policy=answer.policy.value,
        )
    return differences(earlier, now)


def _tell(terminal: Terminal, found: "list[Difference]") -> None:
    if not found:
        terminal.line("nothing differs now: same engine, weights, prompt, documents and settings")
    _tell_more(terminal, found)


def _tell_more(terminal: Terminal, found: "list[Difference]") -> None:
    for one in found:
        then, now = one.then or "not known", one.now or "not known"
        terminal.line(f"differs now: {one.what}: {then} then, {now} now", colour="yellow")


def _tell_whether_identical(terminal: Terminal, then: str, now: str) -> None:
    from app.repeating import around, first_difference

    place = first_difference(then, now)
    if place is None:
        terminal.line("identical: every sentence is that of the earlier answer", colour="green")
        return
    terminal.line(f"not identical: the text differs from character {place + 1} on", colour="red")
    terminal.line(f"  then: {around(then, place)}")
    terminal.line(f"  now:  {around(now, place)}")
