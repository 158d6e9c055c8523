"""Build the sample documents that are not plain text: handbook.docx and two PDF files.

Usage: python scripts/build_samples.py [FOLDER]     (default: app/samples/documents)

Their text lies in scripts/samples_source/, in the few marks of Markdown that `parse` knows. The
same libraries write the same bytes every time; other versions of them write the same text.
"""

import html
import io
import re
import sys
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import docx
from docx.document import Document
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement
from docx.shared import Cm, Pt, RGBColor
from docx.text.run import Run
from reportlab.lib.colors import HexColor, white
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import cm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
)

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "scripts" / "samples_source"
DOCUMENTS = ROOT / "app" / "samples" / "documents"

COMPANY = "Ottermere Tower Clocks Limited"
ADDRESS = "14 Sluice Lane, Ottermere"
WRITTEN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
VERDIGRIS = HexColor("#1f4e4a")
BRASS = HexColor("#b08d3c")
PALE = HexColor("#eef3f1")
GREY = HexColor("#5b6664")


# --- Source text --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """A paragraph, heading, list or table of a source text.

    `kind` is title, subtitle, heading, subheading, bullets, steps, clause, table or paragraph.
    """

    kind: str
    text: str = ""
    items: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


_MARKS = {"# ": "title", "## ": "heading", "### ": "subheading", "> ": "subtitle"}


def parse(source: str) -> list[Part]:
    """Cut a source text at its blank lines into parts."""
    return [_part(block) for block in re.split(r"\n\s*\n", source.strip())]


def _part(block: str) -> Part:
    for mark, kind in _MARKS.items():
        if block.startswith(mark):
            return Part(kind, _one_line(block.removeprefix(mark)))
    if block.startswith("|"):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.split("\n")]
        return Part("table", rows=[rows[0], *rows[2:]])
    if block.startswith("- "):
        return Part(
            "bullets", items=[_one_line(i) for i in re.split(r"^- ", block, flags=re.M)[1:]]
        )
    if re.match(r"\d+\. ", block):
        items = re.split(r"^\d+\. ", block, flags=re.M)[1:]
        return Part("steps", items=[_one_line(item) for item in items])
    kind = "clause" if re.match(r"\d+\.\d+ ", block) else "paragraph"
    return Part(kind, _one_line(block))


def _one_line(text: str) -> str:
    return " ".join(text.split())


# --- PDF ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Look:
    """The fonts of a PDF and what its footer calls it."""

    footer: str
    subject: str
    font: str
    bold: str
    size: float


PRICE_LIST = Look(
    "Price list PL-2026-01 · Valid from 1 January 2026 to 30 April 2026 · Prices exclude VAT",
    "Spare parts, services and delivery times",
    "Helvetica",
    "Helvetica-Bold",
    9.5,
)
CONTRACT = Look(
    "Maintenance Contract MC-0417 · 9 February 2026",
    "Maintenance of a tower clock",
    "Times-Roman",
    "Times-Bold",
    11,
)
LEFT = 2.2 * cm
WIDTH = A4[0] - 2 * LEFT


def build_pdf(source: str, look: Look) -> bytes:
    """Set a source text in A4. No sentence is cut in two by the end of a page."""
    parts = parse(source)
    pages = 0
    for _ in range(2):  # the footer names the number of pages, known only after the first time
        buffer = io.BytesIO()
        template = BaseDocTemplate(
            buffer,
            pagesize=A4,
            title=next(part.text for part in parts if part.kind == "title"),
            author=COMPANY,
            subject=look.subject,
            lang="en-GB",
            invariant=1,
        )
        frame = Frame(LEFT - 6, 2.2 * cm, WIDTH + 12, A4[1] - 4.5 * cm)  # 6 pt of padding
        footer = partial(_draw_footer, text=look.footer, pages=pages)
        template.addPageTemplates(
            PageTemplate("page", frame, onPage=_draw_header, onPageEnd=footer)
        )
        template.build(_flowables(parts, look))
        pages = template.page
    return buffer.getvalue()


def _flowables(parts: list[Part], look: Look) -> list[Flowable]:
    style = partial(
        ParagraphStyle,
        fontName=look.font,
        fontSize=look.size,
        leading=look.size * 1.38,
        spaceAfter=5,
    )
    heading = {"fontName": look.bold, "textColor": VERDIGRIS}
    styles = {
        "title": style("title", **heading | {"fontSize": 21, "leading": 25, "spaceAfter": 3}),
        "subtitle": style("subtitle", fontSize=12, leading=15, textColor=GREY, spaceAfter=14),
        "heading": style(
            "heading",
            **heading | {"fontSize": 12.5, "leading": 16, "spaceBefore": 9, "spaceAfter": 4},
        ),
        "clause": style(
            "clause", leftIndent=1.1 * cm, bulletFontName=look.font, bulletFontSize=look.size
        ),
        "paragraph": style("paragraph"),
    }
    flowables: list[Flowable] = []
    together: list[Flowable] = []  # headings wait here for what they head
    for part in parts:
        if part.kind == "table":
            together += [_pdf_table(part.rows, look), Spacer(0, 7)]
        elif part.kind == "clause":
            number, text = part.text.split(" ", 1)
            together.append(Paragraph(html.escape(text, quote=False), styles["clause"], number))
        else:
            together.append(Paragraph(html.escape(part.text, quote=False), styles[part.kind]))
        if part.kind != "heading":
            flowables.append(KeepTogether(together))
            together = []
    return flowables


def _pdf_table(rows: list[list[str]], look: Look) -> Table:
    columns = list(zip(*rows, strict=True))
    size = min(look.size, 10)
    widths = [
        max(stringWidth(text, look.bold, size) for text in column) + 0.7 * cm for column in columns
    ]
    widths[widths.index(max(widths))] += WIDTH - sum(widths)
    left = ParagraphStyle("cell", fontName=look.font, fontSize=size, leading=size * 1.3)
    head = ParagraphStyle("head", left, fontName=look.bold, textColor=white)
    amounts = [all(text.startswith("£") for text in column[1:]) for column in columns]

    def cell(text: str, row: int, column: int) -> Paragraph:
        style = left if row else head
        if amounts[column]:
            style = ParagraphStyle("amount", style, alignment=TA_RIGHT)
        return Paragraph(html.escape(text, quote=False), style)

    cells = [[cell(text, r, c) for c, text in enumerate(row)] for r, row in enumerate(rows)]
    return Table(
        cells,
        colWidths=widths,
        hAlign="LEFT",
        style=[
            ("BACKGROUND", (0, 0), (-1, 0), VERDIGRIS),
            ("ROWBACKGROUNDS", (0, 1), (-1, -1), [white, PALE]),
            ("LINEBELOW", (0, -1), (-1, -1), 0.8, BRASS),
            ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ("TOPPADDING", (0, 0), (-1, -1), 3.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5),
        ],
    )


def _draw_header(canvas: Canvas, _template: BaseDocTemplate) -> None:
    top = A4[1] - 1.35 * cm
    canvas.saveState()
    _dial(canvas, LEFT + 7, top + 3, 7)
    canvas.setFont("Helvetica-Bold", 8.5)
    canvas.setFillColor(VERDIGRIS)
    canvas.drawString(LEFT + 20, top, COMPANY)
    canvas.setFont("Helvetica", 8)
    canvas.setFillColor(GREY)
    canvas.drawRightString(LEFT + WIDTH, top, ADDRESS)
    _rule(canvas, top - 9)
    canvas.restoreState()


def _draw_footer(canvas: Canvas, template: BaseDocTemplate, *, text: str, pages: int) -> None:
    canvas.saveState()
    _rule(canvas, 1.6 * cm)
    canvas.setFont("Helvetica", 8)
    canvas.setFillColor(GREY)
    canvas.drawString(LEFT, 1.15 * cm, text)
    canvas.drawRightString(LEFT + WIDTH, 1.15 * cm, f"Page {template.page} of {pages}")
    canvas.restoreState()


def _rule(canvas: Canvas, y: float) -> None:
    canvas.setStrokeColor(BRASS)
    canvas.setLineWidth(0.8)
    canvas.line(LEFT, y, LEFT + WIDTH, y)


def _dial(canvas: Canvas, x: float, y: float, radius: float) -> None:
    canvas.setStrokeColor(VERDIGRIS)
    canvas.setLineWidth(1.2)
    canvas.circle(x, y, radius)
    canvas.line(x, y, x, y + radius * 0.72)
    canvas.line(x, y, x + radius * 0.5, y - radius * 0.28)


# --- DOCX ---------------------------------------------------------------------------------------


def build_docx(source: str) -> bytes:
    """Set a source text with Word's own styles for headings, lists and tables."""
    document = docx.Document()
    _page_setup(document)
    parts = parse(source)
    for part in parts:
        _add(document, part)
    properties = document.core_properties
    properties.title = parts[0].text
    properties.author = properties.last_modified_by = COMPANY
    properties.comments = ""
    properties.language = "en-GB"
    properties.created = properties.modified = WRITTEN
    buffer = io.BytesIO()
    document.save(buffer)
    return _without_times(buffer.getvalue())


