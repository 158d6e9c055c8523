"""Suites as files: every shape is read strictly, and what is written is read as the same cases."""

import csv
import gzip
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evals.datasets import Shape, collecting, read_suite, sampled, shape_of, sources, write_suite
from evals.datasets.fields import LONGEST_KEY, LONGEST_TEXT
from evals.errors import BadDataset
from evals.types import Case, Expectation, Relevant, key_of
from generation.types import Message

ANSWER, ABSTAIN = Expectation.ANSWER, Expectation.ABSTAIN


def file_of(folder: Path, name: str, *rows: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text(f"{text}\n", encoding="utf-8")
    return path


def refused(path: Path, **options: object) -> str:
    with pytest.raises(BadDataset) as error:
        read_suite(path, **options)
    return str(error.value).removeprefix(str(path))


FULL = Case(
    key="lease-1",
    question="When does the lease end?",
    history=(Message("user", "Hello."), Message("assistant", "Good day.")),
    references=("31 May 2027", "on 31 May | 2027\\"),
    relevant=(Relevant("lease.pdf", "The lease ends on 31 May 2027.", 2), Relevant(text="ends")),
    expectation=ANSWER,
    tags=("date", "hard"),
    weight=2.5,
    cluster="lease.pdf",
    source="chat",
    note="=SUM(A1)",
)


# --- Our own shapes -------------------------------------------------------------------------


def test_the_shortest_line_is_a_case(tmp_path):
    row = {"question": "Who signs?", "reference": "Ada", "expectation": "answer"}
    assert read_suite(file_of(tmp_path, "s.jsonl", row)) == [
        Case(
            key=key_of("Who signs?"),
            question="Who signs?",
            references=("Ada",),
            expectation=ANSWER,
        )
    ]


def test_a_line_may_hold_everything(tmp_path):
    row = {
        "key": 7,
        "question": "Who?",
        "reference": ["Ada", "Ada"],
        "references": ["", "Bo"],
        "expectation": "answer",
        "relevant": ["a.pdf", {"text": "Ada signs.", "grade": 3}],
        "tags": "people",
        "weight": 2,
        "cluster": "a.pdf",
        "history": [{"role": "user", "content": "Hi."}],
        "source": "s",
        "note": None,
        "unknown": {"left": "alone"},
    }
    [case] = read_suite(file_of(tmp_path, "s.jsonl", row))
    assert case.key == "7"
    assert case.references == ("Ada", "Bo")
    assert case.relevant == (Relevant("a.pdf"), Relevant(text="Ada signs.", grade=3))
    assert case.tags == ("people",)
    assert case.history == (Message("user", "Hi."),)
    assert (case.weight, case.note) == (2.0, "")


GOOD = '{"question": "One?"}'
BAD_LINES = {
    "{": "it is not JSON",
    "[1]": "expected a JSON object",
    "{}": "question: Field required",
    '{"question": " "}': "the question is empty",
    '{"question": true}': "question: Input should be a valid string",
    '{"question": "x", "refrence": "y"}': "did you mean 'reference'?",
    '{"question": "x", "expectation": "maybe"}': "expectation: Input should be 'answer' or",
    '{"question": "x", "weight": 0}': "weight: ",
    '{"question": "x", "weight": NaN}': "weight: a weight is from 0.001 to 1000, not nan",
    '{"question": "x", "weight": 1e308}': "weight: a weight is from 0.001 to 1000, not 1e+308",
    '{"question": "x", "weight": 1e-320}': "weight: a weight is from 0.001 to 1000, not ",
    '{"question": "x", "weight": 1000.1}': "not 1000.1",
    '{"question": "x", "relevant": [{}]}': "what is relevant needs a document or a text",
    '{"question": "x", "relevant": [{"document": "d", "grade": 0}]}': "relevant.0.grade: ",
    '{"question": "x", "history": [{"role": "cat", "content": "m"}]}': "history.0.role: ",
    '{"question": "x", "reference": {"a": 1}}': "reference.0: Input should be a valid string",
    '{"question": "\\ud800"}': "question: it holds half of a character",
    json.dumps({"question": "x", "key": "k" * (LONGEST_KEY + 1)}): "key: ",
    json.dumps({"question": "x", "note": "n" * (LONGEST_TEXT + 1)}): "note: ",
    '{"question": ' + "[" * 100_000 + "}": "it is not JSON",
}


@pytest.mark.parametrize("bad", BAD_LINES, ids=list(BAD_LINES.values()))
def test_a_bad_line_is_named_and_nothing_is_read(tmp_path, bad):
    path = file_of(tmp_path, "s.jsonl", GOOD, "", bad, '{"question": "Two?"}')
    said = refused(path)
    assert said.startswith(", line 3: ")
    assert BAD_LINES[bad] in said


def test_two_cases_of_one_key_are_both_named(tmp_path):
    path = file_of(
        tmp_path, "s.jsonl", {"question": "A", "key": "k"}, GOOD, {"question": "B", "key": "k"}
    )
    assert ", line 3: the key 'k' is that of line 1 too" in refused(path)
    same = file_of(tmp_path, "t.jsonl", GOOD, GOOD)
    assert "two cases of the same question have the same" in refused(same)


def test_limits_are_named(tmp_path, monkeypatch):
    path = file_of(tmp_path, "s.jsonl", GOOD, {"question": "Two?", "note": "x" * 100})
    monkeypatch.setattr(sources, "LONGEST_LINE_BYTES", 100)
    assert refused(path) == ", line 2: it is longer than 100 bytes, the limit"
    monkeypatch.undo()
    monkeypatch.setattr(collecting, "MOST_CASES", 1)
    assert refused(path) == ", line 2: there are more than 1 cases, the limit"


def test_nothing_is_no_suite(tmp_path):
    assert refused(file_of(tmp_path, "s.jsonl", ""), format="jsonl") == ": it holds no case"
    assert refused(tmp_path / "nowhere.jsonl") == ": the file is missing"
    assert "a folder is read when it holds" in refused(tmp_path)
    (tmp_path / "b.jsonl").write_bytes(b'{"question": "\xff"}\n')
    assert refused(tmp_path / "b.jsonl") == ", line 1: it is not UTF-8 text"
    (tmp_path / "x.bin").write_bytes(bytes(range(256)))
    assert "no known shape of test set" in refused(tmp_path / "x.bin")


def test_packed_lines_with_a_byte_order_mark_and_windows_line_ends(tmp_path):
    data = b"\xef\xbb\xbf" + GOOD.encode() + b'\r\n{"question": "a\xe2\x80\xa8b"}\r\n'
    (tmp_path / "s").write_bytes(gzip.compress(data))
    assert [case.question for case in read_suite(tmp_path / "s")] == ["One?", "a\u2028b"]
    (tmp_path / "torn").write_bytes(gzip.compress(data)[:-9])
    assert "cannot be unpacked" in refused(tmp_path / "torn", format="jsonl")


def test_yaml_is_a_list_or_cases_and_guesses_nothing(tmp_path):
    text = (
        "- question: Is it?\n  reference: No\n- question: When?\n  reference: 2027-05-31\n  note: ~"
    )
    listed = read_suite(file_of(tmp_path, "a.txt", text))
    assert [case.references for case in listed] == [("No",), ("2027-05-31",)]
    nested = "# ours\ncases:\n" + text
    assert read_suite(file_of(tmp_path, "b.yaml", nested)) == listed


BAD_YAML = {
    "- question: x\n- question: [": "it is not YAML",
    "- question: &a x\n- question: *a": "line 2: aliases (*a) are not read",
    "- question: x\n- !!python/object:os.system {}": "line 2: the tag",
    "- question: x\n- just text": "line 2: expected a case",
    "- question: x\n  question: y": "line 2: 'question' is there twice",
    "cases: 5": "expected a list of cases",
    "- question: x\n- " + "[" * 30 + "]" * 30: "line 2: it is nested more than 20 deep",
    "- question: x\n- note: y": "line 2: question: Field required",
    "- <<: {question: x}": "line 1: merging (<<) is not read",
}


@pytest.mark.parametrize("text", BAD_YAML, ids=list(BAD_YAML.values()))
def test_bad_yaml_is_named_by_its_line(tmp_path, text):
    assert BAD_YAML[text] in refused(file_of(tmp_path, "s.yaml", text), format="yaml")


def test_tables_name_their_columns(tmp_path):
    heading = "Question,Reference,Expectation,Relevant documents,Relevant grades,Tags,Other"
    row = '"Who, exactly?",Ada|Bo,answer,a.pdf|b.pdf,2|1,x|y\\|z,left alone'
    [case] = read_suite(file_of(tmp_path, "s", heading, row, ",,,,,,"))
    assert case.question == "Who, exactly?"
    assert case.references == ("Ada", "Bo")
    assert case.relevant == (Relevant("a.pdf", grade=2), Relevant("b.pdf"))
    assert case.tags == ("x", "y|z")


def test_tables_may_have_tabs_or_semicolons(tmp_path):
    for sign, shape in (("\t", Shape.TSV), (";", Shape.CSV)):
        path = file_of(tmp_path, "s", f"key{sign}question", f"k{sign}Who, and why?")
        assert shape_of(path) is shape
        assert [case.question for case in read_suite(path)] == ["Who, and why?"]


def test_a_bad_row_is_named_by_the_line_it_begins_on(tmp_path):
    path = file_of(tmp_path, "s.csv", "question,note", '"a\nb",x', "c,d,e")
    assert refused(path).startswith(", line 4: it has 3 cells, and the heading 2")
    path = file_of(tmp_path, "t.csv", "question,note", ",x")
    assert refused(path) == ", line 2: it has no question"
    path = file_of(tmp_path, "u.csv", "question,Question", "a,b")
    assert "two columns are called 'question'" in refused(path)
    path = file_of(tmp_path, "v.csv", "question,history", "a,{")
    assert ", line 2: it is not JSON" in refused(path)


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "'=", "''@"])
def test_no_cell_is_a_formula_and_all_come_back(tmp_path, begin):
    case = Case(key=f"{begin}1", question=f"{begin}cmd|'/C calc'!A0", note=f"{begin}x")
    path = tmp_path / "s.csv"
    assert write_suite([case], path, "csv") == []
    [_, cells] = csv.reader(io.StringIO(path.read_bytes().decode(), newline=""))
    assert all(not cell or cell[0] not in "=+-@\t\r\n＝" for cell in cells)
    assert read_suite(path) == [case]


TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20).filter(str.strip)
CASE = st.builds(
    Case,
    key=TEXT,
    question=TEXT,
    history=st.lists(
        st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXT), max_size=2
    ).map(tuple),
    references=st.lists(TEXT, max_size=3, unique=True).map(tuple),
    relevant=st.lists(
        st.builds(Relevant, st.just("") | TEXT, TEXT, st.integers(1, 5))
        | st.builds(Relevant, TEXT, st.just(""), st.just(1)),
        max_size=3,
    ).map(tuple),
    expectation=st.none() | st.sampled_from(Expectation),
    tags=st.lists(TEXT, max_size=3).map(tuple),
    weight=st.floats(0.001, 1000),
    cluster=st.just("") | TEXT,
    source=st.just("") | TEXT,
    note=st.just("") | TEXT,
)
CASES = st.lists(CASE, min_size=1, max_size=4, unique_by=lambda case: case.key)


@pytest.mark.parametrize("shape", ["jsonl", "yaml", "csv", "tsv"])
@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(cases=CASES)
def test_what_is_written_is_read_as_the_same_cases(tmp_path, shape, cases):
    path = tmp_path / f"s.{shape}"
    assert write_suite(cases, path, shape) == []
    assert read_suite(path, format=shape) == cases
    assert {child.name for child in tmp_path.iterdir()} == {path.name}


