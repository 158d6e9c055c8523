"""Searching and asking over HTTP; what is found and answered comes from plain functions."""

import json

import pytest

from app.api.services import Suggestions
from app.suggesting.suggester import Suggestion
from generation.decoding import Decoding
from generation.errors import EngineMissing, QuestionTooLong
from generation.types import (
    Message,
    Retrieved,
)
from retrieval.types import Access, Principal
from tests.component.site import SCRIPT, chat, chunks_of, events_of, hit_of, site

__all__ = ["site"]  # a fixture


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("ada", ["Tea is at four."]),
        ("bob", ["The vault opens at nine."]),
        ("root", ["Tea is at four.", "The vault opens at nine."]),
        ("guest", []),
    ],
)
def test_everybody_finds_and_is_answered_from_what_they_may_read(site, name, texts):
    client = site.client(name)

    found = client.post("/api/search", json={"question": "When?"}).json()["hits"]
    events = events_of(client.post("/api/ask", json={"question": "When?"}))
    whole = client.post("/v1/chat/completions", json=chat("When?")).json()["assay"]

    assert [hit["text"] for hit in found] == texts
    assert [p["text"] for p in events[0][1]["passages"]] == texts
    quotes = {c["quote"] for s in events[-1][1]["sentences"] for c in s["citations"]}
    assert quotes == set(texts)
    assert {c["quote"] for s in whole["sentences"] for c in s["citations"]} == set(texts)
    assert events[-1][1]["abstained"] == (texts == [])


def test_a_grant_that_is_taken_away_counts_at_once(site):
    client = site.client("ada")
    site.services.access.revoke(site.people["ada"], site.services.store.collection("open"))

    assert client.post("/api/search", json={"question": "?"}).json()["hits"] == []


def test_where_a_file_lies_is_told_to_administrators_only(site):
    ask = {"question": "?", "k": 1}
    (hers,) = site.client("ada").post("/api/search", json=ask).json()["hits"]
    (roots,) = site.client("root").post("/api/search", json=ask).json()["hits"]

    assert hers == {
        "document": "handbook.pdf",
        "page": 3,
        "start": 10,
        "end": 25,
        "text": "Tea is at four.",
        "score": 0.5,
        "commands": [],
    }
    assert roots == {**hers, "path": "/srv/files/open/handbook.pdf"}
    for path, body in [("/api/ask", {"question": "?"}), ("/v1/chat/completions", chat("?"))]:
        assert "/srv/files" not in site.client("root").post(path, json=body).text


def test_asking_sends_every_event_in_order(site):
    reply = site.client("ada").post(
        "/api/ask",
        json={
            "question": " When is tea? ",
            "history": [
                {"role": "user", "content": "Hello"},
                {"role": "assistant", "content": "Hello."},
            ],
            "decoding": {"temperature": 0.5, "seed": 7, "stop": ["\n"]},
        },
    )

    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = events_of(reply)
    assert [event for event, _ in events] == [
        "retrieved", "sentence", "drafted", "sentence", "drafted", "sentence", "drafted",
        "sentence", "answer",
    ]  # fmt: skip
    assert events[1][1] == {
        "text": "Tea is at four.",
        "origin": "quoted",
        "verdict": "supported",
        "score": 0.9,
        "citations": [
            {
                "document": "handbook.pdf",
                "page": 3,
                "start": 10,
                "end": 25,
                "quote": "Tea is at four.",
                "commands": [],
            }
        ],
    }
    assert events[-1][1]["text"] == "Tea is at four. Truly."
    (asked,) = site.library.asked
    assert asked.question == "When is tea?"
    assert asked.history == [Message("user", "Hello"), Message("assistant", "Hello.")]
    assert asked.decoding == Decoding(temperature=0.5, seed=7, stop=("\n",))


def test_hostile_words_arrive_as_they_are_and_only_as_json(site):
    hostile = SCRIPT + "\n\ndata: x\r\n\u2028\x00\ud800"
    (_, collection) = site.services.store.collections()
    site.library.hits = [hit_of(collection, hostile, name=SCRIPT)]
    client = site.client("root")

    ask = client.post("/api/ask", json={"question": SCRIPT})
    stream = client.post("/v1/chat/completions", json=chat(SCRIPT, stream=True))
    whole = client.post("/v1/chat/completions", json=chat(SCRIPT))
    found = client.post("/api/search", json={"question": SCRIPT})

    assert events_of(ask)[1][1]["citations"][0]["document"] == SCRIPT
    assert events_of(ask)[1][1]["text"] == hostile
    assert chunks_of(stream)[1]["choices"][0]["delta"]["content"] == hostile
    assert whole.json()["assay"]["sentences"][0]["text"] == hostile
    assert found.json()["hits"][0]["text"] == hostile
    for reply in [ask, stream, whole, found]:
        assert "html" not in reply.headers["content-type"]


def test_names_stand_escaped_in_the_page(site):
    page = site.client("ada", engine_name=SCRIPT).get("/").text

    assert SCRIPT not in page
    assert page.count("&lt;script&gt;") == 1
    assert page.count("<script") == page.count('<script type="module" src="/static/') == 2
    assert "<style" not in page
    assert " style=" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_suggestions_are_those_of_whoever_asks(site):
    def suggestions(requester: Principal) -> Suggestions:
        return Suggestions((Suggestion(f"Who is {requester.name}?", "who.txt", 7),))

    assert site.client().get("/api/suggestions").status_code == 401
    assert site.client("ada", suggestions=suggestions).get("/api/suggestions").json() == {
        "questions": [{"question": "Who is ada?", "document": "who.txt", "document_id": 7}],
        "unanswerable": None,
    }


def test_who_may_read_no_document_is_told_what_to_do_first(site):
    assert "No document is open to you yet" in site.client("guest").get("/").text
    assert 'id="suggestions"' in site.client("ada").get("/").text
    for one in site.services.store.known_files(site.services.store.collection("open")).values():
        site.services.store.remove([one.document_id])
    assert "No document is open to you yet" in site.client("ada").get("/").text
    site.services.access.grant(
        site.people["ada"], site.services.store.collection("open"), Access.WRITE
    )
    page = site.client("ada").get("/").text
    assert "Bring documents in" in page
    assert 'id="suggestions"' not in page


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (QuestionTooLong(900, 512), "the question takes 900 tokens and the limit is 512"),
        (EngineMissing("/srv/models/x.gguf", "gone"), "the model that writes answers is missing"),
        (RuntimeError("/srv/files/secret"), "something went wrong on the server"),
    ],
)
def test_an_error_half_way_ends_the_stream_with_a_word_about_it(site, error, detail):
    def answer(question, **_):
        yield Retrieved(())
        raise error

    client = site.client("ada", answer=answer)
    (_, (event, told)) = events_of(client.post("/api/ask", json={"question": "?"}))
    stream = client.post("/v1/chat/completions", json=chat("?", stream=True))
    whole = client.post("/v1/chat/completions", json=chat("?"))

    assert event == "error"
    assert detail in told["detail"]
    assert detail in json.loads(stream.text.split("data: ")[-1])["error"]["message"]
    assert "[DONE]" not in stream.text
    assert detail in whole.json()["error"]["message"]
    assert (
        whole.status_code
        == {QuestionTooLong: 400, EngineMissing: 503, RuntimeError: 500}[type(error)]
    )
    assert "/srv" not in whole.text + stream.text + str(told)
    error.with_traceback(None)  # which would keep every frame it went through
