"""SQuAD 1.1 and 2.0: {data: [{title, paragraphs: [{context, qas: […]}]}]}.

Questions on one article are one cluster. What is relevant is known by its text: articles are
brought in under any name.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.datasets.fields import case_of
from evals.datasets.sources import json_of
from evals.errors import BadDataset
from evals.types import Case, Expectation


def read(path: Path) -> Iterator[tuple[int, Case]]:
    """(0, case) of each question: such a file has no lines to name.

    Raises:
        BadDataset: the file is not JSON of this shape.
    """
    root = json_of(path)
    articles = root.get("data") if isinstance(root, dict) else None
    for number, article in enumerate(_objects(articles, path, "data"), start=1):
        title = str(article.get("title") or f"article {number}")
        for paragraph in _objects(article.get("paragraphs"), path, f"{title}: paragraphs"):
            context = paragraph.get("context")
            if not isinstance(context, str):
                raise BadDataset(path, 0, f"{title}: a paragraph has no context")
            for asked in _objects(paragraph.get("qas"), path, f"{title}: qas"):
                yield 0, _case(asked, title, context, path)


def _objects(value: Any, path: Path, where: str) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BadDataset(path, 0, f"{where}: expected a list of objects")
    return value


def _case(asked: Mapping[str, Any], title: str, context: str, path: Path) -> Case:
    where = f"question {asked.get('id')!r}"
    answers = _objects(asked.get("answers", []), path, f"{where}: answers")
    declines = asked.get("is_impossible", False) is True
    if not declines and not answers:
        raise BadDataset(path, 0, f"{where} has no answers, and is not marked is_impossible")
    row = {
        "key": asked.get("id"),
        "question": asked.get("question"),
        "references": [] if declines else [one.get("text") for one in answers],
        "expectation": Expectation.ABSTAIN if declines else Expectation.ANSWER,
        "relevant": [] if declines else [{"text": context}],
        "cluster": title,
        "source": path.name,
    }
    try:
        return case_of(row, path, 0)
    except BadDataset as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise BadDataset(path, 0, f"{where}: {reason}") from error


def written(cases: Sequence[Case]) -> str:
    """The cases as SQuAD 2.0. A reference that is no word of the text stays, with start -1."""
    articles: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for case in cases:
        context = next((one.text for one in case.relevant if one.text), "")
        title = case.cluster or next((one.document for one in case.relevant if one.document), "")
        paragraphs = articles.setdefault(title, {})
        paragraphs.setdefault(context, []).append(
            {
                "id": case.key,
                "question": case.question,
                "answers": [
                    {"text": text, "answer_start": context.find(text)} for text in case.references
                ],
                "is_impossible": case.expectation is Expectation.ABSTAIN,
            }
        )
    data = [
        {
            "title": title,
            "paragraphs": [{"context": context, "qas": qas} for context, qas in found.items()],
        }
        for title, found in articles.items()
    ]
    return json.dumps({"version": "v2.0", "data": data}, ensure_ascii=False) + "\n"