@pytest.mark.parametrize("shape", ["jsonl", "yaml", "csv", "tsv"])
def test_a_full_case_is_written_whole_and_its_shape_is_seen(tmp_path, shape):
    path = tmp_path / "s"
    other = Case(key="2", question="And then?", expectation=ABSTAIN)
    assert write_suite([FULL, other], path, shape) == []
    assert shape_of(path) == shape
    assert read_suite(path) == [FULL, other]


# --- Other people's shapes ------------------------------------------------------------------


def beir(folder: Path) -> Path:
    file_of(
        folder,
        "corpus.jsonl",
        {"_id": "d1", "title": "T", "text": "One."},
        {"_id": "d2", "title": "T", "text": "Two."},
    )
    file_of(
        folder,
        "queries.jsonl",
        {"_id": "q1", "text": "one?"},
        {"_id": "q2", "text": "two?", "metadata": {"is_impossible": True, "paragraph": "d2"}},
        {"_id": "q3", "text": "three?", "metadata": {"answer": "3", "aliases": ["III"]}},
        {"_id": "q4", "text": "nothing known?"},
    )
    file_of(folder, "qrels/test.tsv", "query-id\tcorpus-id\tscore", "q1\td1\t2", "q1\tgone\t1",
            "q1\td2\t0", "q3\td2\t1")  # fmt: skip
    return folder


