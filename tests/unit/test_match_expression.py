"""What a reader types becomes a full-text query that cannot be anything but words."""

import re
import sqlite3

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from retrieval.follow_up import standalone
from retrieval.lexical import match_expression as expression_of_weights


def match_expression(question: str) -> str:
    return expression_of_weights(standalone(question).weights())


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("", ""),
        ("  \n", ""),
        ("?!…", ""),
        ("notice period", '"notice" OR "period"'),
        ("What is the notice period?", '"notice" OR "period"'),
        ("Notice NOTICE notice", '"notice"'),
        # stop words only: better than finding nothing
        ("Who are you?", '"who" OR "are" OR "you"'),
        # syntax of FTS5 is only words here
        (
            '"fee" AND (late* OR text:near) NOT ^x',
            '"fee" OR "late" OR "text" OR "near" OR "not" OR "x"',
        ),
        ("a+b-c {d}", '"b" OR "c" OR "d"'),
        ("NEAR(fee late, 5)", '"near" OR "fee" OR "late" OR "5"'),
        ("fee\x00late", '"fee" OR "late"'),
        ("Gebühr naïve 合同 договор", '"gebühr" OR "naïve" OR "合同" OR "договор"'),
        ("\ud800fee", '"fee"'),
    ],
)
def test_worked_examples(question, expected):
    assert match_expression(question) == expected


@pytest.fixture(scope="module")
def full_text():
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5(context, text)")
    connection.execute("INSERT INTO t VALUES ('', 'the late fee')")
    yield connection
    connection.close()


@given(
    question=st.one_of(
        st.text(max_size=60), st.text(alphabet="\"'*^(){}:+-,NEARANDOT _\x00é ", max_size=40)
    )
)
@example(question="_ __")
@example(question="²½①")
@example(question="\u0301")
def test_sqlite_takes_every_expression(full_text, question):
    expression = match_expression(question)
    if expression:
        full_text.execute("SELECT rowid FROM t WHERE t MATCH ?", [expression]).fetchall()
    assert re.fullmatch(r'("\w+"( OR "\w+")*)?', expression)


def test_a_very_long_question_is_still_a_query(full_text):
    expression = match_expression(" ".join(f"word{i}" for i in range(5000)) + " fee")
    found = full_text.execute("SELECT rowid FROM t WHERE t MATCH ?", [expression]).fetchall()
    assert found == [(1,)]
