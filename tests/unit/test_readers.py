"""Readers turn real bytes of every format into text a person would read, or say why not."""

import io
import zipfile
from pathlib import Path

import docx
import pytest
from docx.document import Document as WordDocument
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from hypothesis import given
from hypothesis import strategies as st
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from ingestion.errors import FileRejected, FileTooLarge, NoText, UnreadableFile, UnsupportedType
from ingestion.readers import packages, read_document, unseen
from ingestion.types import BlockKind, ParsedDocument

Shown = list[tuple[str, str]]


def shown(document: ParsedDocument) -> Shown:
    """The blocks as (kind and level, text)."""
    return [
        (f"{block.kind.value}{block.level or ''}", document.text[block.start : block.end])
        for block in document.blocks
    ]


def read(name: str, content: str | bytes) -> ParsedDocument:
    return read_document(name, content.encode() if isinstance(content, str) else content)


# --- which reader -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"MZ\x90\0\x03\0\0\0", "program"),
        (b"\0\x01\x02\x03" * 10, "unknown binary data"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(20), "old Office or other compound file"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(20), "7z archive"),
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.pdf", "a"])
def test_unknown_content_is_named_whatever_its_ending(name, data, found):
    with pytest.raises(UnsupportedType, match=f"files of type {found}.* Assay reads PDF, Word"):
        read(name, data)


@pytest.mark.parametrize(
    ("member", "found"),
    [
        ("xl/workbook.xml", "Excel workbook"),
        ("ppt/presentation.xml", "PowerPoint presentation"),
        ("word/document.xml", "Word document"),
        ("META-INF/container.xml", "EPUB book"),
        ("content.xml", "OpenDocument file"),
    ],
)
def test_packages_are_told_apart_by_what_is_in_them(member, found):
    with pytest.raises(UnreadableFile, match=f"{found} but damaged"):
        read("a.docx", archive({member: b"x"}))


def test_a_kind_of_package_without_a_reader_is_named():
    with pytest.raises(UnsupportedType, match="XLSB; save it as XLSX"):
        read("a.xlsx", archive({"xl/workbook.bin": b"x"}))


def test_an_encrypted_office_file_says_so():
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le")
    with pytest.raises(UnreadableFile, match="encrypted"):
        read("a.docx", data)


@pytest.mark.parametrize("data", [b"", b" \n\t ", b"\xef\xbb\xbf \n", b"<html></html>"])
@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html"])
def test_files_without_text_are_rejected(name, data):
    with pytest.raises(NoText):
        read(name, data)


def test_content_decides_before_the_name():
    page = "<!DOCTYPE html><html><body><p>Hello.</p></body></html>"
    assert read("a.txt", page).media_type == "text/html"
    assert read("a.md", pdf("Hello.")).media_type == "application/pdf"
    assert read("a.html", word(lambda d: d.add_paragraph("Hello."))).text == "Hello."
    assert read("a.md", "BM is a mark.").text == "BM is a mark."


@given(st.binary(max_size=300), st.sampled_from(["a.txt", "a.md", "a.html", "a.pdf", "a.docx"]))
def test_any_bytes_are_read_or_rejected(data, name):
    try:
        document = read(name, data)
    except FileRejected:
        return
    assert document.text.strip()
    document.text.encode()


@given(
    st.sampled_from(
        [b"%PDF-1.7\n", b"PK\x03\x04", b"<html>", b"# ", b"\xff\xfe", b"| a |\n|--|\n"]
    ),
    st.binary(max_size=200),
)
def test_any_bytes_after_a_known_beginning_are_read_or_rejected(beginning, rest):
    try:
        read("a.md", beginning + rest)
    except FileRejected:
        return


# --- plain text ---------------------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"], include_characters="\n"), min_size=1))
def test_plain_text_is_kept_but_for_characters_that_show_nothing(text):
    if not text.strip() or text.startswith(("%PDF-", "\ufeff", "{\\rtf", "%!PS")) or "<" in text:
        return
    if not unseen.shown(text).strip():
        return
    assert read("a.txt", text).text == unseen.shown(text)


@pytest.mark.parametrize(
    "data",
    [
        "Grüße – “quoted”".encode(),
        b"\xef\xbb\xbf" + "Grüße – “quoted”".encode(),
        "Grüße – “quoted”".encode("utf-16"),
        b"\xfe\xff" + "Grüße – “quoted”".encode("utf-16-be"),
        "Grüße – “quoted”".encode("utf-32"),
        "Grüße – “quoted”".encode("cp1252"),
    ],
)
def test_encodings_are_recognised(data):
    assert read("a.txt", data).text == "Grüße – “quoted”"


def test_a_foreign_alphabet_is_recognised():
    text = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 5
    assert read("a.txt", text.encode("cp1251")).text == text


