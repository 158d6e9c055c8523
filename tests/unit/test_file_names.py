"""A file that somebody uploaded is called something harmless, and nearly what it was called."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.uploads.file_names import LONGEST_NAME, distinct_names, usable_name


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("report.pdf", "report.pdf"),
        ("reports/2026/may.pdf", "reports/2026/may.pdf"),
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        (r"C:\Users\ada\may.pdf", "Users/ada/may.pdf"),
        ("a/./b//c.txt", "a/b/c.txt"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("...", "unnamed"),
        ("nul\x00byte.txt", "nul_byte.txt"),
        ("line\nbreak.txt", "line_break.txt"),
        ("invoice‮fdp.exe", "invoice_fdp.exe"),
        ("zero​width.txt", "zero_width.txt"),
        ("Übersicht.docx", "Übersicht.docx"),
        ("報告書.pdf", "報告書.pdf"),
        (".hidden", ".hidden"),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"),
    ],
)
def test_what_becomes_of_a_name(sent, name):
    assert usable_name(sent) == name


@given(st.text(max_size=3000))
def test_any_name_leads_nowhere_and_can_be_seen(sent):
    name = usable_name(sent)
    assert 0 < len(name) <= LONGEST_NAME
    assert not {"", ".", ".."} & set(name.split("/"))
    assert "\\" not in name
    assert all(unicodedata.category(char)[0] != "C" for char in name)
    name.encode()
    assert usable_name(name) == name


@given(st.lists(st.sampled_from(["a.txt", "a (2).txt", "b", "c/a.txt", ".x"]), max_size=12))
def test_names_of_one_upload_are_all_different(names):
    distinct = list(distinct_names(names))
    assert len(set(distinct)) == len(distinct) == len(names)
    firsts = {name: distinct[i] for i, name in reversed(list(enumerate(names)))}
    assert set(firsts) == set(names)


def test_the_second_of_a_name_gets_a_number():
    assert list(distinct_names(["a.txt", "a.txt", "b", "b"])) == [
        "a.txt",
        "a (2).txt",
        "b",
        "b (2)",
    ]