def _page_setup(document: Document) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.5)
    section.top_margin = section.bottom_margin = Cm(2.5)
    section.header.paragraphs[0].text = f"{COMPANY} · Employee Handbook"
    footer = section.footer.paragraphs[0]
    footer.add_run("Version 7 · 1 January 2026 · Page ")
    _page_number(footer.add_run())
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = "Calibri", Pt(11)
    normal.paragraph_format.space_after = Pt(7)
    normal.paragraph_format.line_spacing = 1.15
    for name, size in {"Title": 26, "Heading 1": 15, "Heading 2": 12}.items():
        style = document.styles[name]
        style.font.name, style.font.size = "Calibri", Pt(size)
        style.font.color.rgb = RGBColor(0x1F, 0x4E, 0x4A)
        style.element.rPr.rFonts.attrib.clear()  # theme fonts would win over the name
        style.font.name = "Calibri"
    document.styles["Subtitle"].font.color.rgb = RGBColor(0x5B, 0x66, 0x64)
    for name in ("Header", "Footer"):
        document.styles[name].font.size = Pt(9)


def _page_number(run: Run) -> None:
    for kind in ("begin", None, "end"):
        if kind is None:
            instruction = OxmlElement("w:instrText")
            instruction.text = "PAGE"
            run._r.append(instruction)
        else:
            _set(run._r, "w:fldChar", fldCharType=kind)