def test_one_damaged_byte_does_not_spoil_a_utf_8_file():
    data = "Grüße aus Köln, schöne Straße, süße Äpfel, große Häuser".encode() + b"\xff."
    assert read("a.txt", data).text.startswith("Grüße aus Köln")


def test_line_endings_become_newlines():
    assert read("a.txt", b"a\r\nb\rc\n").text == "a\nb\nc\n"


def test_paragraphs_headings_and_lists_of_plain_text():
    text = "Refund policy\n\nMoney comes back\nwithin ten days.\n\n- by card\n- by cheque\n"
    assert shown(read("a.txt", text)) == [
        ("heading1", "Refund policy"),
        ("paragraph", "Money comes back\nwithin ten days."),
        ("list", "- by card\n- by cheque"),
    ]


def test_each_long_line_is_a_paragraph():
    long = "A sentence of some length. " * 8
    assert len(read("a.txt", f"{long}\n{long}\nshort\n").blocks) == 3


def test_the_title_is_the_file_name():
    assert read("reports/Annual_report_2023.txt", "x").title == "Annual report 2023"


# --- Markdown -----------------------------------------------------------------------------------

MARKDOWN = """---
title: "House rules"
tags: [a]
---
# Rules *for* guests

Read [the guide](https://example.org/x) and `pay()`.
It is **short**.

1. Ring
2. Enter
   - quietly
   - slowly

| Fee | Price |
|-----|-------|
| Bed | 10 |

```python
if late:
    pay()
```

<div onclick="x()"><script>alert(1)</script><p>Boxed &amp; bold</p></div>

Line <b>one</b><br>![a cat](cat.png) &copy;
"""


def test_markdown_reads_without_its_markup():
    document = read("rules.md", MARKDOWN)
    assert document.title == "House rules"
    assert shown(document) == [
        ("heading1", "Rules for guests"),
        ("paragraph", "Read the guide and pay(). It is short."),
        ("list", "1. Ring\n2. Enter\n  - quietly\n  - slowly"),
        ("table", "Fee | Price\nBed | 10"),
        ("code", "if late:\n    pay()"),
        ("paragraph", "Boxed & bold"),
        ("paragraph", "Line one\na cat ©"),
    ]


def test_the_title_of_markdown_is_its_first_outermost_heading():
    assert read("a.md", "## Small\n\n# Big\n").title == "Big"
    assert read("a_b.md", "text").title == "a b"


def test_nested_quotes_and_lists_of_markdown_are_survived():
    assert "deep" in read("a.md", "> " * 40 + "deep").text
    assert "before" in read("a.md", "before\n\n" + "- " * 5000 + "deep").text


# --- HTML ---------------------------------------------------------------------------------------

PAGE = """<!doctype html><html><head><title>Fees &amp; terms</title><style>p {}</style></head><body>
<header><a href="/">Home</a></header><nav><ul><li>Menu</li></ul></nav>
<main><article>
<h1>Fees</h1><p>The fee is <b>10&nbsp;euro</b>
a month.<br>Always.</p>
<ul><li>Cards<ul><li>Visa</li></ul></li><li><p>Cash</p></li></ul><ol start=3><li>One</li></ol>
<table><caption>Prices</caption><tr><th>Item</th><th>Price</th></tr>
<tr><td>Bed</td><td> 10 </td></tr></table>
<table><tr><td><p>Layout one.</p></td></tr><tr><td><p>Layout two.</p></td></tr></table>
<pre>if x:
    y</pre>
<script>document.write("no")</script><p hidden>secret</p><p style="display: none">secret</p>
<p aria-hidden="true">secret</p><noscript>secret</noscript><template>secret</template>
</article></main><aside>Advert</aside><form>Search</form><footer>Imprint</footer></body></html>"""


def test_html_keeps_the_main_text_only():
    document = read("a.html", PAGE)
    assert document.title == "Fees & terms"
    assert shown(document) == [
        ("heading1", "Fees"),
        ("paragraph", "The fee is 10 euro a month.\nAlways."),
        ("list", "- Cards\n  - Visa\n- Cash"),
        ("list", "1. One"),
        ("table", "Prices\nItem | Price\nBed | 10"),
        ("paragraph", "Layout one."),
        ("paragraph", "Layout two."),
        ("code", "if x:\n    y"),
    ]


def test_two_line_breaks_end_a_paragraph():
    assert len(read("a.html", "<html>One.<br>\n<br>Two.<br>Three.</html>").blocks) == 2


def test_a_page_inside_one_form_is_read():
    assert read("a.html", "<html><form><p>All of the page.</p></form></html>").text


def test_a_page_of_nothing_but_a_menu_is_read_all_the_same():
    assert read("a.html", "<html><nav>Only this &lt;x&gt;</nav></html>").text == "Only this <x>"


