"""Word documents: what Word counts and sets apart when it shows them is read, too."""

import pytest

from ingestion.readers import read_document
from ingestion.readers.docx_numbering import formatted
from ingestion.readers.raised import raised
from tests.made_files import zipped

NAMESPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
TYPES = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def packed(body: str, **parts: str) -> bytes:
    """A document of this body, with other parts by name: `styles`, `numbering`, `footnotes`."""
    relations = "".join(
        f'<Relationship Id="r{kind}" Type="{TYPES}/{kind}" Target="{kind}.xml"/>' for kind in parts
    )
    members = {
        f"word/{kind}.xml": f"<w:{kind} {NAMESPACE}>{content}</w:{kind}>"
        for kind, content in parts.items()
    }
    return zipped(
        {
            "[Content_Types].xml": "<Types/>",
            "word/document.xml": f"<w:document {NAMESPACE}><w:body>{body}</w:body></w:document>",
            "word/_rels/document.xml.rels": f"<Relationships>{relations}</Relationships>",
            **members,
        }
    )


def blocks(body: str, **parts: str) -> list[str]:
    document = read_document("a.docx", packed(body, **parts))
    return [f"{b.kind.value} {document.text[b.start : b.end]}" for b in document.blocks]


def p(text: str, *, style: str = "", number: str = "", level: str = "") -> str:
    listed = f'<w:ilvl w:val="{level}"/>' if level else ""
    listed += f'<w:numId w:val="{number}"/>' if number else ""
    look = f'<w:pStyle w:val="{style}"/>' if style else ""
    look += f"<w:numPr>{listed}</w:numPr>" if listed else ""
    return f"<w:p><w:pPr>{look}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def level(depth: int, text: str, how: str = "decimal", more: str = "") -> str:
    return (
        f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{how}"/>{more}'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
    )


def lists(levels: str, *numbers: str) -> str:
    """One abstract list, and the lists made of it with what each overrides."""
    return f'<w:abstractNum w:abstractNumId="7">{levels}</w:abstractNum>' + "".join(
        f'<w:num w:numId="{i}"><w:abstractNumId w:val="7"/>{overrides}</w:num>'
        for i, overrides in enumerate(numbers, start=1)
    )


# --- Numbers ------------------------------------------------------------------------------------

CLAUSES = level(0, "%1.") + level(1, "%1.%2") + level(2, "(%3)", "lowerLetter")


def test_clauses_carry_the_numbers_that_word_counts():
    body = (
        p("Term", number="1", level="0")
        + p("It begins in May.", number="1", level="1")
        + p("It ends", number="1", level="1")
        + p("in June, or", number="1", level="2")
        + p("in July.", number="1", level="2")
        + p("Fee", number="1", level="0")
        + p("It is 5 %.", number="1", level="1")
    )
    assert blocks(body, numbering=lists(CLAUSES, "")) == [
        "list 1. Term\n  1.1 It begins in May.\n  1.2 It ends\n    (a) in June, or\n"
        "    (b) in July.\n2. Fee\n  2.1 It is 5 %."
    ]


def test_numbers_go_on_behind_other_paragraphs_and_in_tables():
    row = f"<w:tc>{p('Fee', number='1', level='0')}</w:tc><w:tc>{p('5 %')}</w:tc>"
    body = (
        p("Term", number="1", level="0")
        + p("Between.")
        + f"<w:tbl><w:tr>{row}</w:tr></w:tbl>"
        + p("End", number="1", level="0")
    )
    assert blocks(body, numbering=lists(CLAUSES, "")) == [
        "list 1. Term", "paragraph Between.", "table 2. Fee | 5 %", "list 3. End",
    ]  # fmt: skip


def test_a_list_may_start_anew_and_an_empty_item_counts():
    anew = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="5"/></w:lvlOverride>'
    body = (
        p("one", number="1", level="0")
        + p("", number="1", level="0")
        + p("three", number="1", level="0")
        + p("five", number="2", level="0")
        + p("six", number="2", level="0")
    )
    assert blocks(body, numbering=lists(CLAUSES, "", anew)) == [
        "list 1. one\n3. three\n5. five\n6. six"
    ]


def test_bullets_stay_bullets_and_unknown_lists_do_too():
    body = p("known", number="1", level="0") + p("unknown", number="9", level="1")
    numbering = lists(level(0, "", "bullet"), "")
    assert blocks(body, numbering=numbering) == ["list - known\n  - unknown"]


