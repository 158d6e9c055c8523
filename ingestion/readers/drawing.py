"""Text in the shapes, tables, charts and diagrams of PowerPoint. DrawingML, ECMA-376 part 1."""

from collections.abc import Iterator

from lxml import etree

from ingestion.readers.builder import one_line
from ingestion.readers.packages import local_name


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
        "\n" if local_name(element) == "br" else element.text or ""
        for element in paragraph.iter("{*}t", "{*}br")
    )


def table_lines(table: etree._Element) -> list[str]:
    """The rows of a table; cells that a merged neighbour covers are empty."""
    lines = []
    for row in table.iter("{*}tr"):
        cells = [
            one_line(" ".join(text for _, text in paragraphs(cell)))
            for cell in row.iterchildren("{*}tc")
        ]
        lines.append(" | ".join(cell for cell in cells if cell))
    return [line for line in lines if line]


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