def test_a_small_article_does_not_hide_the_rest_of_a_page():
    page = "<html><article>Short.</article><p>Much longer text around it.</p></html>"
    assert "Much longer" in read("a.html", page).text


@pytest.mark.parametrize("charset", ["cp1252", "iso-8859-1", "shift_jis", "utf-8"])
def test_html_follows_its_declared_encoding(charset):
    word = "日本語" if charset == "shift_jis" else "Grüße"
    page = f'<html><meta charset="{charset}"><p>{word}</p></html>'
    assert read("a.html", page.encode(charset)).text == word


def test_a_wrong_declaration_does_not_break_utf_8():
    assert read("a.html", '<html><meta charset="latin1"><p>Grüße</p>').text == "Grüße"


@pytest.mark.parametrize("tag", ["div", "b", "table><tr><td", "ul><li", "blockquote"])
def test_deep_nesting_loses_no_text(tag):
    page = f"<html><body>{f'<{tag}>' * 50_000}deep text</body></html>"
    assert "deep text" in read("a.html", page).text


def test_html_entities_are_not_expanded_from_a_dtd():
    page = (
        '<!DOCTYPE html [<!ENTITY a "boom"><!ENTITY x SYSTEM "file:///etc/passwd">]>'
        "<html><p>Safe &a; &x;</p></html>"
    )
    text = read("a.html", page).text
    assert "Safe" in text
    assert "root:" not in text


# --- Word ---------------------------------------------------------------------------------------


def word(*fill) -> bytes:
    document = docx.Document()
    for step in fill:
        step(document)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def fill_house_rules(document: WordDocument) -> None:
    document.add_heading("House rules", 0)
    document.add_heading("Fees", 1)
    document.add_paragraph("The fee is ").add_run("ten euro.").bold = True
    document.add_paragraph("by card", style="List Bullet")
    document.add_paragraph("by cheque", style="List Number")
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ["Item", "Price", "Bed", "10"], strict=True):
        cell.text = text
    frame = document.add_table(1, 1)
    frame.cell(0, 0).text = "Framed."


def test_word_reads_in_order():
    document = read("rules.docx", word(fill_house_rules))
    assert document.title == "House rules"
    assert shown(document) == [
        ("heading1", "House rules"),
        ("heading1", "Fees"),
        ("paragraph", "The fee is ten euro."),
        ("list", "- by card\n1. by cheque"),
        ("table", "Item | Price\nBed | 10"),
        ("paragraph", "Framed."),
    ]


def test_the_core_title_of_a_word_document_comes_first():
    def name_it(document: WordDocument) -> None:
        document.core_properties.title = "Core title"

    assert read("a.docx", word(fill_house_rules, name_it)).title == "Core title"


def test_inserted_text_is_read_and_deleted_text_is_not():
    def track(document: WordDocument) -> None:
        document.element.body.insert(
            0,
            parse_xml(
                f"<w:p {nsdecls('w')}><w:r><w:t>Kept</w:t></w:r>"
                '<w:ins w:id="1" w:author="a"><w:r><w:t> added</w:t></w:r></w:ins>'
                '<w:del w:id="2" w:author="a"><w:r><w:delText> gone</w:delText></w:r></w:del></w:p>'
            ),
        )

    assert read("a.docx", word(track)).text == "Kept added"


def test_a_word_document_without_text_is_rejected():
    with pytest.raises(NoText):
        read("a.docx", word())


@pytest.mark.parametrize("share", [0.2, 0.5, 0.95])
def test_a_truncated_word_document_is_unreadable(share):
    data = word(fill_house_rules)
    with pytest.raises(UnreadableFile, match="damaged"):
        read("a.docx", data[: int(share * len(data))])


def test_a_word_document_with_a_broken_part_is_unreadable():
    data = rewritten(word(fill_house_rules), "word/document.xml", b"<w:document")
    with pytest.raises(UnreadableFile, match="Word document but damaged"):
        read("a.docx", data)


def test_entities_in_a_word_document_are_neither_expanded_nor_fetched():
    xml = (
        '<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
        f"<w:document {nsdecls('w')}><w:body><w:p><w:r><w:t>Safe&a;&f;</w:t></w:r></w:p>"
        "</w:body></w:document>"
    )
    data = rewritten(word(fill_house_rules), "word/document.xml", xml.encode())
    assert read("a.docx", data).text == "Safe"


def test_a_zip_bomb_is_refused_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(packages, "LIMIT_UNPACKED_BYTES", 1_000_000)
    data = rewritten(word(fill_house_rules), "word/document.xml", b" " * 2_000_000)
    assert len(data) < 100_000
    with pytest.raises(FileTooLarge, match="bytes once unpacked and the limit is 1,000,000"):
        read("a.docx", data)


