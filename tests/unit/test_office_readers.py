"""Sheets, slides and letters: what a person sees in the program is what is read, with its place."""

import datetime as dt
import io
import zipfile

import docx
import openpyxl
import pptx
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from ingestion.errors import FileRejected, NoText, UnreadableFile
from ingestion.readers import read_document
from ingestion.readers.rtf import decompressed_rtf
from ingestion.types import ParsedDocument
from retrieval.hidden import HiddenBy, HiddenText
from tests.made_files import (
    message,
    odt,
    old_slides,
    old_word,
    old_workbook,
    opendocument,
    outlook,
    rtf,
    word,
    workbook,
    zipped,
)

PRICES = [["Item", "Price"], ["Bed", 10], ["Meal", 5.5]]
ROWS = ["Row 1: Item | Price", "Row 2: Item: Bed | Price: 10", "Row 3: Item: Meal | Price: 5.5"]


def shown(document: ParsedDocument) -> list[str]:
    """Each block as `kind level page text`, what is 0 or None left out."""
    return [
        f"{b.kind.value}{b.level or ''}{f'@{b.page}' if b.page else ''} "
        + document.text[b.start : b.end]
        for b in document.blocks
    ]


def saved(thing) -> bytes:
    out = io.BytesIO()
    thing.save(out)
    return out.getvalue()


# --- Sheets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [workbook(PRICES), old_workbook(PRICES)])
def test_each_row_carries_its_number_and_the_header_of_each_cell(data):
    document = read_document("prices.xls", data)
    assert shown(document) == ["heading1 Prices", "table " + "\n".join(ROWS)]
    assert document.title == "prices"


def test_a_csv_is_numbered_like_a_sheet():
    assert read_document("a.csv", b"Item;Price\nBed;10\n\nMeal;5.5\n").text.split("\n") == [
        *ROWS[:2],
        "Row 4: Item: Meal | Price: 5.5",
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_a_csv_may_use_any_delimiter_and_encoding(delimiter, encoding):
    text = f"Stück{delimiter}Preis\n'Bett'{delimiter}10\n"
    rows = read_document("a.csv", text.encode(encoding)).text
    assert rows == "Row 1: Stück | Preis\nRow 2: Stück: 'Bett' | Preis: 10"


def test_a_title_above_the_header_is_no_header():
    rows = [["Prices of 2024"], [], ["Item", "Price", "Unit"], ["Bed", 10, "night"]]
    assert read_document("a.xlsx", workbook(rows)).text.split("\n")[2:] == [
        "Row 1: Prices of 2024",
        "Row 3: Item | Price | Unit",
        "Row 4: Item: Bed | Price: 10 | Unit: night",
    ]


def test_a_table_without_header_gets_none():
    assert read_document("a.csv", b"1,2\n3,4\n").text == "Row 1: 1 | 2\nRow 2: 3 | 4"


def test_years_name_columns_unless_years_stand_below_them():
    rows = read_document("a.csv", b"Division,2022,2023\nClocks,4385,4910\n").text.split("\n")
    assert rows[1] == "Row 2: Division: Clocks | 2022: 4385 | 2023: 4910"
    born = read_document("a.csv", b"Ann,1950,2020\nBen,1961,2019\n").text
    assert born == "Row 1: Ann | 1950 | 2020\nRow 2: Ben | 1961 | 2019"


def test_a_workbook_shows_dates_percentages_truth_and_formulas_as_people_see_them():
    book = openpyxl.Workbook()
    sheet = book.active
    moment = dt.datetime(2024, 1, 2, 3, 4)  # noqa: DTZ001  # spreadsheets know no time zones
    sheet.append(["Day", "Share", "Paid", "Time", "Moment"])
    sheet.append([dt.date(2024, 2, 29), 0.125, True, dt.time(9, 30), moment])
    sheet["B2"].number_format = "0.0%"
    assert read_document("a.xlsx", saved(book)).text.endswith(
        "Row 2: Day: 2024-02-29 | Share: 12.5% | Paid: TRUE | Time: 09:30:00 | "
        "Moment: 2024-01-02 03:04:00"
    )


def with_drawing(book: bytes, anchors: str) -> bytes:
    """A workbook whose first sheet has a drawing of these anchors."""
    with zipfile.ZipFile(io.BytesIO(book)) as source:
        members = {name: source.read(name) for name in source.namelist()}
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/drawing"
    members["xl/worksheets/_rels/sheet1.xml.rels"] = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="d" Type="{kind}" Target="../drawings/drawing1.xml"/></Relationships>'
    ).encode()
    main = "http://schemas.openxmlformats.org/drawingml/2006"
    members["xl/drawings/drawing1.xml"] = (
        f'<x:wsDr xmlns:x="{main}/spreadsheetDrawing" xmlns:a="{main}/main">{anchors}</x:wsDr>'
    ).encode()
    return zipped(members)


