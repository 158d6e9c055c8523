"""How exactly quotes are marked on the pages of PDFs: is the text under the marks the quote?

    python -m benchmarks.highlights ../shared/data/sec_10q ../shared/data/formats/files --per 250

From each folder that many sentences and table rows are drawn (seed 5), spread evenly over its
PDFs, as answers cite them. Each is aligned and marked as the product does. What lies under the
marks is then read anew from the page, by another way: every character whose own tight box has its
middle inside a mark. It must be the quote letter by letter, but for white space, hyphens and how
ligatures are written. Reports the share that is, by folder, and every failure with its kind.
"""

import argparse
import ctypes
import json
import random
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from ingestion.aligning import Rectangle, align, rectangles
from ingestion.errors import FileRejected
from ingestion.pages import PageProcess
from ingestion.sandbox import ReaderProcess
from ingestion.types import BlockKind, ParsedDocument
from retrieval.sentences import sentence_spans

_SHORTEST, _LONGEST = 15, 500
_AROUND = 300
_DROPPED = frozenset(
    "-\u00ad\u2010\u2011\u2012\u2013\u2212\ufffe\x02\u200b\u200c\u200d\u2060\ufeff"
)


class Cited(NamedTuple):
    """A span of a document's text on one page."""

    start: int
    end: int
    page: int
    is_row: bool


class Outcome(NamedTuple):
    """How marking a citation went. `kind` is "exact", or what went wrong."""

    kind: str
    file: str
    page: int
    is_row: bool
    quote: str
    under: str


def citations_of(document: ParsedDocument) -> Iterator[Cited]:
    """Everything of a document that could be cited: its sentences and rows that are long enough."""
    for block in document.blocks:
        if block.page is None:
            continue
        text = document.text[block.start : block.end]
        is_table = block.kind is BlockKind.TABLE
        spans = _line_spans(text) if is_table else sentence_spans(text)
        for start, end in spans:
            stripped = text[start:end].strip()
            if _SHORTEST <= len(stripped) <= _LONGEST:
                first = block.start + start + text[start:end].index(stripped)
                yield Cited(first, first + len(stripped), block.page, is_table)


def outcome_of(
    file: Path, data: bytes, document: ParsedDocument, cited: Cited, pages: PageProcess
) -> Outcome:
    """Mark a citation and read what is under the marks."""
    text = document.text
    quote = text[cited.start : cited.end]
    printed = pages.glyphs(data, cited.page)
    found = align(
        quote,
        printed.glyphs,
        before=text[max(0, cited.start - _AROUND) : cited.start],
        after=text[cited.end : cited.end + _AROUND],
    )
    under = text_under(data, cited.page, rectangles(found, printed.glyphs))
    kind = _kind(_letters(quote), _letters(under), found.found)
    return Outcome(kind, file.name, cited.page, cited.is_row, quote, under)


def text_under(data: bytes, number: int, marks: Sequence[Rectangle]) -> str:
    """The characters whose tight box has its middle in a mark, in the order of the file."""
    with (
        closing(pdfium.PdfDocument(data)) as document,
        closing(document[number - 1]) as page,
        closing(page.get_textpage()) as text,
    ):
        units = "".join(
            chr(pdfium_c.FPDFText_GetUnicode(text.raw, index))
            for index in range(text.count_chars())
            if _is_under(page, text, index, marks)
        )
    # PDFium counts in UTF-16: what lies beyond the first plane comes in halves.
    return units.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _is_under(page: Any, text: Any, index: int, marks: Sequence[Rectangle]) -> bool:  # noqa: ANN401
    left, bottom, right, top = text.get_charbox(index)
    if right <= left or top <= bottom:
        return False  # white space
    grid = 1_000_000
    across, down = ctypes.c_int(), ctypes.c_int()
    middle = ((left + right) / 2, (bottom + top) / 2)
    pdfium_c.FPDF_PageToDevice(page.raw, 0, 0, grid, grid, 0, *middle, across, down)
    x, y = across.value / grid, down.value / grid
    return any(
        mark.left <= x <= mark.left + mark.width and mark.top <= y <= mark.top + mark.height
        for mark in marks
    )


def _kind(quote: str, under: str, found: float) -> str:
    if quote == under:
        return "exact"
    if Counter(quote) == Counter(under):
        return "exact, in another order on the page"
    if not under:
        return "not found on the page"
    missing, extra = Counter(quote) - Counter(under), Counter(under) - Counter(quote)
    if not missing:
        return "more than the quote is marked"
    if not extra:
        return "less than the quote is marked"
    return "found in part" if found < 1 else "something else is marked"


def _letters(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(one for one in plain if not one.isspace() and one not in _DROPPED)


def _line_spans(text: str) -> list[tuple[int, int]]:
    spans, place = [], 0
    for line in text.split("\n"):
        spans.append((place, place + len(line)))
        place += len(line) + 1
    return spans


def _drawn(folder: Path, count: int) -> Iterator[Outcome]:
    draw = random.Random(5)
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".pdf")
    draw.shuffle(files)
    documents: list[tuple[Path, bytes, ParsedDocument, list[Cited]]] = []
    with ReaderProcess() as reader, PageProcess() as pages:
        for path in files:
            if len(documents) == count:
                break
            data = path.read_bytes()
            try:
                document = reader.read(path.name, data)
            except FileRejected as error:
                print(f"not read: {path.name}: {error}"[:120])
                continue
            cited = list(citations_of(document))
            draw.shuffle(cited)
            if cited:
                documents.append((path, data, document, cited))
        done = 0
        while done < count and any(cited for *_, cited in documents):
            for path, data, document, cited in documents:
                if cited and done < count:
                    done += 1
                    yield outcome_of(path, data, document, cited.pop(), pages)


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--per", type=int, default=250, help="citations from each folder")
    parser.add_argument("--out", type=Path, help="write every outcome here, as JSON lines")
    arguments = parser.parse_args()
    for folder in arguments.folders:
        outcomes = list(_drawn(folder, arguments.per))
        kinds = Counter(outcome.kind for outcome in outcomes)
        rows = sum(outcome.is_row for outcome in outcomes)
        files = len({outcome.file for outcome in outcomes})
        print(f"{folder}: {len(outcomes)} citations ({rows} rows of tables) of {files} files")
        for kind, number in kinds.most_common():
            print(f"  {number:4} {kind}")
        for outcome in outcomes:
            if not outcome.kind.startswith("exact"):
                print(f"  - {outcome.kind}: {outcome.file} p. {outcome.page}")
                print(f"      quote {outcome.quote[:100]!r}\n      under {outcome.under[:100]!r}")
        if arguments.out:
            with arguments.out.open("a", encoding="utf-8") as out:
                out.writelines(json.dumps(outcome._asdict()) + "\n" for outcome in outcomes)


if __name__ == "__main__":
    main()
