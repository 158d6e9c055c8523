"""What a reader types becomes a full-text query that cannot be anything but words."""

import re
import sqlite3

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from retrieval.follow_up import standalone
from retrieval.matching import match_expression, phrases, scoped
from retrieval.wording import pieces, words_beside


def words_in(question: str) -> list[str]:
    """The words that are looked for as they stand, in order."""
    found = re.search(
        r"\{context text words\} : \(([^)]*)\)", match_expression(standalone(question))
    )
    return re.findall(r'"([^"]*)"', found[1]) if found else []


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("", []),
        ("  \n", []),
        ("?!…", []),
        ("notice period", ["notice", "period"]),
        ("What is the notice period?", ["notice", "period"]),
        ("Notice NOTICE notice", ["notice"]),
        # little words only: better than finding nothing
        ("Who are you?", ["who", "are", "you"]),
        # syntax of FTS5 is only words here
        ("(late* OR text:near) NOT ^x", ["late", "text", "near", "not", "x"]),
        ("a+b-c {d}", ["b", "c", "d"]),
        ("NEAR(fee late, 5)", ["near", "fee", "late", "5"]),
        ("fee\x00late", ["fee", "late"]),
        ("Gebühr naïve 合同 договор", ["gebühr", "naïve", "合同", "договор"]),
        ("\ud800fee", ["fee"]),
        # those of other languages say as little
        ("Wie hoch ist die Miete im Mai?", ["hoch", "miete", "mai"]),
        # names in one word are looked for in their parts, too
        ("parseHTTPHeader", ["parsehttpheader", "parse", "http", "header"]),
        # what belongs together counts twice on top
        ("release 3.10.2", ["release", "3", "10", "2", "3 10 2", "3 10 2"]),
    ],
)
def test_worked_examples(question, expected):
    assert words_in(question) == expected


def test_stems_are_looked_for_in_the_language_of_the_question():
    german = match_expression(standalone("Welche Verträge wurden von den Mietern gekündigt?"))
    assert german.endswith('OR words : ("vertrag" OR "wurd" OR "den" OR "miet" OR "gekundigt")')
    assert "words : (" not in match_expression(standalone("What do the tenants pay?"))
    # Without a little word it may be any language.
    assert '"kundig"' in match_expression(standalone("Kündigungen"))


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("notice period", []),
        ('what is the "notice period"', ["notice period"]),
        (
            "„ordentliche Kündigung“ oder «force majeure»",
            ["ordentliche kündigung", "force majeure"],
        ),
        ('one "word"', []),
        ('an "open end', []),
        ("part AB-1234/7 or v3.10.2 of max_tokens_2", ["ab 1234 7", "v3 10 2", "max tokens 2"]),
        ("end-to-end and/or", []),
    ],
)
def test_what_belongs_together(question, expected):
    assert phrases(question) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain words 12", []),
        ("parseHTTPHeader max_tokens", ["parse", "http", "header"]),
        ("IL6 sha256sum", ["il", "6", "sha", "256", "sum"]),
        ("iPhone aB", ["phone"]),
        ("Straße ÄrzteHaus", ["ärzte", "haus"]),
    ],
)
def test_parts_of_names(text, expected):
    assert pieces(text) == expected


def test_what_is_indexed_beside_a_passage():
    assert words_beside("Setup", "Call runTarget now.", "en") == "run target"
    assert words_beside("", "Die Verträge der Mieter", "de") == "vertrag miet"
    assert words_beside("", "Die Verträge der Mieter", None) == ""


@pytest.fixture(scope="module")
def full_text():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5(context, text, words, scope)")
    connection.execute("INSERT INTO t VALUES ('', 'the late fee', '', 'c1')")
    yield connection
    connection.close()


@given(
    question=st.one_of(
        st.text(max_size=60), st.text(alphabet="\"'*^(){}:+-,NEARANDOT _\x00é “”«»1aB", max_size=40)
    )
)
@example(question="_ __")
@example(question="²½①")
@example(question="\u0301")
@example(question='"_ _"')
def test_sqlite_takes_every_expression(full_text, question):
    expression = match_expression(standalone(question))
    if expression:
        full_text.execute("SELECT rowid FROM t WHERE t MATCH ?", [expression]).fetchall()
        only = scoped(expression, frozenset({1, 2}))
        full_text.execute("SELECT rowid FROM t WHERE t MATCH ?", [only]).fetchall()
        assert not set(re.sub(r'"[^"]*"', "", expression)) - set("{}(): ORcontextwords")


def test_a_very_long_question_is_still_a_query(full_text):
    expression = match_expression(standalone(" ".join(f"word{i}" for i in range(5000)) + " fee"))
    found = full_text.execute("SELECT rowid FROM t WHERE t MATCH ?", [expression]).fetchall()
    assert found == [(1,)]


def test_a_query_keeps_to_its_collections(full_text):
    ask = "SELECT rowid FROM t WHERE t MATCH ?"
    expression = match_expression(standalone("fee"))
    assert full_text.execute(ask, [scoped(expression, frozenset({1, 7}))]).fetchall() == [(1,)]
    assert full_text.execute(ask, [scoped(expression, frozenset({7, 11}))]).fetchall() == []
    # The name of a collection is no word of a passage.
    assert full_text.execute(ask, [match_expression(standalone("c1"))]).fetchall() == []
