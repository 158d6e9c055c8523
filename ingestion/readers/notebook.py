"""Jupyter notebooks: Markdown cells, code cells, and what they printed."""

import json

from ingestion.readers.builder import DocumentBuilder, title_of
from ingestion.readers.detection import Format
from ingestion.readers.encoding import decoded
from ingestion.readers.markdown import append_markdown
from ingestion.types import BlockKind, ParsedDocument

_LONGEST_OUTPUT = 20_000


def read_notebook(name: str, data: bytes) -> ParsedDocument:
    """Read a notebook."""
    notebook = json.loads(decoded(data))  # detection has parsed it before
    builder = DocumentBuilder()
    title = None
    for cell in notebook["cells"] if isinstance(notebook["cells"], list) else ():
        if not isinstance(cell, dict):
            continue
        source = _joined(cell.get("source"))
        if cell.get("cell_type") == "markdown":
            title = append_markdown(builder, source) or title
        else:
            builder.add(BlockKind.CODE, source)
        _append_outputs(builder, cell.get("outputs"))
    return builder.build(title_of(name, title, builder.first_heading()), Format.NOTEBOOK.value)


def _append_outputs(builder: DocumentBuilder, outputs: object) -> None:
    for output in outputs if isinstance(outputs, list) else ():
        if isinstance(output, dict):
            shown = output.get("data")
            text = shown.get("text/plain") if isinstance(shown, dict) else output.get("text")
            builder.add(BlockKind.CODE, _joined(text)[:_LONGEST_OUTPUT])


def _joined(source: object) -> str:
    """A string, or a list of its lines."""
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""