_STYLES = {
    "title": "Title",
    "subtitle": "Subtitle",
    "heading": "Heading 1",
    "subheading": "Heading 2",
    "paragraph": "Normal",
    "bullets": "List Bullet",
    "steps": "List Number",
}


def _add(document: Document, part: Part) -> None:
    if part.kind == "table":
        _add_table(document, part.rows)
        return
    for text in part.items or [part.text]:
        paragraph = document.add_paragraph(text, style=_STYLES[part.kind])
        if part.items:
            paragraph.paragraph_format.space_after = Pt(3)


def _add_table(document: Document, rows: list[list[str]]) -> None:
    table = document.add_table(rows=0, cols=len(rows[0]), style="Table Grid")
    for index, row in enumerate(rows):
        for cell, text in zip(table.add_row().cells, row, strict=True):
            run = cell.paragraphs[0].add_run(text)
            cell.paragraphs[0].paragraph_format.space_after = Pt(2)
            if index == 0:
                run.bold = True
                run.font.color.rgb = RGBColor(0xFF, 0xFF, 0xFF)
                _set(cell._tc.get_or_add_tcPr(), "w:shd", val="clear", fill="1F4E4A")
    _set(table.rows[0]._tr.get_or_add_trPr(), "w:tblHeader", val="true")
    document.add_paragraph().paragraph_format.space_after = Pt(0)


def _set(parent: BaseOxmlElement, tag: str, **attributes: str) -> None:
    element = OxmlElement(tag)
    for name, value in attributes.items():
        element.set(qn(f"w:{name}"), value)
    parent.append(element)


def _without_times(package: bytes) -> bytes:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(package)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            entry = zipfile.ZipInfo(name, WRITTEN.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            new.writestr(entry, old.read(name))
    return buffer.getvalue()


# --- All of them --------------------------------------------------------------------------------

BUILDERS: dict[str, tuple[str, Callable[[str], bytes]]] = {
    "handbook.docx": ("handbook.md", build_docx),
    "price-list.pdf": ("price-list.md", partial(build_pdf, look=PRICE_LIST)),
    "service-contract.pdf": ("service-contract.md", partial(build_pdf, look=CONTRACT)),
}


def build(folder: Path, names: Iterable[str] = BUILDERS) -> None:
    """Write the built documents into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        source, builder = BUILDERS[name]
        (folder / name).write_bytes(builder((SOURCES / source).read_text(encoding="utf-8")))


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENTS)
