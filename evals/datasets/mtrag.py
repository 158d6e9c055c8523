"""MTRAG: conversations of people with an assistant, turn by turn, over a corpus.

Every turn of the user is a case: the turns before it are its history, the assistant's reviewed
reply is the reference, and what people marked as relevant is relevant. Turns are answerable,
unanswerable (Assay should decline), or partly so, or no question: of those nothing is expected.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.datasets.beir_folder import Judged, read_judgements, relevant_rows
from evals.datasets.fields import LONGEST_TEXT, case_of
from evals.datasets.sources import beginning_of, json_of, objects_of_lines
from evals.errors import BadDataset
from evals.types import Case, Expectation, digest_of

_EXPECTED = {"ANSWERABLE": Expectation.ANSWER, "UNANSWERABLE": Expectation.ABSTAIN}
_TAGGED = ("Question Type", "Multi-Turn", "Answerability")
_ROLES = {"user": "user", "agent": "assistant"}


def read(path: Path) -> Iterator[tuple[int, Case]]:
    """(line, case) of each turn of a user; `path` is the file, or the folder it is in.

    In a folder with `qrels` and `queries_questions.jsonl`, turns have their judgements as well.

    Raises:
        BadDataset: a file is missing, or a conversation is not what it should be.
    """
    file = path / "conversations.jsonl" if path.is_dir() else path
    judged = _judged_turns(path) if path.is_dir() else {}
    for line, conversation in _conversations(file):
        turns = conversation.get("messages")
        if not isinstance(turns, list) or not all(_is_turn(turn) for turn in turns):
            raise BadDataset(file, line, "expected messages, each with a speaker and a text")
        name = digest_of([turn["text"] for turn in turns])[:12]
        for place, turn in enumerate(turns):
            if turn["speaker"] == "user":
                yield line, _case(turns, place, name, judged, conversation, file, line)


def _conversations(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """JSON lines, or one list as MTRAG is published."""
    if not beginning_of(file).lstrip().startswith("["):
        yield from objects_of_lines(file)
        return
    for place, conversation in enumerate(json_of(file), start=1):
        if not isinstance(conversation, dict):
            raise BadDataset(file, 0, f"item {place} is no conversation")
        yield 0, conversation


def _is_turn(turn: object) -> bool:
    return (
        isinstance(turn, dict)
        and turn.get("speaker") in _ROLES
        and isinstance(turn.get("text"), str)
    )


def _case(
    turns: Sequence[Mapping[str, Any]],
    place: int,
    name: str,
    judged: Mapping[str, Mapping[str, int]],
    conversation: Mapping[str, Any],
    file: Path,
    line: int,
) -> Case:
    turn = turns[place]
    reply = turns[place + 1] if place + 1 < len(turns) else {"speaker": "user", "text": ""}
    tags = _tags(turn)
    expectation = next((_EXPECTED[tag.upper()] for tag in tags if tag.upper() in _EXPECTED), None)
    answers = expectation is not Expectation.ABSTAIN
    contexts = {one["document_id"]: one for one in _marked(reply)}
    grades = {**dict.fromkeys(contexts, 1), **judged.get(_asked_so_far(turns, place), {})}
    texts = {key: Judged("", str(one.get("text") or "")) for key, one in contexts.items()}
    row = {
        "key": f"{name}-{place // 2 + 1}",
        "question": turn["text"],
        "history": [
            {"role": _ROLES[before["speaker"]], "content": before["text"]}
            for before in turns[:place]
        ],
        "references": [reply["text"]] if answers and reply["speaker"] == "agent" else [],
        "expectation": expectation,
        "relevant": relevant_rows(grades, texts) if answers else [],
        "tags": [tag.lower() for tag in tags],
        "cluster": name,
        "source": " ".join(["mtrag", str(conversation.get("domain") or "")]).strip(),
    }
    return case_of(row, file, line)


def _tags(turn: Mapping[str, Any]) -> list[str]:
    known = turn.get("enrichments")
    found: list[str] = []
    for name in _TAGGED:
        value = known.get(name) if isinstance(known, dict) else None
        found += [str(one) for one in value if one != "N/A"] if isinstance(value, list) else []
    return found


def _marked(reply: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The contexts of a reply that somebody marked as relevant, and nobody as not."""
    contexts = reply.get("contexts")
    found: list[Mapping[str, Any]] = []
    for one in contexts if isinstance(contexts, list) else []:
        if not isinstance(one, dict) or not isinstance(one.get("document_id"), str):
            continue
        feedback = one.get("feedback")
        marks = feedback.get("relevant") if isinstance(feedback, dict) else None
        said = [mark.get("value") for mark in marks.values()] if isinstance(marks, dict) else []
        if said and all(value == "yes" for value in said):
            found.append({**one, "text": str(one.get("text") or "")[:LONGEST_TEXT]})
    return found


def _judged_turns(folder: Path) -> dict[str, dict[str, int]]:
    """The questions of a conversation up to a turn -> the documents judged relevant to it."""
    questions, qrels = folder / "queries_questions.jsonl", folder / "qrels" / "dev.tsv"
    if not questions.exists() or not qrels.exists():
        return {}
    judgements = read_judgements(qrels)
    return {
        _plain(str(row.get("text"))): judgements[str(row.get("_id"))]
        for _, row in objects_of_lines(questions)
        if str(row.get("_id")) in judgements
    }


def _asked_so_far(turns: Sequence[Mapping[str, Any]], place: int) -> str:
    asked = [turn["text"] for turn in turns[: place + 1] if turn["speaker"] == "user"]
    return _plain("\n".join(f"|user|: {text}" for text in asked))


def _plain(text: str) -> str:
    return " ".join(text.split())
