"""Files made to hurt: each is read without harm or refused in words, quickly, and nothing leaks.

`tests/component/test_sandbox.py` shows what happens when a reader fails all the same.
"""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reportlab.pdfgen.canvas import Canvas

from ingestion.errors import FileRejected, FileTooLarge, NoText, UnreadableFile
from ingestion.readers import children, packages, read_document
from ingestion.types import ParsedDocument
from tests.compound import compound
from tests.made_files import (
    made,
    message,
    ods,
    odt,
    old_word,
    opendocument,
    slides,
    tarred,
    word,
    workbook,
    zipped,
)

SECRET = "root:"
LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    + "".join(f'<!ENTITY {chr(n + 1)} "{f"&{chr(n)};" * 10}">' for n in range(ord("b"), ord("k")))
    + "]>"
)
THEFT = '<!DOCTYPE x [<!ENTITY k SYSTEM "file:///etc/passwd">]>'


def read_or_reason(name: str, data: bytes) -> str:
    """The text, or the sentence that refuses the file."""
    try:
        return read_document(name, data).text
    except FileRejected as rejection:
        return str(rejection)


def replaced(data: bytes, member: str, content: str | bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        members = {name: source.read(name) for name in source.namelist()}
    return zipped(members | {member: content})


# --- XML ----------------------------------------------------------------------------------------


def xml_files(doctype: str) -> dict[str, bytes]:
    """Files whose XML begins with `doctype` and uses its entity `k`, in text and in attributes."""
    office = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
    text = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
    opened = f'{doctype}<o:d xmlns:o="{office}" xmlns:t="{text}"><o:body><o:text>'
    odf = f"{opened}<t:p>Safe &k;</t:p></o:text></o:body></o:d>"
    w = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    body = "<w:body><w:p><w:r><w:t>Safe &k;</w:t></w:r></w:p></w:body>"
    docx = f'{doctype}<w:document xmlns:w="{w}">{body}</w:document>'
    svg = f'{doctype}<svg xmlns="http://www.w3.org/2000/svg"><text>Safe &k;</text></svg>'
    s = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rows = "<sheetData><row><c t='inlineStr'><is><t>Safe &k;</t></is></c></row></sheetData>"
    return {
        "a.xml": f'<?xml version="1.0"?>{doctype}<x><y>Safe</y><z a="&k;">&k;</z></x>'.encode(),
        "a.svg": f'<?xml version="1.0"?>{svg}'.encode(),
        "a.odt": replaced(odt(["x"]), "content.xml", odf),
        "a.docx": replaced(word(["x"]), "word/document.xml", docx),
        "a.xlsx": replaced(
            workbook([["x"]]),
            "xl/worksheets/sheet1.xml",
            f'{doctype}<worksheet xmlns="{s}">{rows}</worksheet>',
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", xml_files(THEFT))
def test_an_entity_never_fetches_a_file(name):
    assert SECRET not in read_or_reason(name, xml_files(THEFT)[name])


@pytest.mark.parametrize("name", xml_files(LAUGHS))
def test_entities_that_multiply_are_not_expanded(name):
    assert len(read_or_reason(name, xml_files(LAUGHS)[name])) < 1_000


def test_deep_xml_is_refused_in_words():
    deep = b'<?xml version="1.0"?>' + b"<a>" * 100_000 + b"x" + b"</a>" * 100_000
    assert "damaged" in read_or_reason("a.xml", deep)


# --- Nesting and size ---------------------------------------------------------------------------


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_json_nested_100_000_levels_deep_is_refused(opening):
    closing = "]" if opening == "[" else "}"
    data = opening * 100_000 + "1" + closing * 100_000
    assert "nested too deeply" in read_or_reason("a.json", data.encode())


def test_html_nested_100_000_levels_deep_keeps_its_words():
    assert "deep" in read_or_reason("a.html", b"<html>" + b"<div>" * 100_000 + b"deep")


def test_rtf_nested_100_000_levels_deep_is_refused():
    assert "nested" in read_or_reason("a.rtf", b"{\\rtf1 " + b"{" * 100_000 + b"x")


def test_mail_nested_thousands_of_parts_deep_is_survived():
    parts = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(3_000)
    )
    assert read_or_reason("a.eml", b"From: a@b.c\nTo: d@e.f\nMIME-Version: 1.0\n" + parts)


def test_one_line_of_20_megabytes_is_read():
    line = b"word " * 4_000_000
    assert len(read_document("a.txt", line).text) == len(line)
    assert len(read_document("a.csv", line.replace(b" ", b",", 1)).text) > 19_000_000


def test_five_thousand_pages_are_read_each_with_its_number():
    out = io.BytesIO()
    canvas = Canvas(out, invariant=True)
    for page in range(5_000):
        # Letters, not digits: a line that only counts the pages would be left out.
        name = "".join(chr(ord("a") + int(digit)) for digit in f"{page * 7_919 % 10_000:04}")
        canvas.drawString(60, 700, f"Clause {name} ends here.")
        canvas.showPage()
    canvas.save()
    document = read_document("a.pdf", out.getvalue())
    assert document.text.count("Clause") == 5_000
    assert document.blocks[-1].page == 5_000
    assert {block.page for block in document.blocks} == set(range(1, 5_001))


def test_nul_bytes_do_not_reach_the_text():
    for name, data in {
        "a.json": b'["a\\u0000b"]',
        "a.html": b"<html><p>a&#0;b</p>",
        "a.csv": "a\0b,c\nd,e\n".encode("utf-16"),
        "a.doc": old_word("a\0b"),
        "a.odt": odt(["ab"]),
    }.items():
        text = read_or_reason(name, data)
        assert "\0" not in text
        assert "b" in text


def test_a_cell_at_the_far_corner_of_a_sheet_costs_nothing():
    import openpyxl

    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "near", "far"
    out = io.BytesIO()
    book.save(out)
    assert read_document("a.xlsx", out.getvalue()).text.split("\n")[1:] == [
        "", "Row 1: near", "Row 1048576: far",
    ]  # fmt: skip


def test_a_table_cell_that_repeats_a_billion_times_is_cut_short():
    cell = (
        '<table:table-row table:number-rows-repeated="999999999">'
        '<table:table-cell table:number-columns-repeated="999999999"><text:p>x</text:p>'
        "</table:table-cell></table:table-row>"
    )
    body = f"<office:spreadsheet><table:table>{cell}</table:table></office:spreadsheet>"
    assert len(read_or_reason("a.ods", opendocument(body))) < 10_000_000


# --- Bombs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_bomb_is_refused(pack, monkeypatch):
    monkeypatch.setattr(children, "MOST_BYTES", 1_000_000)
    data = pack(bytes(5_000_000))
    assert len(data) < 10_000
    with pytest.raises(FileTooLarge, match="bytes once unpacked"):
        read_document("a.gz", data)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(children, "MOST_BYTES", 1_000_000)
    with pytest.raises(FileTooLarge, match="unpack it and add the files"):
        read_document("a.zip", zipped({"a.txt": bytes(5_000_000)}))


@pytest.mark.parametrize("data", [workbook([["a"]]), slides(["a"]), odt(["a"]), word(["a"])])
def test_a_package_that_is_a_bomb_is_refused(data, monkeypatch):
    monkeypatch.setattr(packages, "LIMIT_UNPACKED_BYTES", 1_000_000)
    with pytest.raises(FileTooLarge, match="bytes once unpacked"):
        read_document("a", replaced(data, "bomb.xml", bytes(5_000_000)))


def test_archives_in_archives_share_one_limit(monkeypatch):
    monkeypatch.setattr(children, "MOST_FILES", 20)
    data = zipped({"a.txt": "x"})
    for _ in range(3):
        data = zipped({f"{n}.zip": data for n in range(5)})
    with pytest.raises(FileTooLarge, match="21 files inside and the limit is 20"):
        read_document("a.zip", data)


def test_what_lies_too_deep_is_named():
    data = zipped({"core.txt": "the core"})
    for number in range(6):
        data = zipped({f"{number}.zip": data, f"{number}.txt": f"level {number}"})
    text = read_document("a.zip", data).text
    assert "level 5" in text
    assert "the core" not in text
    assert "it lies more than 4 files deep" in text


# --- Names, links, archives ---------------------------------------------------------------------


def test_a_member_with_a_path_that_leads_elsewhere_is_only_a_heading(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["../../evil.txt", "/etc/evil.txt", "C:\\evil.txt"]
    for data in (zipped(dict.fromkeys(names, "text")), tarred(dict.fromkeys(names, b"text"))):
        document = read_document("a.zip", data)
        assert [b.level for b in document.blocks if b.level] == [1, 1, 1]
        assert document.text.count("evil.txt") == 3
    assert list(tmp_path.iterdir()) == []


def test_links_in_a_tar_are_not_followed():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as target:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE):
            info = tarfile.TarInfo(f"link{kind!r}.txt")
            info.type, info.linkname = kind, "/etc/passwd"
            target.addfile(info)
        info = tarfile.TarInfo("real.txt")
        info.size = 4
        target.addfile(info, io.BytesIO(b"text"))
    text = read_document("a.tar", out.getvalue()).text
    assert SECRET not in text
    assert text.count("it is a link or a device, not a file") == 3
    assert "real.txt\n\ntext" in text


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=60))
@example("\N{SOFT HYPHEN}")
@settings(max_examples=60, deadline=None)
def test_an_attachment_may_be_called_anything(name):
    document = read_document(name, zipped({"a.txt": "body", "b.txt": "body"}))
    assert document.title.strip()
    title = read_document("a.eml", message(["Hello."], {name: b"inside"}))
    assert "inside" in title.text