def test_beir_gives_what_is_relevant_by_its_text_with_grades(tmp_path):
    first, second, third = read_suite(beir(tmp_path / "c"))
    assert first.relevant == (Relevant(text="One.", grade=2), Relevant("gone"))
    assert (first.key, first.expectation, first.source) == ("q1", None, "c")
    assert (second.expectation, second.relevant, second.cluster) == (ABSTAIN, (), "T")
    assert (third.expectation, third.references) == (ANSWER, ("3", "III"))


def test_a_bad_line_of_beir_is_named(tmp_path):
    folder = beir(tmp_path)
    file_of(folder, "qrels/test.tsv", "query-id\tcorpus-id\tscore", "q1\td1\tmany")
    with pytest.raises(BadDataset, match=r"test\.tsv, line 2: expected query-id"):
        read_suite(folder)
    file_of(folder, "queries.jsonl", {"_id": "q1"})
    file_of(folder, "qrels/test.tsv", "q1\td1\t1")
    with pytest.raises(BadDataset, match=r"queries\.jsonl, line 1: expected an object"):
        read_suite(folder)


def test_beir_is_written_with_what_it_can_hold(tmp_path):
    plain = replace(
        FULL, key="a b", history=(), tags=(), weight=1.0, source="", note="", cluster=""
    )
    lost = write_suite([plain, FULL], tmp_path / "out", "beir")
    assert lost == [
        "the conversation before the question (1 of 2 cases)", "the cluster (1 of 2 cases)",
        "tags (1 of 2 cases)", "the weight (1 of 2 cases)", "the source (1 of 2 cases)",
        "the note (1 of 2 cases)",
    ]  # fmt: skip
    first, _ = read_suite(tmp_path / "out")
    assert (first.question, first.references, first.expectation) == (
        plain.question, plain.references, ANSWER,
    )  # fmt: skip
    assert [(one.text, one.grade) for one in first.relevant] == [
        (one.text, one.grade) for one in plain.relevant
    ]


SQUAD = {
    "version": "v2.0",
    "data": [
        {
            "title": "Tea",
            "paragraphs": [
                {
                    "context": "Tea is at four.",
                    "qas": [
                        {
                            "id": "1",
                            "question": "When is tea?",
                            "answers": [{"text": "four", "answer_start": 10}] * 2,
                            "is_impossible": False,
                        },
                        {
                            "id": "2",
                            "question": "When is rum?",
                            "answers": [],
                            "plausible_answers": [{"text": "four", "answer_start": 10}],
                            "is_impossible": True,
                        },
                    ],
                }
            ],
        }
    ],
}


@pytest.mark.parametrize("indent", [None, 1])
def test_squad_is_read_and_written(tmp_path, indent):
    path = file_of(tmp_path, "squad", json.dumps(SQUAD, indent=indent))
    cases = read_suite(path)
    assert cases == [
        Case(
            key="1", question="When is tea?", references=("four",), cluster="Tea", source="squad",
            relevant=(Relevant(text="Tea is at four."),), expectation=ANSWER,
        ),
        Case(
            key="2", question="When is rum?", cluster="Tea", source="squad", expectation=ABSTAIN
        ),
    ]  # fmt: skip
    again = tmp_path / "again" / "squad"
    again.parent.mkdir()
    assert write_suite(cases, again, "squad") == ["the source (2 of 2 cases)"]
    assert read_suite(again) == cases
    written = json.loads(again.read_text())["data"][0]["paragraphs"][0]["qas"][0]
    assert written["answers"] == [{"text": "four", "answer_start": 10}]


