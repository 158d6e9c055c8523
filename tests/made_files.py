"""Files of every format, made from the same words. Real libraries write what they can write."""

import bz2
import email.message
import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape

import docx
import openpyxl
import pptx
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from tests.compound import compound

Paragraphs = Sequence[str]
_OFFICE = 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
_NAMESPACES = (
    _OFFICE
    + 'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    + 'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    + 'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" '
    + 'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
    + 'xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0" '
    + 'xmlns:presentation="urn:oasis:names:tc:opendocument:xmlns:presentation:1.0"'
)


def zipped(members: dict[str, str | bytes]) -> bytes:
    """A ZIP file with these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in members.items():
            target.writestr(name, data)
    return out.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    """A TAR file with these members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as target:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            target.addfile(info, io.BytesIO(data))
    return out.getvalue()


def word(paragraphs: Paragraphs) -> bytes:
    document = docx.Document()
    for text in paragraphs:
        document.add_paragraph(text)
    return _saved(document.save)


def slides(paragraphs: Paragraphs) -> bytes:
    deck = pptx.Presentation()
    for number, text in enumerate(paragraphs, start=1):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = f"Part {number}"
        slide.placeholders[1].text = text
    return _saved(deck.save)


def workbook(rows: Sequence[Sequence[object]], name: str = "Prices") -> bytes:
    book = openpyxl.Workbook()
    book.active.title = name
    for row in rows:
        book.active.append(list(row))
    return _saved(book.save)


def _saved(save: Callable[[io.BytesIO], object]) -> bytes:
    out = io.BytesIO()
    save(out)
    return out.getvalue()


def opendocument(body: str, styles: str = "") -> bytes:
    """An OpenDocument file; `body` is what `office:body` holds."""
    content = (
        f"<office:document-content {_NAMESPACES}><office:automatic-styles>{styles}"
        f"</office:automatic-styles><office:body>{body}</office:body></office:document-content>"
    )
    return zipped({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content})


def odt(paragraphs: Paragraphs) -> bytes:
    inner = "".join(f"<text:p>{escape(text)}</text:p>" for text in paragraphs)
    return opendocument(f"<office:text>{inner}</office:text>")


def ods(rows: Sequence[Sequence[object]]) -> bytes:
    inner = "".join(
        "<table:table-row>"
        + "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in row)
        + "</table:table-row>"
        for row in rows
    )
    table = f'<table:table table:name="Prices">{inner}</table:table>'
    return opendocument(f"<office:spreadsheet>{table}</office:spreadsheet>")


def odp(paragraphs: Paragraphs) -> bytes:
    pages = "".join(
        "<draw:page><draw:frame><draw:text-box>"
        f"<text:p>{escape(text)}</text:p></draw:text-box></draw:frame></draw:page>"
        for text in paragraphs
    )
    return opendocument(f"<office:presentation>{pages}</office:presentation>")


def rtf(paragraphs: Paragraphs) -> bytes:
    def coded(text: str) -> str:
        return "".join(c if ord(c) < 128 else f"\\u{ord(c)}?" for c in text)

    inner = "".join(f"{coded(text)}\\par\n" for text in paragraphs)
    return f"{{\\rtf1\\ansi\\ansicpg1252{{\\fonttbl{{\\f0 Arial;}}}}\\f0 {inner}}}".encode("ascii")


def html(paragraphs: Paragraphs) -> bytes:
    inner = "".join(f"<p>{escape(text)}</p>" for text in paragraphs)
    return f"<!DOCTYPE html><html><meta charset=utf-8><body>{inner}</body></html>".encode()


def mhtml(paragraphs: Paragraphs) -> bytes:
    message = email.message.EmailMessage()
    message["Subject"] = "Saved page"
    message["Snapshot-Content-Location"] = "https://example.org/"
    message.set_content(html(paragraphs).decode(), subtype="html")
    message.make_related()
    return message.as_bytes()


def epub(paragraphs: Paragraphs) -> bytes:
    chapters = {f"OEBPS/c{n}.xhtml": html([text]) for n, text in enumerate(paragraphs)}
    items = "".join(
        f'<item id="c{n}" href="c{n}.xhtml" media-type="application/xhtml+xml"/>'
        for n in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    opf = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<metadata><dc:title>A book</dc:title></metadata><manifest>{items}</manifest>"
        f"<spine>{spine}</spine></package>"
    )
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
    )
    return zipped({"META-INF/container.xml": container, "OEBPS/book.opf": opf, **chapters})


def message(paragraphs: Paragraphs, attachments: dict[str, bytes] | None = None) -> bytes:
    made = email.message.EmailMessage()
    made["From"], made["To"], made["Subject"] = "Ann <a@example.org>", "b@example.org", "A letter"
    made.set_content("\n\n".join(paragraphs), cte="base64")
    for name, data in (attachments or {}).items():
        made.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return made.as_bytes()


def mailbox(paragraphs: Paragraphs) -> bytes:
    return b"".join(
        b"From a@example.org Mon Jan  5 10:00:00 2026\n" + message([text]) + b"\n"
        for text in paragraphs
    )


def outlook(paragraphs: Paragraphs, attachments: dict[str, bytes] | None = None) -> bytes:
    streams = {
        "__properties_version1.0": bytes(32),
        "__substg1.0_0037001F": "A letter".encode("utf-16-le"),
        "__substg1.0_0C1A001F": "Ann".encode("utf-16-le"),
        "__substg1.0_1000001F": "\r\n\r\n".join(paragraphs).encode("utf-16-le"),
    }
    for number, (name, data) in enumerate((attachments or {}).items()):
        folder = f"__attach_version1.0_#{number:08X}"
        streams[f"{folder}/__substg1.0_3707001F"] = name.encode("utf-16-le")
        streams[f"{folder}/__substg1.0_37010102"] = data
    return compound(streams)