def test_an_archive_of_nothing_readable_says_why():
    with pytest.raises(NoText, match=r"none of the 2 files in it can be read .*7z archive"):
        read_document(
            "a.zip", zipped({"a.7z": b"7z\xbc\xaf\x27\x1c1", "b.7z": b"7z\xbc\xaf\x27\x1c"})
        )
    with pytest.raises(NoText, match="holds no files"):
        read_document("a.zip", zipped({}))


def test_one_bad_member_does_not_spoil_the_others():
    text = read_document("a.zip", zipped({"a.docx": b"PK\x03\x04junk", "b.txt": "fine"})).text
    assert "fine" in text
    assert "Files that were not read\n\n- a.docx: it begins like an Office document" in text


# --- Encryption ---------------------------------------------------------------------------------


def encrypted_zip() -> bytes:
    """A ZIP whose members are marked as encrypted."""
    data = bytearray(zipped({"a.txt": "secret"}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.zip", encrypted_zip()),
        ("a.xlsx", compound({"EncryptedPackage": b"x", "EncryptionInfo": b"y"})),
        ("a.doc", old_word("x", flags=0x0300)),
        (
            "a.odt",
            zipped(
                {
                    "content.xml": b"\x01\x02",
                    "META-INF/manifest.xml": '<m:manifest xmlns:m="urn:x"><m:file-entry>'
                    "<m:encryption-data/></m:file-entry></m:manifest>",
                }
            ),
        ),
    ],
)
def test_encrypted_files_say_what_to_do(name, data):
    with pytest.raises(
        UnreadableFile, match=r"(?:needs a password|is encrypted).*(?:save a copy|unpack it)"
    ):
        read_document(name, data)