def test_squad_names_the_question_that_is_wrong(tmp_path):
    bad = json.loads(json.dumps(SQUAD))
    bad["data"][0]["paragraphs"][0]["qas"][0]["answers"] = []
    said = refused(file_of(tmp_path, "squad", bad))
    assert said == ": question '1' has no answers, and is not marked is_impossible"
    bad["data"][0]["paragraphs"][0]["qas"] = 5
    assert "Tea: qas: expected a list of objects" in refused(file_of(tmp_path, "squad", bad))


def turn(speaker: str, text: str, answerability: str = "", **contexts: str) -> dict:
    row: dict = {"speaker": speaker, "text": text}
    if answerability:
        row["enrichments"] = {"Answerability": [answerability], "Multi-Turn": ["N/A"]}
    row["contexts"] = [
        {
            "document_id": name,
            "text": f"text of {name}",
            "feedback": {"relevant": {"p": {"value": value}}},
        }
        for name, value in contexts.items()
    ]
    return row


def test_mtrag_turns_are_cases_with_their_history(tmp_path):
    messages = [
        turn("user", "Is there tea?", "ANSWERABLE"), turn("agent", "Yes.", a="yes", b="no"),
        turn("user", "And rum?", "UNANSWERABLE"), turn("agent", "I do not know.", c="yes"),
        turn("user", "Thanks!", "CONVERSATIONAL"),
    ]  # fmt: skip
    file_of(tmp_path, "conversations.jsonl", {"messages": messages, "domain": "drinks"})
    file_of(tmp_path, "queries_questions.jsonl", {"_id": "x", "text": "|user|: Is there tea?"})
    file_of(tmp_path, "qrels/dev.tsv", "query-id\tcorpus-id\tscore", "x\td\t1")
    first, second, third = read_suite(tmp_path)
    assert first.references == ("Yes.",)
    assert first.relevant == (Relevant(text="text of a"), Relevant("d"))
    assert (first.expectation, second.expectation, third.expectation) == (ANSWER, ABSTAIN, None)
    assert (second.references, second.relevant) == ((), ())
    assert second.history == (Message("user", "Is there tea?"), Message("assistant", "Yes."))
    assert len({first.cluster, second.cluster, third.cluster}) == 1
    assert [case.key for case in (first, second)] == [f"{first.cluster}-1", f"{first.cluster}-2"]
    alone = read_suite(tmp_path / "conversations.jsonl")
    assert [case.question for case in alone] == ["Is there tea?", "And rum?", "Thanks!"]
    file_of(tmp_path, "conversations.jsonl", {"messages": [{"speaker": "cat", "text": "m"}]})
    with pytest.raises(BadDataset, match="line 1: expected messages"):
        read_suite(tmp_path)


RAGAS_ROWS = {
    "samples": {
        "user_input": "When?", "reference": "At four.", "reference_contexts": ["Tea is at four."],
        "response": "Never.", "retrieved_contexts": ["x"], "synthesizer_name": "single",
    },
    "older": {"question": "When?", "ground_truth": "At four.", "contexts": ["x"], "answer": "No."},
    "oldest": {"question": "When?", "ground_truths": ["At four."]},
}  # fmt: skip


@pytest.mark.parametrize("row", RAGAS_ROWS.values(), ids=RAGAS_ROWS)
@pytest.mark.parametrize("form", ["lines", "list", "columns", "samples", "csv"])
def test_ragas_shapes(tmp_path, row, form):
    column = {name: [value] for name, value in row.items()}
    content = {
        "lines": row, "list": json.dumps([row], indent=1), "columns": column,
        "samples": {"samples": [row]},
    }.get(form)  # fmt: skip
    if form == "csv":
        out = io.StringIO()
        csv.writer(out).writerows([list(row), [str(value) for value in row.values()]])
        content = out.getvalue()
    path = file_of(tmp_path, "r", content)
    assert shape_of(path) is Shape.RAGAS
    [case] = read_suite(path)
    assert (case.question, case.references) == ("When?", ("At four.",))
    contexts = row.get("reference_contexts", [])
    assert case.relevant == tuple(Relevant(text=text) for text in contexts)