def shape(row: int, *paragraphs: str, hidden: str = "0") -> str:
    runs = "".join(f"<a:p><a:r><a:t>{text}</a:t></a:r></a:p>" for text in paragraphs)
    return (
        f"<x:twoCellAnchor><x:from><x:col>1</x:col><x:row>{row}</x:row></x:from>"
        f'<x:sp><x:nvSpPr><x:cNvPr id="2" name="Box" hidden="{hidden}"/></x:nvSpPr>'
        f"<x:txBody>{runs}</x:txBody></x:sp></x:twoCellAnchor>"
    )


def test_text_boxes_of_a_sheet_follow_its_rows_from_top_to_bottom():
    boxes = shape(9, "Below.") + shape(3, "Prices are net.", "", "Ask for others.") + shape(5)
    boxes += shape(1, "Not for guests.", hidden="1")
    document = read_document("a.xlsx", with_drawing(workbook([["Item", "Price"]]), boxes))
    assert document.text == (
        "Prices\n\nRow 1: Item | Price\n\nPrices are net.\nAsk for others.\n\nBelow."
    )
    assert document.hidden == (HiddenText(HiddenBy.MARKED, "Not for guests."),)


def test_a_drawing_that_says_nonsense_spoils_no_sheet():
    odd = shape(0, "Kept.").replace("<x:row>0</x:row>", "<x:row>-x</x:row>")
    book = workbook([["Item", "Price"]])
    assert read_document("a.xlsx", with_drawing(book, odd)).text.endswith("Kept.")
    with pytest.raises(UnreadableFile, match="damaged"):
        read_document("a.xlsx", with_drawing(book, "<x:sp>"))


def test_what_is_hidden_in_a_workbook_is_left_out():
    book = openpyxl.Workbook()
    book.active.append(["seen", "hidden column"])
    book.active.append(["hidden row", "x"])
    book.active.column_dimensions["B"].hidden = True
    book.active.row_dimensions[2].hidden = True
    book.create_sheet("Secret").append(["hidden sheet"])
    book["Secret"].sheet_state = "hidden"
    assert read_document("a.xlsx", saved(book)).text == "Sheet\n\nRow 1: seen"


def test_a_workbook_of_hidden_sheets_holds_no_text():
    book = openpyxl.Workbook()
    book.create_sheet("B").append(["x"])
    book["B"].sheet_state = "hidden"
    with pytest.raises(NoText):
        read_document("a.xlsx", saved(book))


def test_rows_of_an_opendocument_sheet_count_the_empty_ones_and_hide_the_hidden():
    body = (
        '<office:spreadsheet><table:table table:name="P">'
        '<table:table-row table:number-rows-repeated="3"><table:table-cell/></table:table-row>'
        '<table:table-row table:visibility="collapse"><table:table-cell><text:p>no</text:p>'
        "</table:table-cell></table:table-row>"
        '<table:table-row><table:table-cell table:number-columns-repeated="2"><text:p>x</text:p>'
        "</table:table-cell></table:table-row></table:table>"
        '<table:table table:name="H" table:style-name="gone"><table:table-row><table:table-cell>'
        "<text:p>no</text:p></table:table-cell></table:table-row></table:table>"
        "</office:spreadsheet>"
    )
    styles = (
        '<style:style style:name="gone"><style:table-properties table:display="false"/>'
        "</style:style>"
    )
    text = read_document("a.ods", opendocument(body, styles)).text
    assert text == "P\n\nRow 5: x | x"


# --- Slides -------------------------------------------------------------------------------------


def deck() -> bytes:
    made = pptx.Presentation()
    first = made.slides.add_slide(made.slide_layouts[1])
    first.shapes.title.text = "House rules"
    frame = first.placeholders[1].text_frame
    frame.text = "Pay on time"
    frame.add_paragraph().text = "by card"
    frame.paragraphs[1].level = 1
    first.notes_slide.notes_text_frame.text = "Mention the fee."
    second = made.slides.add_slide(made.slide_layouts[6])
    place = [Inches(1)] * 4
    cells = second.shapes.add_table(2, 2, *place).table
    for number, text in enumerate(["Item", "Price", "Bed", "10"]):
        cells.cell(number // 2, number % 2).text = text
    data = CategoryChartData()
    data.categories = ["2023", "2024"]
    data.add_series("Guests", (7, 9))
    second.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *place, data)
    group = second.shapes.add_group_shape()
    group.shapes.add_textbox(*place).text_frame.text = "Grouped."
    hidden = made.slides.add_slide(made.slide_layouts[1])
    hidden.shapes.title.text = "Hidden"
    hidden._element.set("show", "0")
    return saved(made)


