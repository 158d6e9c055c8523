"""Text in the shapes, tables, charts and diagrams of PowerPoint. DrawingML, ECMA-376 part 1."""

from collections.abc import Iterator

from lxml import etree

from ingestion.readers.builder import one_line
from ingestion.readers.packages import local_name
from ingestion.readers.raised import raised
from ingestion.readers.rows import Cell, joined_rows, laid_out


def paragraphs(element: etree._Element) -> Iterator[tuple[int, str]]:
    """(indent level, text) of each paragraph that says something."""
    for paragraph in element.iter("{*}p"):
        text = _text(paragraph)
        if text.strip():
            properties = paragraph.find("{*}pPr")
            level = properties.get("lvl", "0") if properties is not None else "0"
            yield (int(level) if level.isdecimal() and len(level) < 3 else 0), text


def _text(paragraph: etree._Element) -> str:
    return "".join(
        "\n" if local_name(element) == "br" else _run_text(element)
        for element in paragraph.iter("{*}t", "{*}br")
    )


def _run_text(element: etree._Element) -> str:
    text, run = element.text or "", element.getparent()
    look = run.find("{*}rPr") if run is not None else None
    baseline = look.get("baseline", "") if look is not None else ""
    return raised(text) if baseline not in {"", "0"} and not baseline.startswith("-") else text


def table_lines(table: etree._Element) -> list[str]:
    """The rows of a table."""
    return joined_rows(laid_out(map(_cells, table.iter("{*}tr"))))


def _cells(row: etree._Element) -> list[Cell]:
    """The cells of a row, without those that a merged neighbour covers."""
    covered = ("hMerge", "vMerge")
    return [
        Cell(
            one_line(" ".join(text for _, text in paragraphs(cell))),
            _span(cell, "gridSpan"),
            _span(cell, "rowSpan"),
        )
        for cell in row.iterchildren("{*}tc")
        if not any(cell.get(name) in {"1", "true"} for name in covered)
    ]


def _span(cell: etree._Element, name: str) -> int:
    stated = cell.get(name, "")
    return max(1, int(stated)) if stated.isdecimal() and len(stated) < 5 else 1


def chart_lines(chart: etree._Element) -> list[str]:
    """A chart's title and its values, `series, category: value`, as they were last calculated."""
    title = chart.find(".//{*}chart/{*}title")
    lines = [one_line(" ".join(text for _, text in paragraphs(title)))] if title is not None else []
    for series in chart.iter("{*}ser"):
        name = " ".join(_points(series.find("{*}tx")).values())
        categories = _points(series.find("{*}cat"))
        for index, value in _points(series.find("{*}val")).items():
            label = ", ".join(filter(None, (name, categories.get(index, ""))))
            lines.append(f"{label}: {value}" if label else value)
    return [line for line in lines if line]


def _points(element: etree._Element | None) -> dict[str, str]:
    if element is None:
        return {}
    return {
        point.get("idx", ""): one_line("".join(v.text or "" for v in point.iter("{*}v")))
        for point in element.iter("{*}pt")
    }
