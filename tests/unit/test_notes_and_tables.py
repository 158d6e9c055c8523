"""Notes stand near what they are about, cells in their columns, powers above their base."""

import io

import docx
import openpyxl
import pptx
import pytest
from pptx.util import Inches

from ingestion.readers import read_document
from ingestion.readers.rows import Cell, joined_rows, laid_out
from tests.made_files import opendocument, zipped


def blocks(name: str, data: bytes | str) -> list[str]:
    document = read_document(name, data.encode() if isinstance(data, str) else data)
    return [f"{b.kind.value} {document.text[b.start : b.end]}" for b in document.blocks]


def saved(thing) -> bytes:
    out = io.BytesIO()
    thing.save(out)
    return out.getvalue()


# --- Tables: pure -------------------------------------------------------------------------------

HEAD = ["Item", "Q1", "Q2"]


def test_below_a_head_that_names_all_columns_an_empty_cell_keeps_its_place():
    rows = [HEAD, ["Bed", "", "7"], ["Chair", "5", ""], ["", "", ""], ["", "1", "2"]]
    assert joined_rows(rows) == ["Item | Q1 | Q2", "Bed |  | 7", "Chair | 5", "| 1 | 2"]


def test_the_corner_of_a_head_may_be_empty():
    assert joined_rows([["", "Q1", "Q2"], ["Bed", "", "7"]]) == ["| Q1 | Q2", "Bed |  | 7"]


@pytest.mark.parametrize(
    "head", [["Revenue", "", "2023"], ["Notes"], ["a", "b"]]
)  # names not all, one, too few
def test_elsewhere_empty_cells_only_space_a_table_out(head):
    assert joined_rows([head, ["Bed", "", "7"]])[1] == "Bed | 7"


def test_no_rows_and_blank_rows_are_no_lines():
    assert joined_rows([]) == joined_rows([[], ["", ""]]) == []


def test_cells_of_several_rows_are_said_again_and_those_of_several_columns_once():
    rows = [
        [Cell("Item"), Cell("Year", columns=2)],
        [Cell("Bed", rows=2), Cell("5"), Cell("6")],
        [Cell("7"), Cell("8")],
        [Cell("Chair"), Cell("9"), Cell("10")],
    ]
    assert list(laid_out(rows)) == [
        ["Item", "Year", ""], ["Bed", "5", "6"], ["Bed", "7", "8"], ["Chair", "9", "10"],
    ]  # fmt: skip


def test_a_row_that_says_nothing_of_its_own_stays_blank():
    rows = [[Cell("All", rows=3), Cell("1")], [Cell("")], [Cell("2")]]
    assert list(laid_out(rows)) == [["All", "1"], ["", ""], ["All", "2"]]


def test_cells_that_claim_millions_of_columns_cost_no_more_than_a_few():
    rows = [[Cell("x", columns=9_999, rows=9_999)] for _ in range(50)]
    assert max(map(len, laid_out(rows))) <= 51_000


# --- Tables of each format ----------------------------------------------------------------------

GRID = ["table Item | Q1 | Q2\nBed |  | 7\nBed | 8 | 9"]