def old_word(text: str, *, flags: int = 0x0200) -> bytes:
    """A DOC file of one piece; `\\r` ends paragraphs, `\\x07` cells."""
    encoded = text.encode("utf-16-le")
    header = bytearray(0x800)
    struct.pack_into("<HHHHHH", header, 0, 0xA5EC, 0x00C1, 0, 0, 0, flags)
    struct.pack_into("<I", header, 0x4C, len(text))
    pieces = struct.pack("<II", 0, len(text)) + struct.pack("<HIH", 0, 0x800, 0)
    table = b"\x02" + struct.pack("<I", len(pieces)) + pieces
    struct.pack_into("<II", header, 0x1A2, 0, len(table))
    return compound({"WordDocument": bytes(header) + encoded, "1Table": table})


def old_slides(paragraphs: Paragraphs) -> bytes:
    def record(kind: int, data: bytes, head: int = 0) -> bytes:
        return struct.pack("<HHI", head, kind, len(data)) + data

    texts = b""
    for number, text in enumerate(paragraphs, start=1):
        texts += record(0x03F3, bytes(20))
        texts += record(0x0F9F, struct.pack("<I", 0))
        texts += record(0x0FA8, f"Part {number}".encode("latin-1"))
        texts += record(0x0F9F, struct.pack("<I", 1)) + record(0x0FA0, text.encode("utf-16-le"))
    return compound({"PowerPoint Document": record(0x03E8, record(0x0FF0, texts, 0xF), 0xF)})


def old_workbook(rows: Sequence[Sequence[str | float]]) -> bytes:
    def record(kind: int, data: bytes) -> bytes:
        return struct.pack("<HH", kind, len(data)) + data

    cells = b""
    for y, row in enumerate(rows):
        for x, value in enumerate(row):
            if isinstance(value, str):
                text = value.encode("utf-16-le")
                head = struct.pack("<HHHHB", y, x, 0, len(value), 1)
                cells += record(0x0204, head + text)
            else:
                cells += record(0x0203, struct.pack("<HHHd", y, x, 0, value))
    name = b"Prices"
    begin = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 0))
    at = len(begin) + 4 + 8 + len(name) + 4
    sheet = record(0x0085, struct.pack("<IBBBB", at, 0, 0, len(name), 0) + name)
    inner = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 0))
    return compound({"Workbook": begin + sheet + record(10, b"") + inner + cells + record(10, b"")})


def pdf(paragraphs: Paragraphs) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, invariant=True)
    canvas.setFont("Helvetica", 9)
    for number, text in enumerate(paragraphs):
        canvas.drawString(50, 780 - 40 * number, text)
    canvas.save()
    return out.getvalue()


def notebook(paragraphs: Paragraphs) -> bytes:
    cells = [{"cell_type": "markdown", "source": [text]} for text in paragraphs]
    return json.dumps({"nbformat": 4, "cells": cells}).encode()


def made(paragraphs: Paragraphs) -> dict[str, bytes]:
    """The paragraphs in every format there is a reader for, by file name."""
    plain = "\n\n".join(paragraphs)
    rows = [["Nr", "Text"], *([str(n), text] for n, text in enumerate(paragraphs, start=1))]
    csv = "\n".join(";".join(f'"{cell}"' for cell in row) for row in rows)
    inner = "".join(f"<para>{escape(text)}</para>" for text in paragraphs)
    return {
        "a.txt": plain.encode(),
        "utf16.txt": plain.encode("utf-16"),
        "a.md": plain.encode(),
        "a.rst": plain.encode(),
        "a.org": plain.encode(),
        "a.tex": f"\\documentclass{{x}}\\begin{{document}}{plain}\\end{{document}}".encode(),
        "a.html": html(paragraphs),
        "a.mhtml": mhtml(paragraphs),
        "a.epub": epub(paragraphs),
        "a.docx": word(paragraphs),
        "a.doc": old_word("\r".join(paragraphs)),
        "a.pptx": slides(paragraphs),
        "a.ppt": old_slides(paragraphs),
        "a.xlsx": workbook(rows),
        "a.xls": old_workbook(rows),
        "a.csv": csv.encode(),
        "a.odt": odt(paragraphs),
        "a.ods": ods(rows),
        "a.odp": odp(paragraphs),
        "a.rtf": rtf(paragraphs),
        "a.pdf": pdf(paragraphs),
        "a.json": json.dumps(list(paragraphs)).encode(),
        "a.jsonl": "\n".join(json.dumps({"text": text}) for text in paragraphs).encode(),
        "a.xml": f'<?xml version="1.0"?><doc>{inner}</doc>'.encode(),
        "a.ipynb": notebook(paragraphs),
        "a.py": plain.encode(),
        "a.eml": message(paragraphs),
        "a.mbox": mailbox(paragraphs),
        "a.msg": outlook(paragraphs),
        "a.zip": zipped({"inside.txt": plain}),
        "a.tar.gz": gzip.compress(tarred({"inside.txt": plain.encode()})),
        "a.txt.bz2": bz2.compress(plain.encode()),
        "a.txt.xz": lzma.compress(plain.encode()),
    }
