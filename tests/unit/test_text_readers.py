"""Markup, data and code as text: the words, the structure, and the names that lead to a value."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import FileRejected, UnreadableFile
from ingestion.readers import read_document
from ingestion.readers.pdf_lines import Box, Line
from ingestion.readers.pdf_running import without_running_lines
from ingestion.readers.pdf_usual import usual_of
from ingestion.types import ParsedDocument
from tests.made_files import epub, html, mhtml


def shown(document: ParsedDocument) -> list[str]:
    return [
        f"{b.kind.value}{b.level or ''} {document.text[b.start : b.end]}" for b in document.blocks
    ]


def read(name: str, text: str) -> ParsedDocument:
    return read_document(name, text.encode())


# --- Markup -------------------------------------------------------------------------------------

RST = """
=====
Rules
=====

Fees
----

The fee is *ten* **euro**, see `the guide <https://example.org>`_ and :ref:`pay`.
It is due::

    pay(10)

- by card
  or cheque
- in cash

.. note:: Never late.

.. code-block:: python
   :linenos:

   late = False

.. a comment
   of two lines

=====  =====
Item   Price
=====  =====
Bed    10
=====  =====
"""


def test_restructured_text_reads_without_its_markup():
    document = read("a.rst", RST)
    assert document.title == "Rules"
    assert shown(document) == [
        "heading1 Rules",
        "heading2 Fees",
        "paragraph The fee is ten euro, see the guide and pay. It is due:",
        "code     pay(10)",
        "list - by card or cheque\n- in cash",
        "paragraph Never late.",
        "code    late = False",
        "table Item | Price\nBed | 10",
    ]


ORG = """#+TITLE: House rules
* TODO Fees :money:
:PROPERTIES:
:ID: 1
:END:
The fee is /ten/ *euro*, see [[https://example.org][the guide]].
- by card
- in cash
| Item | Price |
|------+-------|
| Bed  | 10    |
#+begin_src python
  late = False
#+end_src
# a comment
** Late
Last.
"""


def test_org_reads_without_its_markup():
    document = read("a.org", ORG)
    assert document.title == "House rules"
    assert shown(document) == [
        "heading1 Fees",
        "paragraph The fee is ten euro, see the guide.",
        "list - by card\n- in cash",
        "table Item | Price\nBed | 10",
        "code   late = False",
        "heading2 Late",
        "paragraph Last.",
    ]


TEX = r"""\documentclass{article} % a comment
\title{House \emph{rules}}
\newcommand{\x}{y}
\begin{document}
\maketitle
\section{Fees}\label{fees}
The fee is \textbf{ten} euro~\cite{a}, i.e.\ $10 \times 1$, 50\% for caf\'e guests.

``Quoted'' text\footnote{Or not.}.
\begin{itemize}
\item by card
\item in \texttt{cash}
\end{itemize}
\begin{tabular}{l|r}
Item & Price \\ \hline
Bed & 10 \\
\end{tabular}
\begin{verbatim}
pay(10)
\end{verbatim}
\end{document}
"""


def test_latex_reads_without_its_commands():
    document = read("a.tex", TEX)
    assert document.title == "House rules"
    assert shown(document) == [
        "heading2 Fees",
        "paragraph The fee is ten euro , i.e. $10 \\times 1$, 50% for café guests.",
        "paragraph “Quoted” text (Or not.).",
        "list - by card\n- in cash",
        "table Item | Price\nBed | 10",
        "code pay(10)",
    ]


@given(
    st.text(st.sampled_from("ab \n*-=|:.\\{}[]%$#+_`~^&/<>"), max_size=120),
    st.sampled_from(["a.rst", "a.org", "a.tex", "a.csv", "a.json", "a.xml", "a.eml", "a.md"]),
)
def test_any_text_is_read_or_refused(text, name):
    try:
        document = read(name, text)
    except FileRejected as rejection:
        assert str(rejection)
    else:
        assert document.text.strip()


# --- Data ---------------------------------------------------------------------------------------


def test_json_records_become_sections_with_the_names_of_their_values():
    records = [{"name": "Bed", "price": {"euro": 10, "notes": ["a", "b"]}}, {"name": "Meal"}]
    assert shown(read("a.json", json.dumps(records))) == [
        "heading1 Item 1: Bed",
        "table name: Bed\nprice.euro: 10\nprice.notes: a\nprice.notes: b",
        "heading1 Item 2: Meal",
        "table name: Meal",
    ]


def test_the_members_of_a_json_object_become_sections():
    value = {"version": 2, "owner": {"city": "Köln"}, "items": [{"id": 1}], "empty": {}}
    assert shown(read("a.json", json.dumps(value))) == [
        "table version: 2",
        "heading1 owner",
        "table city: Köln",
        "heading1 items",
        "heading2 Item 1",
        "table id: 1",
    ]


def test_json_lines_are_a_list():
    assert shown(read("a.jsonl", '{"a": 1}\n\n{"a": 2}\n'))[::2] == [
        "heading1 Item 1",
        "heading1 Item 2",
    ]


def test_what_is_called_json_but_is_none_is_text():
    assert read("a.json", "{not json").media_type == "text/plain"


def test_json_lines_that_break_off_are_refused():
    with pytest.raises(UnreadableFile, match="damaged JSON"):
        read("a.jsonl", '{"a": 1}\n' * 9 + '{"a": ')


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@given(_VALUES)
def test_every_word_of_json_is_kept(value):
    try:
        text = read("a.json", json.dumps({"x": value, "y": 1})).text
    except FileRejected:
        return
    leaves = [value]
    while leaves:
        leaf = leaves.pop()
        if isinstance(leaf, dict):
            leaves.extend(leaf.values())
        elif isinstance(leaf, list):
            leaves.extend(leaf)
        elif isinstance(leaf, str) and leaf.isalnum():
            assert leaf in text


def test_the_fields_of_xml_records_have_names_and_prose_has_none():
    xml = """<?xml version="1.0"?><list><!-- no --><guest><name>Ann</name><room>7</room></guest>
    <text><title>Rules</title><p>Pay <b>ten</b> euro.</p><p>Be quiet.</p></text></list>"""
    assert shown(read("a.xml", xml)) == [
        "table name: Ann\nroom: 7",
        "heading2 Rules",
        "paragraph Pay ten euro.",
        "paragraph Be quiet.",
    ]


def test_a_page_inside_a_feed_is_read_as_a_page():
    xml = '<?xml version="1.0"?><rss><d>&lt;p&gt;One.&lt;/p&gt;&lt;p&gt;Two.&lt;/p&gt;</d></rss>'
    assert shown(read("a.xml", xml)) == ["paragraph One.", "paragraph Two."]


def test_a_notebook_shows_markdown_code_and_output():
    cells = [
        {"cell_type": "markdown", "source": ["# Rent\n", "Ten euro."]},
        {
            "cell_type": "code",
            "source": "print(10)",
            "outputs": [{"text": ["10\n"]}, {"data": {"text/plain": "'x'", "text/html": "<b>"}}],
        },
        "junk",
    ]
    document = read("a.ipynb", json.dumps({"nbformat": 4, "cells": cells}))
    assert document.title == "Rent"
    assert shown(document) == [
        "heading1 Rent",
        "paragraph Ten euro.",
        "code print(10)",
        "code 10",
        "code 'x'",
    ]


def test_source_code_is_kept_character_for_character_in_whole_functions():
    code = "import os\n\n\ndef a():\n    x = 1\n\n    return x\n\n\ndef b():\n    return 2\n"
    document = read("tool.py", code)
    assert document.text == code
    assert document.title == "tool.py"
    assert len(document.blocks) == 3


# --- Pages --------------------------------------------------------------------------------------


def test_a_book_is_read_in_the_order_of_its_spine():
    document = read_document("a.epub", epub(["Second to none.", "Then this."]))
    assert document.title == "A book"
    assert document.text == "Second to none.\n\nThen this."


def test_a_saved_page_takes_its_title_from_its_subject():
    assert read_document("a.mhtml", mhtml(["Hello."])).title == "Saved page"


PROSE = "This sentence is long enough to count as the prose of an article, and holds no link. " * 2
LINKS = "".join(f'<li><a href="#">Another story of today, number {n}</a></li>' for n in range(9))


def page(*parts: str) -> str:
    return f"<!doctype html><html><body>{''.join(parts)}</body></html>"


def test_menus_teasers_and_comments_beside_an_article_are_left_out():
    article = f"<div><h1>Title</h1><p>{PROSE}</p><p>{PROSE}</p><p>{PROSE}</p></div>"
    beside = f'<div><ul>{LINKS}</ul></div><div class="related-posts"><p>Read this too!</p></div>'
    text = read("a.html", page(beside, f"<div>{article}<div>{LINKS}</div></div>", beside)).text
    assert text.count("prose of an article") == 6
    assert text.startswith("Title")
    assert "Another story" not in text
    assert "Read this too" not in text


def test_a_page_of_facts_keeps_all_of_them():
    facts = "<table><tr><th>Founded</th><td><a href='#'>1975</a></td></tr></table>"
    text = read("a.html", page("<h1>Firm</h1>", facts, "<p>Short note.</p>")).text
    assert text == "Firm\n\nFounded | 1975\n\nShort note."


def test_a_page_of_links_keeps_them():
    assert "number 8" in read("a.html", page(f"<ul>{LINKS}</ul>")).text


def test_the_main_text_may_stand_in_one_element_with_line_breaks():
    text = read("a.html", page(f"<ul>{LINKS}</ul><div>{PROSE}<br><br>{PROSE}</div>")).text
    assert text.count("prose of an article") == 4
    assert "Another story" not in text


def test_a_page_declared_utf_16_without_a_mark_is_read():
    assert read_document("a.html", html(["Grüße."]).decode().encode("utf-16-le")).text == "Grüße."


# --- Running heads ------------------------------------------------------------------------------


def line(text: str, bottom: float, height: float = 10) -> Line:
    return Line(text, False, Box(50, 50 + 5 * len(text), bottom, height), False)


def printed(
    pages: int, *, head: str = "Annual report 2024", size: float = 10, foot: str = "{page}"
) -> list[list[Line]]:
    body = "A line of ordinary text that is as long as lines in books usually are"
    return [
        [
            line(head, 800, size),
            *(line(f"{body} {p}{n}", 700 - 14 * n) for n in range(9)),
            line(foot.format(page=p), 20),
        ]
        for p in range(1, pages + 1)
    ]


def test_running_heads_and_page_numbers_stay_on_the_first_page_only():
    pages = printed(4)
    kept = without_running_lines(pages, usual_of(pages))
    assert [len(page) for page in kept] == [11, 9, 9, 9]


def test_the_number_of_the_page_may_stand_among_others():
    pages = printed(4, foot="Contract MC-0417, 9 February 2026, page {page} of 4")
    kept = without_running_lines(pages, usual_of(pages))
    assert [len(page) for page in kept] == [11, 9, 9, 9]


def test_a_foot_that_counts_may_stand_where_the_text_ends():
    pages = printed(4, foot="Ardent Ltd. | Form 10-Q | {page}")
    ended = [
        [*page[: 3 + p], line(page[-1].text, 680 - 14 * (3 + p))] for p, page in enumerate(pages)
    ]
    kept = without_running_lines(ended, usual_of(ended))
    assert [len(page) for page in kept] == [4, 3, 4, 5]
    assert kept[0][-1].text == "Ardent Ltd. | Form 10-Q | 1"
    said = [[*page[:-1], line("The end", page[-1].box.bottom)] for page in ended]
    assert [len(page) for page in without_running_lines(said, usual_of(said))] == [4, 4, 5, 6]


def test_two_pages_are_too_few_for_a_running_head():
    pages = printed(2)
    assert without_running_lines(pages, usual_of(pages)) == pages


def test_rows_of_a_table_that_goes_on_are_no_running_heads():
    pages = [
        [line(f"Bed {n * n} {n % 2}", 700 - 14 * n) for n in range(p, p + 9)] for p in range(4)
    ]
    assert without_running_lines(pages, usual_of(pages)) == pages


def test_large_titles_are_no_running_heads():
    pages = printed(4, head="Results", size=24)
    assert [len(p) for p in without_running_lines(pages, usual_of(pages))] == [11, 10, 10, 10]