def merged_word() -> bytes:
    document = docx.Document()
    table = document.add_table(3, 3)
    for row, texts in zip(table.rows, [HEAD, ["Bed", "", "7"], ["", "8", "9"]], strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    table.cell(1, 0).merge(table.cell(2, 0)).text = "Bed"
    return saved(document)


def test_tables_of_word_html_and_opendocument_say_merged_cells_in_every_row():
    page = "<table><tr><th>Item<th>Q1<th>Q2<tr><td rowspan=2>Bed<td><td>7<tr><td>8<td>9</table>"
    cells = "<table:table-cell><text:p>{}</text:p></table:table-cell>".format
    tall = '<table:table-cell table:number-rows-spanned="2"><text:p>Bed</text:p></table:table-cell>'
    rows = (
        "".join(map(cells, HEAD)),
        tall + cells("") + cells("7"),
        "<table:covered-table-cell/>" + cells("8") + cells("9"),
    )
    text = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    odt = opendocument(f"<office:text><table:table>{text}</table:table></office:text>")
    assert blocks("a.docx", merged_word()) == GRID
    assert blocks("a.html", page) == GRID
    assert blocks("a.odt", odt) == GRID


def test_tables_on_slides_say_merged_cells_in_every_row():
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    table = slide.shapes.add_table(3, 3, *map(Inches, (1, 1, 4, 2))).table
    for position, text in enumerate([*HEAD, "Bed", "", "7", "", "8", "9"]):
        table.cell(position // 3, position % 3).text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    assert blocks("a.pptx", saved(deck))[1:] == GRID


def test_merged_cells_of_a_workbook_are_said_in_every_row_that_says_something():
    book = openpyxl.Workbook()
    for row in [HEAD, ["Bed", 1, 2], [None, 3, 4], [None, None, None], [None, 5, 6], ["x", 7, 8]]:
        book.active.append(row)
    book.active.merge_cells("A2:A5")
    assert blocks("a.xlsx", saved(book))[1] == (
        "table Row 1: Item | Q1 | Q2\nRow 2: Item: Bed | Q1: 1 | Q2: 2\n"
        "Row 3: Item: Bed | Q1: 3 | Q2: 4\nRow 5: Item: Bed | Q1: 5 | Q2: 6\n"
        "Row 6: Item: x | Q1: 7 | Q2: 8"
    )


# --- Notes --------------------------------------------------------------------------------------


def test_notes_of_opendocument_follow_their_paragraph():
    note = (
        '<text:note text:note-class="footnote"><text:note-citation>1</text:note-citation>'
        "<text:note-body><text:p>Net.</text:p><text:p>In May.</text:p></text:note-body></text:note>"
    )
    body = f"<text:p>The fee{note} is due.</text:p><text:p>Then.</text:p>"
    assert blocks("a.odt", opendocument(f"<office:text>{body}</office:text>")) == [
        "paragraph The fee[1] is due.", "paragraph [1] Net.\nIn May.", "paragraph Then.",
    ]  # fmt: skip


NOTE = r"{\super\chftn{\footnote\pard\plain{\super\chftn} Net.\par In May.}}"


def test_notes_of_rtf_follow_their_paragraph_list_or_table():
    item = r"{\listtext\pard 1.\tab}"
    source = (
        r"{\rtf1\ansi The fee" + NOTE + r" is due.\par\pard Then." + NOTE + r"\par\pard "
        + item + "one" + NOTE + r"\par " + item + r"two\par\pard End" + NOTE + r".\par"
        r"\pard\intbl a" + NOTE + r"\cell b\cell\row\pard Last.\par}"
    )  # fmt: skip
    note = "paragraph [{}] Net.\nIn May.".format
    assert blocks("a.rtf", source) == [
        "paragraph The fee[1] is due.", note(1), "paragraph Then.[2]", note(2),
        "list 1. one[3]\n1. two", note(3), "paragraph End[4].", note(4), "table a[5] | b", note(5),
        "paragraph Last.",
    ]  # fmt: skip


def test_hidden_and_empty_notes_of_rtf_are_none():
    source = r"{\rtf1 Fee{\v{\footnote no}}{\footnote\pard } due.\par}"
    assert blocks("a.rtf", source) == ["paragraph Fee due."]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (r"(a)\tab", "(a)"),
        (r"9.1\tab", "9.1"),
        (r"\'b7\tab", "-"),
        ("o", "-"),
        ("IV.", "IV."),
        ("", "-"),
    ],
)
def test_items_of_rtf_keep_the_label_that_its_writer_counted(written, shown):
    source = r"{\rtf1\ansi{\listtext\pard\plain " + written + r"}Notice\par}"
    assert blocks("a.rtf", source) == [f"list {shown} Notice"]