def test_slides_come_in_order_with_titles_tables_charts_and_notes():
    document = read_document("rules.pptx", deck())
    assert document.title == "House rules"
    assert shown(document) == [
        "heading1@1 House rules",
        "list@1 - Pay on time\n  - by card",
        "paragraph@1 Notes: Mention the fee.",
        "heading1@2 Slide 2",
        "table@2 Item | Price\nBed | 10",
        "table@2 Guests, 2023: 7\nGuests, 2024: 9",
        "paragraph@2 Grouped.",
    ]


def test_old_slides_come_in_order_with_titles():
    assert shown(read_document("a.ppt", old_slides(["One.", "Two."]))) == [
        "heading1@1 Part 1",
        "paragraph@1 One.",
        "heading1@2 Part 2",
        "paragraph@2 Two.",
    ]


def test_opendocument_slides_have_titles_and_notes():
    body = (
        '<office:presentation><draw:page><draw:frame presentation:class="title"><draw:text-box>'
        "<text:p>Rules</text:p></draw:text-box></draw:frame><draw:frame><draw:text-box>"
        "<text:list><text:list-item><text:p>Pay</text:p></text:list-item></text:list>"
        "</draw:text-box></draw:frame><presentation:notes><text:p>Smile.</text:p>"
        "</presentation:notes></draw:page></office:presentation>"
    )
    assert shown(read_document("a.odp", opendocument(body))) == [
        "heading1@1 Rules",
        "list@1 - Pay",
        "paragraph@1 Notes: Smile.",
    ]


# --- Letters ------------------------------------------------------------------------------------


def test_a_strict_word_document_is_read_like_any_other():
    transitional = b"http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    strict = b"http://purl.oclc.org/ooxml/wordprocessingml/main"
    with zipfile.ZipFile(io.BytesIO(word(["Strictly."]))) as source:
        members = {n: source.read(n).replace(transitional, strict) for n in source.namelist()}
    assert read_document("a.docx", zipped(members)).text == "Strictly."


def test_an_old_word_document_keeps_cells_and_what_fields_show():
    text = "Rules\rItem\x07Price\x07\x07Bed\x0710\x07\x07See \x13 HYPERLINK x \x14the page\x15.\r"
    assert shown(read_document("a.doc", old_word(text))) == [
        "paragraph Rules",
        "table Item | Price\nBed | 10",
        "paragraph See the page.",
    ]


def test_opendocument_text_keeps_structure_and_drops_what_is_deleted_or_hidden():
    body = (
        "<office:text><text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"
        '<text:h text:outline-level="2">Fees</text:h>'
        '<text:p>Ten<text:s text:c="2"/>euro<text:line-break/>a  \n month.<office:annotation>'
        '<text:p>comment</text:p></office:annotation><text:span text:style-name="h">hidden'
        "</text:span></text:p><text:list><text:list-item><text:p>card</text:p><text:list>"
        "<text:list-item><text:p>Visa</text:p></text:list-item></text:list></text:list-item>"
        "</text:list><table:table><table:table-row><table:table-cell><text:p>Bed</text:p>"
        "</table:table-cell><table:table-cell><text:p>10</text:p></table:table-cell>"
        "</table:table-row></table:table></office:text>"
    )
    styles = (
        '<style:style style:name="h"><style:text-properties text:display="none"/></style:style>'
    )
    assert shown(read_document("a.odt", opendocument(body, styles))) == [
        "heading2 Fees",
        "paragraph Ten  euro\na month.",
        "list - card\n  - Visa",
        "table Bed | 10",
    ]


def test_a_flat_opendocument_file_is_read():
    flat = zipfile.ZipFile(io.BytesIO(odt(["Flat."]))).read("content.xml")
    assert read_document("a.fodt", b'<?xml version="1.0"?>' + flat).text == "Flat."


RTF = rb"""{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 A;}{\f1\fcharset128 B;}}
{\stylesheet{\s1\outlinelevel0 heading 1;}}{\info{\title no}}{\*\generator no;}{\header no}
\pard\s1 Fees\par\pard Ten \u8364? a month{\v hidden}, gr\'fc\'dfe, {\f1\'93\'fa\'96\'7b}.\par
{\pntext\bullet\tab}by card\par\pard\trowd\intbl Item\cell Price\cell\row
\pard\intbl Bed\cell 10\cell\row\pard Last\line line\par {\pict\bin5 }}{{x}}"""


def test_rtf_keeps_headings_lists_tables_and_any_alphabet():
    assert shown(read_document("a.rtf", RTF)) == [
        "heading1 Fees",
        "paragraph Ten € a month, grüße, 日本.",
        "list - by card",
        "table Item | Price\nBed | 10",
        "paragraph Last\nline",
    ]