def test_headings_are_numbered_by_their_styles_which_inherit_and_paragraphs_may_opt_out():
    styles = (
        '<w:style w:styleId="H1"><w:name w:val="heading 1"/><w:pPr><w:numPr><w:numId w:val="1"/>'
        '</w:numPr></w:pPr></w:style><w:style w:styleId="H2"><w:name w:val="heading 2"/>'
        '<w:basedOn w:val="H1"/></w:style>'
    )
    numbering = lists(
        level(0, "Article %1", "upperRoman", '<w:pStyle w:val="H1"/>')
        + level(1, "%1.%2", "decimal", '<w:pStyle w:val="H2"/><w:isLgl/>'),
        "",
    )
    body = (
        p("Scope", style="H1")
        + p("Fees", style="H1")
        + p("Late fees", style="H2")
        + p("Annex", style="H1", number="0")
    )
    assert blocks(body, styles=styles, numbering=numbering) == [
        "heading Article I Scope", "heading Article II Fees", "heading 2.1 Late fees",
        "heading Annex",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("number", "how", "shown"),
    [
        (4, "lowerRoman", "iv"), (1994, "upperRoman", "MCMXCIV"), (26, "lowerLetter", "z"),
        (27, "upperLetter", "AA"), (7, "decimalZero", "07"), (3, "chicago", "3"),
        (0, "lowerRoman", "0"), (10**6, "lowerLetter", "1000000"), (5, "bullet", ""),
    ],
)  # fmt: skip
def test_numbers_are_written_as_word_writes_them(number, how, shown):
    assert formatted(number, how) == shown


# --- Notes --------------------------------------------------------------------------------------


def note(identity: int, text: str, kind: str = "footnote", more: str = "") -> str:
    return f'<w:{kind} w:id="{identity}" {more}>{p(text)}</w:{kind}>'


def reference(identity: int, kind: str = "footnote", more: str = "") -> str:
    return f'<w:r><w:{kind}Reference w:id="{identity}" {more}/></w:r>'


def noted(text: str, *references: str, look: str = "") -> str:
    return f"<w:p>{look}<w:r><w:t>{text}</w:t></w:r>{''.join(references)}</w:p>"


def test_notes_follow_the_paragraph_that_refers_to_them():
    notes = note(0, "---", more='w:type="separator"') + note(4, "Net of tax.") + note(5, "In May.")
    ends = note(2, "Since 2020.", "endnote")
    body = noted("The fee is 5 %.", reference(5), reference(2, "endnote")) + noted(
        "It is due.", reference(4)
    )
    assert blocks(body, footnotes=notes, endnotes=ends) == [
        "paragraph The fee is 5 %.[1][i]", "paragraph [1] In May.", "paragraph [i] Since 2020.",
        "paragraph It is due.[2]", "paragraph [2] Net of tax.",
    ]  # fmt: skip


def test_notes_of_a_list_follow_the_list_and_those_behind_it_their_own_paragraph():
    item = '<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr>'
    body = (
        noted("by card", reference(1), look=item)
        + noted("by cheque", look=item)
        + noted("Then", reference(2))
    )
    found = blocks(body, footnotes=note(1, "Visa.") + note(2, "Later."), numbering=lists("", ""))
    assert found == [
        "list - by card[1]\n- by cheque", "paragraph [1] Visa.", "paragraph Then[2]",
        "paragraph [2] Later.",
    ]  # fmt: skip


def test_a_note_comes_once_however_often_and_from_wherever_it_is_referred_to():
    circular = f'<w:footnote w:id="1">{noted("Round", reference(1), reference(2))}</w:footnote>'
    body = noted("Here", reference(1), reference(1), reference(9))
    assert blocks(body, footnotes=circular + note(2, "and on.")) == [
        "paragraph Here[1]", "paragraph [1] Round[2]", "paragraph [2] and on.",
    ]  # fmt: skip


def test_the_mark_that_an_author_chose_stays():
    mark = "<w:r><w:t>*</w:t></w:r>"
    body = noted("Free", reference(1, more='w:customMarkFollows="1"'), mark)
    assert blocks(body, footnotes=note(1, "* For members.")) == [
        "paragraph Free*", "paragraph * For members.",
    ]  # fmt: skip


# --- Raised digits ------------------------------------------------------------------------------


def test_a_power_is_not_a_larger_number():
    power = '<w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:t>6</w:t></w:r>'
    assert blocks(f"<w:p><w:r><w:t>10</w:t></w:r>{power}</w:p>") == ["paragraph 10⁶"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2", "²"),
        (" -12 ", " ⁻¹² "),
        ("th", "th"),
        ("[1]", "[1]"),
        ("n+1", "ⁿ⁺¹"),
        ("n", "n"),
        ("", ""),
    ],
)
def test_digits_are_raised_and_words_are_not(text, shown):
    assert raised(text) == shown