def archive(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in members.items():
            target.writestr(name, data)
    return out.getvalue()


def rewritten(data: bytes, member: str, content: bytes) -> bytes:
    """The same package with one member replaced."""
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        members = {name: source.read(name) for name in source.namelist()}
    return archive(members | {member: content})


# --- PDF ----------------------------------------------------------------------------------------


def pdf(*pages: str, title: str = "", password: str | None = None) -> bytes:
    """A PDF whose pages have these lines, 14 points apart; blank lines leave room."""
    out = io.BytesIO()
    encryption = StandardEncryption(password, canPrint=0) if password else None
    canvas = Canvas(out, pagesize=A4, encrypt=encryption, invariant=True)
    if title:
        canvas.setTitle(title)
    for page in pages:
        for number, line in enumerate(page.split("\n")):
            size = 18 if line.startswith("# ") else 11
            canvas.setFont("Helvetica", size)
            x = 72.0
            for cell in line.removeprefix("# ").split("\t"):
                canvas.drawString(x, 780 - 14 * number, cell)
                x += 150
        canvas.showPage()
    canvas.save()
    return out.getvalue()


PROSE = (
    "The fee is ten euro a month and is paid in advance on the first work-\n"
    "ing day. A guest who leaves early gets the rest of the month back in\n"
    "full."
)


def test_pdf_lines_become_paragraphs_headings_and_tables():
    page = f"# House rules\n\n\n{PROSE}\n\nItem\tJune\tJuly\nBed\t10\t12\nMeal\t5\t6"
    document = read("a.pdf", pdf(page))
    assert shown(document) == [
        ("heading1", "House rules"),
        (
            "paragraph",
            "The fee is ten euro a month and is paid in advance on the first working day. A "
            "guest who leaves early gets the rest of the month back in full.",
        ),
        ("table", "Item June July\nBed 10 12\nMeal 5 6"),
    ]


def test_pdf_blocks_carry_their_page():
    document = read("a.pdf", pdf("First page.", "", "Third page."))
    assert [block.page for block in document.blocks] == [1, 3]


def test_a_hyphen_stays_before_a_capital():
    prose = PROSE.replace("work-\ning", "Monday-\nFriday")
    assert "Monday-Friday" in read("a.pdf", pdf(prose)).text


def test_a_hyphen_stays_where_the_document_writes_it_elsewhere():
    prose = PROSE.replace("work-\ning", "long-\nterm") + "\n\nThe long-term guest pays less."
    assert read("a.pdf", pdf(prose)).text.count("long-term") == 2


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("House rules of 2024", "House rules of 2024"),
        ("untitled", "my file"),
        ("Microsoft Word - rules.doc", "my file"),
        ("0000320193-22-000070", "my file"),
        ("rules final.docx", "my file"),
        ("", "my file"),
    ],
)
def test_a_pdf_title_must_say_something(title, expected):
    assert read("my_file.pdf", pdf("Text.", title=title)).title == expected


def test_an_encrypted_pdf_says_so():
    with pytest.raises(UnreadableFile, match="encrypted"):
        read("a.pdf", pdf("Secret.", password="x"))


def test_a_pdf_without_text_layer_looks_scanned():
    with pytest.raises(NoText, match=r"page of 2"):
        read("a.pdf", pdf("", ""))


def test_a_truncated_pdf_is_read_or_unreadable():
    data = pdf(PROSE, PROSE)
    for share in (0.05, 0.3, 0.6, 0.9, 0.99):
        try:
            assert read("a.pdf", data[: int(share * len(data))]).text
        except (UnreadableFile, NoText):
            continue


def test_garbage_after_a_pdf_mark_is_unreadable():
    with pytest.raises(UnreadableFile, match="damaged PDF"):
        read("a.pdf", b"%PDF-1.7\n" + b"garbage " * 100)


def test_the_rows_of_a_printed_table_stay_apart() -> None:
    """Their cells are wide enough apart to be seen, however much a row says."""
    samples = Path(__file__).parents[2] / "app" / "samples" / "documents"
    document = read_document("price-list.pdf", (samples / "price-list.pdf").read_bytes())
    rows = [
        line
        for block in document.blocks
        if block.kind is BlockKind.TABLE
        for line in document.text[block.start : block.end].split("\n")
    ]
    assert "OT-330 Night silencing controller £540 3 weeks" in rows
    assert "OT-310 Satellite time receiver £475 2 weeks" in rows


def test_a_numbered_clause_is_no_row_for_the_gap_after_its_number() -> None:
    samples = Path(__file__).parents[2] / "app" / "samples" / "documents"
    document = read_document("c.pdf", (samples / "service-contract.pdf").read_bytes())
    [clause] = [
        block
        for block in document.blocks
        if document.text[block.start : block.end].startswith("1.1 Ottermere maintains")
    ]
    assert clause.kind is BlockKind.PARAGRAPH