def test_outlook_rtf_is_unpacked():
    # The example of [MS-OXRTFCP] 4.1.1.
    packed = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a00726370673132354232"
        "0af32068656c090020627705b06c647d0a800fa0"
    )
    assert decompressed_rtf(packed) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"


# --- Mail ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [message, outlook])
def test_a_message_has_its_headers_its_body_and_its_attachments(make):
    attached = {"prices.xlsx": workbook(PRICES), "files.7z": b"7z\xbc\xaf\x27\x1c\0\0"}
    document = read_document("a.eml", make(["Dear Bob,", "see below."], attached))
    assert document.title == "A letter"
    lines = shown(document)
    assert lines[0].startswith("paragraph From: Ann")
    assert "Subject: A letter" in lines[0]
    assert lines[1:] == [
        "paragraph Dear Bob,",
        "paragraph see below.",
        "heading1 prices.xlsx",
        "heading2 Prices",
        "table " + "\n".join(ROWS),
        "heading1 Files that were not read",
        "list - files.7z: files of type 7z archive are not read",
    ]


def test_a_message_in_a_message_is_a_section():
    import email.message

    outer = email.message.EmailMessage()
    outer["From"], outer["Subject"] = "a@b.c", "Forwarded"
    outer.set_content("See below.")
    inner = email.message.EmailMessage()
    inner["From"], inner["Subject"] = "x@y.z", "Inner"
    inner.set_content("The inner text.")
    outer.add_attachment(inner)
    text = read_document("a.eml", outer.as_bytes()).text
    assert text.index("See below.") < text.index("Subject: Inner") < text.index("The inner text.")


def test_the_page_of_a_message_counts_when_its_plain_text_is_a_stub():
    import email.message

    made = email.message.EmailMessage()
    made["From"], made["Subject"] = "a@b.c", "News"
    made.set_content("Use HTML.")
    page = (
        "<p>Rent is ten euro.</p><table><tr><td>Bed</td><td>10</td></tr></table>" + "<p>x y z</p>"
    )
    made.add_alternative(page, subtype="html")
    text = read_document("a.eml", made.as_bytes()).text
    assert "Use HTML." not in text
    assert "Bed | 10" in text


def test_each_message_of_a_mailbox_is_a_section():
    one = b"From a@b.c Mon Jan  5 10:00:00 2026\nFrom: a@b.c\nSubject: %s\n\n>From here\n\n"
    document = read_document("a.mbox", one % b"First" + one % b"Second")
    assert [line for line in shown(document) if line.startswith("heading")] == [
        "heading1 First",
        "heading1 Second",
    ]
    assert "\nFrom here" in document.text


@pytest.mark.parametrize(
    "data",
    [
        b"From: =?utf-8?B?broken\nTo: b\nSubject: =?no-such?Q?x?=\nMIME-Version: 1.0\n\nbody",
        b"From: a\nTo: b\nContent-Type: multipart/mixed\nMIME-Version: 1.0\n\nbody",
        b"From: a\nTo: b\nMIME-Version: 1.0\nContent-Type: text/plain; charset=nonsense\n\nbody",
        b"From: a\nTo: b\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\nbody",
        b"From: \xff\xfe\nTo: b\nMIME-Version: 1.0\n\nbody",
    ],
)
def test_a_broken_message_is_read_as_far_as_it_goes(data):
    assert read_document("a.eml", data).text


@pytest.mark.parametrize("name", ["a.docx", "a.pptx", "a.xlsx", "a.odt", "a.epub"])
def test_a_package_without_its_parts_is_refused(name):
    beginnings = {
        "a.docx": "word/document.xml", "a.pptx": "ppt/presentation.xml",
        "a.xlsx": "xl/workbook.xml", "a.odt": "content.xml", "a.epub": "META-INF/container.xml",
    }  # fmt: skip
    with pytest.raises(FileRejected, match=r"holds no|damaged"):
        read_document(name, zipped({beginnings[name]: "<x/>"}))


def test_a_word_document_inside_rtf_inside_a_mail_inside_a_zip_is_found():
    data = zipped({"mails/a.eml": message(["Hello."], {"b.rtf": rtf(["The rtf."])})})
    headings = [
        (b.level, document.text[b.start : b.end])
        for document in [read_document("a.zip", data)]
        for b in document.blocks
        if b.level
    ]
    assert headings == [(1, "mails/a.eml"), (2, "b.rtf")]


def test_a_docm_name_changes_nothing():
    assert (
        read_document("a.docm", word(["Macro."])).text
        == docx.Document(io.BytesIO(word(["Macro."]))).paragraphs[0].text
    )