def test_a_conversation_of_ragas_is_read_and_written(tmp_path):
    case = replace(FULL, references=("x",), relevant=(Relevant(text="y"),))
    lost = write_suite([case], tmp_path / "r", "ragas")
    assert "what is expected (1 of 1 cases)" in lost
    assert "the conversation before the question (1 of 1 cases)" not in lost
    [again] = read_suite(tmp_path / "r")
    assert (again.question, again.history, again.references, again.relevant) == (
        case.question, case.history, case.references, case.relevant,
    )  # fmt: skip
    bad = file_of(tmp_path, "b", {"user_input": [{"type": "ai", "content": "Hm."}]})
    assert ", line 1: nothing in this conversation is said by the user" in refused(bad)


def test_what_cannot_be_written_is_said(tmp_path):
    with pytest.raises(BadDataset, match="mtrag can be read only"):
        write_suite([FULL], tmp_path / "x", "mtrag")
    with pytest.raises(BadDataset, match="there is no folder"):
        write_suite([FULL], tmp_path / "no" / "x", "jsonl")
    long = replace(FULL, references=("x" * 90_000, "y" * 90_000))
    with pytest.raises(BadDataset, match="case 'lease-1' has 180,001 characters"):
        write_suite([long], tmp_path / "x.csv", "csv")
    assert list(tmp_path.iterdir()) == []


# --- Samples --------------------------------------------------------------------------------


def many(answer: int, abstain: int, neither: int = 0) -> list[Case]:
    kinds = [ANSWER] * answer + [ABSTAIN] * abstain + [None] * neither
    return [
        Case(key=f"k{place}", question="q", expectation=kind) for place, kind in enumerate(kinds)
    ]


@pytest.mark.parametrize(
    ("cases", "limit", "wanted"),
    [
        (many(50, 50), 10, 5), (many(50, 50), 11, 5), (many(50, 2), 10, 2), (many(2, 50), 10, 8),
        (many(50, 0), 10, 0), (many(0, 50), 10, 10), (many(1, 1), 1, 0), (many(5, 5, 40), 10, 5),
        (many(3, 3), 6, 3), (many(3, 3), 7, 3),
    ],
)  # fmt: skip
def test_a_sample_is_half_to_abstain_on_when_there_are_both(cases, limit, wanted):
    drawn = sampled(cases, limit, 3)
    assert len(drawn) == min(limit, len(cases))
    assert sum(case.expectation is ABSTAIN for case in drawn) == wanted
    assert drawn == [case for case in cases if case in drawn]


def test_a_sample_depends_on_the_seed_and_not_on_the_order():
    cases = many(50, 50)
    one = sampled(cases, 10, 1)
    assert sampled(cases, 10, 1) == one
    assert {case.key for case in sampled(cases[::-1], 10, 1)} == {case.key for case in one}
    assert sampled(cases, 10, 2) != one
    assert set(one) <= set(sampled(cases, 20, 1))
    with pytest.raises(ValueError, match="limit is 0"):
        sampled(cases, 0, 1)


def test_a_limit_is_drawn_after_everything_was_checked(tmp_path):
    rows = [{"question": f"q{n}", "expectation": "answer"} for n in range(20)]
    assert len(read_suite(file_of(tmp_path, "s", *rows), limit=5, seed=9)) == 5
    assert ", line 21: " in refused(file_of(tmp_path, "t", *rows, "{"), limit=5)


DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.mark.shared
@pytest.mark.parametrize(
    ("path", "count"),
    [("squad2_dev_half", 6078), ("squad2_dev_half/dev-v2.0.json", 6078), ("mtrag/clapnq", 224)],
)
def test_real_collections(path, count):
    if not (DATA / path).exists():
        pytest.skip("the team's test collections are not here")
    assert len(read_suite(DATA / path)) == count
