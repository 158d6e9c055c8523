"""Org mode: headings, lists, tables and source blocks, without drawers and settings."""

import re

from ingestion.readers.builder import DocumentBuilder, title_of
from ingestion.readers.detection import Format
from ingestion.readers.encoding import decoded
from ingestion.readers.markup_lines import LineGatherer
from ingestion.types import BlockKind, ParsedDocument

_HEADING = re.compile(r"(\*{1,20})\s+(?:(?:TODO|DONE)\s+)?(?:\[#\w\]\s+)?(.+?)(?:\s+:[\w@:]+:)?\Z")
_SETTING = re.compile(r"#\+(\w{1,40}):\s*(.*)\Z", re.IGNORECASE)
_BEGIN = re.compile(r"\s*#\+begin_(\w{1,20})", re.IGNORECASE)
_END = re.compile(r"\s*#\+end_", re.IGNORECASE)
_DRAWER = re.compile(r"\s*:(?:PROPERTIES|LOGBOOK|[A-Z_]{2,30}):\s*\Z")
_ITEM = re.compile(r"\s*(?:[-+]|\d{1,3}[.)])\s+\S|\s+\*\s+\S")
_RULE = re.compile(r"\s*\|[-+|]+\s*\Z")
_LINK = re.compile(r"\[\[[^\]]{1,2000}\]\[([^\]]{1,1000})\]\]")
_BARE_LINK = re.compile(r"\[\[(?:file:)?([^\]]{1,2000})\]\]")
_MARK = re.compile(r"(?<![\w/*=~+])([*/=~+_])(\S(?:[^\n]{0,300}?\S)?)\1(?![\w/*=~+])")


def read_org(name: str, data: bytes) -> ParsedDocument:
    """Read an Org file."""
    builder = DocumentBuilder()
    out = LineGatherer(builder)
    title, in_code, in_drawer = None, False, False
    for line in decoded(data).expandtabs().splitlines():
        begin, setting = _BEGIN.match(line), _SETTING.match(line)
        if in_drawer:
            in_drawer = line.strip().upper() != ":END:"
        elif _END.match(line):
            out.end()
            in_code = False
        elif in_code:
            out.add(BlockKind.CODE, line)
        elif begin:
            out.end()
            in_code = begin[1].lower() in {"src", "example", "export"}
        elif setting:
            title = setting[2] if setting[1].lower() == "title" else title
        elif _DRAWER.match(line):
            in_drawer = True
        elif not line.startswith("# "):
            _take(out, line)
    out.end()
    return builder.build(title_of(name, title, builder.first_heading()), Format.ORG.value)


def _take(out: LineGatherer, line: str) -> None:
    heading = _HEADING.match(line)
    if heading:
        out.heading(_plain(heading[2]), len(heading[1]))
    elif not line.strip():
        out.end()
    elif _RULE.match(line):
        return
    elif line.lstrip().startswith("|"):
        cells = (cell.strip() for cell in line.strip().strip("|").split("|"))
        out.add(BlockKind.TABLE, _plain(" | ".join(filter(None, cells))))
    elif _ITEM.match(line):
        out.add(BlockKind.LIST, _plain(line.rstrip()))
    elif not (line[0].isspace() and out.go_on(_plain(line))):
        out.add(BlockKind.PARAGRAPH, _plain(line.strip()))


def _plain(text: str) -> str:
    text = _BARE_LINK.sub(r"\1", _LINK.sub(r"\1", text))
    return _MARK.sub(r"\2", text)