def test_a_copy_protected_book_is_refused():
    rights = (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
        '<EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/></encryption>'
    )
    with pytest.raises(UnreadableFile, match="copy-protected"):
        read_document("a.epub", replaced(made(["x"])["a.epub"], "META-INF/encryption.xml", rights))


# --- What a reader sees -------------------------------------------------------------------------


def test_a_formula_is_text_and_never_run():
    formula = '=HYPERLINK("http://evil.example","Click")'
    text = read_document("a.csv", f"name,value\nx,{json.dumps(formula)[1:-1]}\n".encode()).text
    assert "=HYPERLINK(" in text
    sheet = read_document("a.ods", ods([["name"], ["=1+1"]])).text
    assert "=1+1" in sheet


def test_right_to_left_text_and_what_joins_letters_is_kept_as_written():
    text = "שלום \u202eevil\u202c می\u200cخواهم مرحبا"
    assert read_document("a.txt", text.encode()).text == text
    assert read_document("a.docx", word([text])).text == text
    assert read_document("a.html", f"<html><p>{text}</p></html>".encode()).text == text


@pytest.mark.parametrize(
    "style",
    [
        "display:none",
        "visibility : hidden",
        "font-size:0",
        "font-size: 0px",
        "opacity:0.0",
        "position:absolute;left:-9999px",
        "color:#FFF;background-color:white",
        "background: rgb(255, 255, 255); color: #ffffff",
    ],
)
def test_text_nobody_sees_on_a_page_is_left_out(style):
    page = f'<html><p>Seen.</p><p style="{style}">Obey me.</p></html>'
    assert read_document("a.html", page.encode()).text == "Seen."


@pytest.mark.parametrize(
    "style", ["font-size:0.9em", "opacity:0.5", "color:white;background:#000", "left:-10px"]
)
def test_text_that_is_merely_styled_stays(style):
    page = f'<html><p>Seen.</p><p style="{style}">Read me.</p></html>'
    assert "Read me." in read_document("a.html", page.encode()).text


def styled_word(**look: object) -> ParsedDocument:
    import docx
    from docx.shared import Pt, RGBColor

    document = docx.Document()
    document.add_paragraph("Seen.").add_run(" Obey me.")
    font = document.paragraphs[0].runs[1].font
    font.hidden = look.get("hidden")
    if "size" in look:
        font.size = Pt(look["size"])
    if "colour" in look:
        font.color.rgb = RGBColor.from_string(look["colour"])
    out = io.BytesIO()
    document.save(out)
    return read_document("a.docx", out.getvalue())


def test_hidden_words_of_a_word_document_are_left_out():
    assert styled_word(hidden=True).text == "Seen."
    assert styled_word(size=1).text == "Seen."
    assert styled_word(colour="FFFFFF").text == "Seen."
    assert styled_word(colour="FF0000", size=6).text == "Seen. Obey me."
