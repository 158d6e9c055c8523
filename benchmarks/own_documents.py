"""Documents of many kinds and questions about them, as files to ingest and suites to run.

    python -m benchmarks.own_documents OUT
    assay ingest OUT/documents --collection own
    assay eval run OUT/reported.jsonl

`own_documents.jsonl` holds 240 made-up documents with eight questions each, four of which the
document answers. Among them lie the passages of the answer gauge's lessons, which no question here
is about, so that there is something to search. Nothing is ever trained on the 240: every second is
for fitting the regressions for abstention, the others are for reporting.
"""

import argparse
import hashlib
from collections.abc import Iterable
from pathlib import Path

from evals.datasets import write_suite
from evals.types import Case, Expectation, Relevant
from training.answer_finding.questions import Asked
from training.answer_gauge.written import read_written, written_questions

DOCUMENTS = Path(__file__).with_name("own_documents.jsonl")


def own_questions(*, for_fitting: bool) -> list[Asked]:
    """The questions about every second document, or about the others."""
    rows = list(read_written(DOCUMENTS))
    titles = list(dict.fromkeys(row.group for row in rows))
    wanted = set(titles[::2] if for_fitting else titles[1::2])
    return [row for row in rows if row.group in wanted]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    documents = out / "documents"
    documents.mkdir(parents=True, exist_ok=True)
    fitting, reported = own_questions(for_fitting=True), own_questions(for_fitting=False)
    write_suite(cases_of(fitting), out / "fitting.jsonl", "jsonl")
    write_suite(cases_of(reported), out / "reported.jsonl", "jsonl")
    for row in (*fitting, *reported, *written_questions()):
        path = documents / f"{_key(row.text)}.md"
        path.write_text(f"# {row.group}\n\n{row.text}\n", encoding="utf-8")
    count = len(list(documents.iterdir()))
    print(f"{count} documents; {len(fitting)} questions to fit on, {len(reported)} to report on")


def cases_of(rows: Iterable[Asked]) -> list[Case]:
    """A suite's cases; questions about one document are one cluster."""
    return [
        Case(
            _key(f"{row.text} {row.question}"),
            row.question,
            references=tuple(row.text[start:end] for start, end in row.answers),
            relevant=(Relevant(text=row.text),) if row.answers else (),
            expectation=Expectation.ANSWER if row.answers else Expectation.ABSTAIN,
            cluster=row.group,
        )
        for row in rows
    ]


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


if __name__ == "__main__":
    main()