def test_notes_of_restructured_text_are_kept_and_tables_of_both_directives():
    source = """Fee [#net]_ is due [CIT]_.

.. [#net] Net of
   tax.
.. [CIT] A book.

.. csv-table:: Prices
   :header: Item, Price

   Bed, 10

.. list-table::
   :header-rows: 1

   * - Item
     - Price
   * - Long
       Bed
     - 10

End.
"""
    assert blocks("a.rst", source) == [
        "paragraph Fee[net] is due[CIT].", "paragraph [net] Net of tax.",
        "paragraph [CIT] A book.", "paragraph Prices", "table Item | Price\nBed | 10",
        "table Item | Price\nLong Bed | 10", "paragraph End.",
    ]  # fmt: skip


def test_a_page_refers_to_its_notes_in_brackets():
    page = (
        '<p>Fee<sup><a href="#f1">1</a></sup>, or <a href="n.html#2"><sup>2</sup></a> the rest '
        "of a sentence that is long enough.</p>"
    )
    assert blocks("a.html", page) == [
        "paragraph Fee[1], or [2] the rest of a sentence that is long enough."
    ]


# --- LaTeX --------------------------------------------------------------------------------------


def test_latex_keeps_authors_notes_and_what_its_own_commands_stand_for():
    source = r"""\title{Fees}\author{Ann \and Bob}
\newcommand{\co}{Acme Corp}\def\cow{a cow}\newcommand{\two}[2]{#1 and #2}
\begin{document}
\begin{abstract}In short.\end{abstract}
\section{Terms}
\co{} pays 5\,\% a year\footnote{Net of \emph{tax}.}, and \cow eats the ag\-ree\-ment of \co.
\end{document}"""
    assert blocks("a.tex", source) == [
        "paragraph Ann , Bob", "heading2 Abstract".replace("2", ""), "paragraph In short.",
        "heading Terms",
        "paragraph Acme Corp pays 5 % a year (Net of tax.), and a cow eats the agreement of "
        "Acme Corp.",
    ]  # fmt: skip


def test_commands_that_would_multiply_the_text_are_left_alone():
    source = r"\newcommand{\x}{" + "y" * 1900 + "}" + r"\section{Bomb}" + r"\x " * 1000 + "end"
    assert "yy" not in read_document("a.tex", source.encode()).text.replace("y" * 1900, "", 1)


# --- Raised digits ------------------------------------------------------------------------------


def raised_slide() -> bytes:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    box = slide.shapes.add_textbox(*map(Inches, (1, 1, 4, 2)))
    paragraph = box.text_frame.paragraphs[0]
    paragraph.add_run().text = "10"
    power = paragraph.add_run()
    power.text = "6"
    power.font._element.set("baseline", "30000")
    low = paragraph.add_run()
    low.text = " H2"
    low.font._element.set("baseline", "-25000")
    return saved(deck)


def test_a_power_is_not_a_larger_number_in_any_format():
    odt = opendocument(
        '<office:text><text:p>10<text:span text:style-name="up">6</text:span> H2</text:p>'
        "</office:text>",
        '<style:style style:name="up"><style:text-properties style:text-position="super 58%"/>'
        "</style:style>",
    )
    book = zipped({"a.html": "<p>10<sup>6</sup> H<sub>2</sub></p>"})
    assert blocks("a.pptx", raised_slide())[-1] == "paragraph 10⁶ H2"
    assert blocks("a.odt", odt) == ["paragraph 10⁶ H2"]
    assert blocks("a.rtf", r"{\rtf1 10{\super 6}\super\nosupersub  H{\sub 2}\par}") == [
        "paragraph 10⁶ H2"
    ]
    assert blocks("a.md", "10<sup>6</sup> H<sub>2</sub>") == ["paragraph 10⁶ H2"]
    assert blocks("a.zip", book)[-1] == "paragraph 10⁶ H2"


def test_in_cells_too_and_words_stay_whole():
    page = "<table><tr><td>10<sup>6</sup> H<sub>2</sub>O<td>5<sup>th</sup><p>two</p></table>"
    assert blocks("a.html", page) == ["table 10⁶ H2O | 5th two"]
