"""Conversations: kept, private, taken up again, and without the words of what was deleted."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import func, select

from app.audit import Object, Wanted
from app.conversations.schema import answer_quotes, answer_sentences, answers
from app.conversations.store import LONGEST_TITLE, ConversationStore, title_of
from app.conversations.types import State
from generation.types import (
    Assayed,
    Draft,
    Drafted,
    Finished,
    Message,
    PassagePart,
    Retrieved,
    Verdict,
)
from retrieval.types import Access
from tests.component.site import (
    SCRIPT,
    answer_of,
    events_of,
    sentence_from,
    site,
)

__all__ = ["site"]  # a fixture

TEA = {"question": "When is tea?"}


def ask(client, body=None, *, conversation: int | None = None) -> dict[str, Any]:
    path = "/api/conversations"
    if conversation is not None:
        path += f"/{conversation}/answers"
    reply = client.post(path, json=body or TEA)
    assert reply.status_code == 200, reply.text
    return events_of(reply)[-1][1]


class Waiting:
    """Says a sentence, then waits to be let go, noting whether it was cancelled."""

    def __init__(self, site: Any) -> None:
        self.hit = site.library.hits[0]
        self.begun, self.let_go, self.cancelled = (threading.Event() for _ in range(3))

    def __call__(self, question, /, *, is_cancelled, **_: Any) -> Iterator[Any]:
        yield Retrieved((self.hit,))
        yield Assayed(sentence_from(self.hit))
        yield Drafted("And th")
        self.begun.set()
        while not self.let_go.wait(0.01):
            if is_cancelled():
                self.cancelled.set()
                return
        yield Finished(answer_of(question, [sentence_from(self.hit)]))


def until(condition) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen within ten seconds")


# Asking and reading


def test_a_question_begins_a_conversation_that_is_still_there_later(site):
    client = site.client("ada")

    events = events_of(client.post("/api/conversations", json=TEA))

    names = [name for name, _ in events]
    assert names[0] == "asked"
    assert names[-1] == "answer"
    assert names.count("sentence") == 4
    asked, kept = events[0][1], events[-1][1]
    assert asked == {"answer": 1, "conversation": 1, "follows": None, "title": "When is tea?"}
    assert (kept["state"], kept["text"]) == ("finished", "Tea is at four. Truly.")
    assert kept["made"]["verifier_version"] == "substring"
    assert kept["made"]["engine"] == "toy"
    [cited] = kept["sentences"][0]["citations"]
    assert (cited["document"], cited["revision_id"], cited["quote"]) == (
        "handbook.pdf", 1, "Tea is at four.",
    )  # fmt: skip
    again = site.client("ada").get("/api/conversations/1").json()
    assert again["answers"] == [kept]
    [heading] = client.get("/api/conversations").json()["conversations"]
    assert (heading["id"], heading["title"]) == (1, "When is tea?")


def test_a_question_goes_on_from_the_answer_it_follows(site):
    client = site.client("ada")
    first = ask(client)
    ask(client, {"question": "And then?", "follows": first["id"]}, conversation=1)
    ask(client, {"question": "Or instead?", "follows": None}, conversation=1)

    second, third = site.library.asked[1:]
    assert second.history == [
        Message("user", "When is tea?"),
        Message("assistant", "Tea is at four. Truly."),
    ]
    assert third.history == []
    answers = client.get("/api/conversations/1").json()["answers"]
    assert [(answer["id"], answer["follows"]) for answer in answers] == [
        (1, None),
        (2, 1),
        (3, None),
    ]


def test_what_a_model_writes_is_markdown_and_what_a_document_says_is_not(site):
    hit = site.library.hits[0]

    def answer(question, /, **_: Any) -> Iterator[Any]:
        yield Retrieved((hit,))
        said = [sentence_from(hit), sentence_from(hit, Verdict.PARTLY, f"**So** {SCRIPT}")]
        yield Finished(answer_of(question, said))

    quoted, written = ask(site.client("ada", answer=answer))["sentences"]
    assert quoted["html"] is None
    assert written["html"].startswith("<p><strong>So</strong> &lt;script&gt;")


def test_collections_narrow_what_is_searched_and_never_widen_it(site):
    root, ada = site.client("root"), site.client("ada")
    both = ask(root)
    narrowed = ask(root, {**TEA, "collections": ["secret"]})
    assert len({c["quote"] for s in both["sentences"] for c in s["citations"]}) == 2
    assert narrowed["text"].startswith("The vault opens at nine.")

    for name in ["secret", "nothing"]:
        for path in ["/api/conversations", "/api/ask", "/api/search"]:
            refused = ada.post(path, json={**TEA, "collections": [name]})
            assert refused.status_code == 422
            assert refused.json()["detail"] == (
                f"collections: you can read no collection named {name!r}; leave the field out to "
                "search all you can read"
            )
            assert refused.json()["parameter"] == "collections"
    found = ada.post("/api/search", json={**TEA, "collections": ["open"]}).json()["hits"]
    assert [hit["text"] for hit in found] == ["Tea is at four."]


# Whose they are


def test_nobody_reaches_the_conversation_of_another(site):
    kept = ask(site.client("ada"))
    assert kept["id"] == kept["conversation"] == 1
    for name in ["bob", "root"]:
        client = site.client(name)
        assert client.get("/api/conversations").json()["conversations"] == []
        for method, path, body in [
            ("GET", "/api/conversations/1", None),
            ("PATCH", "/api/conversations/1", {"title": "mine"}),
            ("DELETE", "/api/conversations/1", None),
            ("GET", "/api/conversations/1/export", None),
            ("POST", "/api/conversations/1/answers", TEA),
            ("GET", "/api/answers/1", None),
            ("GET", "/api/answers/1/events", None),
            ("POST", "/api/answers/1/stop", None),
            ("PUT", "/api/answers/1/rating", {"thumb": "up"}),
        ]:
            refused = client.request(method, path, json=body)
            absent = client.request(method, path.replace("/1", "/99"), json=body)
            assert refused.status_code == absent.status_code == 404, path
            assert refused.json()["detail"].replace("1", "99") == absent.json()["detail"]
    follows_anothers = {**TEA, "follows": 1}
    ask(site.client("bob"))
    reply = site.client("bob").post("/api/conversations/2/answers", json=follows_anothers)
    assert reply.status_code == 404
    assert site.client("ada").get("/api/conversations/1").json()["answers"] == [kept]


def test_who_sees_assay_as_somebody_else_does_not_see_their_conversations(site):
    kept = ask(site.client("ada"))
    client = site.client("root")
    begun = client.post("/view-as", data={"user": str(site.people["ada"].id)})
    assert begun.status_code in {200, 303}, begun.text
    assert "<bdi>ada</bdi>" in client.get("/").text

    for path in ["conversations", "conversations/1", f"answers/{kept['id']}", "answers/1/events"]:
        refused = client.get(f"/api/{path}")
        assert (refused.status_code, refused.json()["detail"]) == (
            403,
            "the conversations of 'ada' are seen by nobody else; you see the rest as they do",
        )
        assert "four" not in refused.text


def test_the_sources_of_an_answer_are_in_the_audit_log(site):
    ask(site.client("ada"))
    assert site.services.audit.flush(10)
    [entry] = site.services.audit.entries(Wanted(action="answer"), limit=5)
    assert (entry.actor.name, entry.action, entry.object) == (
        "ada", "answer.sources", Object("answer", 1),
    )  # fmt: skip
    assert entry.details == {"documents": [site.library.hits[0].document.id]}


def test_a_reply_to_small_talk_is_kept_with_its_words(site):
    def thank(question, /, **_: Any) -> Iterator[Any]:
        reply = replace(answer_of(question, []), abstained=False, is_small_talk=True)
        yield Finished(replace(reply, text="You are welcome."))

    kept = ask(site.client("ada", answer=thank), {"question": "Thanks"})
    assert (kept["text"], kept["made"]["small_talk"], kept["sentences"]) == (
        "You are welcome.", True, [],
    )  # fmt: skip


def test_a_right_to_read_that_is_taken_away_counts_for_old_answers(site):
    ada, services = site.people["ada"], site.services
    ask(site.client("ada"))
    services.access.revoke(ada, services.store.collection("open"))

    client = site.client("ada")
    for found in [
        client.get("/api/answers/1").json(),
        client.get("/api/conversations/1").json()["answers"][0],
        events_of(client.get("/api/answers/1/events"))[-1][1],
    ]:
        assert "four" not in json.dumps(found)
        assert "handbook" not in json.dumps(found)
        assert [sentence["text"] for sentence in found["sentences"]] == [None] * 4
        assert found["question"] == "When is tea?"
    exports = [
        client.get(f"/api/conversations/1/export?format={f}").text for f in ("markdown", "json")
    ]
    assert not any("four" in text or "handbook" in text for text in exports)
    ask(client, {"question": "And then?", "follows": 1}, conversation=1)
    assert site.library.asked[-1].history == []

    services.access.grant(ada, services.store.collection("open"), Access.READ)
    assert client.get("/api/answers/1").json()["text"] == "Tea is at four. Truly."


# Documents that change or go


def test_deleting_a_document_takes_its_words_out_of_old_answers(site):
    engine = site.services.conversations._engine
    hit, other = site.library.hits
    drafts = (Draft("Tea is at four, they say", -1.0),)

    def answer(question, /, **_: Any) -> Iterator[Any]:
        yield Retrieved((hit, other))
        said = [
            sentence_from(hit),
            sentence_from(other),
            sentence_from(hit, Verdict.UNSUPPORTED, "At four it is."),
        ]
        yield Finished(replace(answer_of(question, said), drafts=drafts))

    def abstain(question, /, **_: Any) -> Iterator[Any]:
        yield Retrieved((hit, other))
        yield Finished(answer_of(question, [], nearest=[hit, other]))

    ask(site.client("root", answer=answer))
    ask(site.client("root", answer=abstain))
    follow_up = {"question": "So?", "follows": 1}
    nothing_found = site.client("root", search=lambda *_, **__: [])
    ask(nothing_found, follow_up, conversation=1)

    assert site.services.store.remove([hit.document.id]) == 1

    client = site.client("root")
    found = client.get("/api/conversations/1").json()
    first, _ = found["answers"]
    assert [s["text"] for s in first["sentences"]] == [None, "The vault opens at nine.", None]
    [gone], [kept], [] = [s["citations"] for s in first["sentences"]]
    assert (gone["quote"], gone["document"], gone["is_deleted"]) == (None, None, True)
    assert (kept["quote"], kept["is_deleted"]) == ("The vault opens at nine.", False)
    assert first["made"]["drafts"] == []
    [near, far] = client.get("/api/answers/2").json()["nearest"]
    assert (near["quote"], far["quote"]) == (None, "The vault opens at nine.")
    with engine.begin() as sql:
        assert sql.execute(select(func.count()).where(answers.c.drafts.is_not(None))).scalar() == 0
        for column in (answer_sentences.c.text, answer_quotes.c.quote):
            assert not any("four" in text for text in sql.execute(select(column)).scalars() if text)
        named = select(answer_quotes.c.document).where(
            answer_quotes.c.document_id == hit.document.id
        )
        assert set(sql.execute(named).scalars()) == {None}


def test_a_document_that_is_deleted_while_it_is_answered_from_leaves_nothing(site):
    waiting = Waiting(site)
    client = site.client("ada", answer=waiting)
    replies: list[Any] = []
    thread = threading.Thread(target=lambda: replies.append(ask(client)))
    thread.start()
    assert waiting.begun.wait(10)

    site.services.store.remove([waiting.hit.document.id])
    waiting.let_go.set()
    thread.join()

    [kept] = replies
    assert kept["state"] == "finished"
    assert [sentence["text"] for sentence in kept["sentences"]] == [None]
    assert "four" not in json.dumps(kept)


def test_an_old_answer_keeps_its_quote_and_says_that_the_document_changed(site):
    hit = site.library.hits[0]
    before = ask(site.client("ada"))
    with site.services.store._engine.begin() as sql:
        sql.exec_driver_sql(f"UPDATE documents SET revision_id = 2 WHERE id = {hit.document.id}")

    after = site.client("ada").get("/api/answers/1").json()

    [was], [now] = before["sentences"][0]["citations"], after["sentences"][0]["citations"]
    assert (was["is_changed"], now["is_changed"]) == (False, True)
    assert now["quote"] == "Tea is at four."
    # Of the same bytes, it was only read again.
    with site.services.store._engine.begin() as sql:
        sql.exec_driver_sql(
            "INSERT INTO revisions (id, document_id, sha256, title, media_type, text, created_at) "
            "SELECT 2, document_id, sha256, title, media_type, text, created_at FROM revisions"
        )
    again = site.client("ada").get("/api/answers/1").json()
    assert not again["sentences"][0]["citations"][0]["is_changed"]


# The list


def test_conversations_are_found_by_the_words_in_them(site):
    client = site.client("ada")
    for question in ["When is Tea?", "Wo ist das Übrige?", "100 % of what?"]:
        ask(client, {"question": question})

    def found(words: str) -> list[int]:
        body = client.get("/api/conversations", params={"words": words}).json()
        return [heading["id"] for heading in body["conversations"]]

    assert found("") == [3, 2, 1]
    assert found("tea when") == [1]  # "tea" is in every answer
    assert found("übrige") == [2]
    assert found("%") == [3]
    assert found("moon") == [3, 2, 1]  # in the answers
    assert found("nowhere") == []
    assert site.client("bob").get("/api/conversations?words=tea").json()["conversations"] == []


def test_the_list_comes_in_pages(site):
    client = site.client("ada")
    for number in range(5):
        ask(client, {"question": f"Question {number}"})
    with site.services.conversations._engine.begin() as sql:  # all within a millisecond
        sql.exec_driver_sql(
            "UPDATE conversations SET updated_at = '2026-11-29 10:00:00.12300' || id"
        )

    seen, before = [], ""
    while before is not None:
        page = client.get("/api/conversations", params={"limit": 2, "before": before}).json()
        assert len(page["conversations"]) <= 2
        seen += [heading["id"] for heading in page["conversations"]]
        before = page["next"]

    assert seen == [5, 4, 3, 2, 1]
    assert client.get("/api/conversations?before=yesterday").status_code == 422


def test_a_conversation_can_be_renamed_and_deleted(site):
    client = site.client("ada")
    ask(client)
    assert client.patch("/api/conversations/1", json={"title": f" {SCRIPT}\n "}).status_code == 204
    assert client.get("/api/conversations/1").json()["title"] == SCRIPT
    for title in ["", " ", "x" * 201, "\ud800"]:
        sent = json.dumps({"title": title})
        reply = client.patch("/api/conversations/1", content=sent)
        assert reply.status_code in {400, 422}

    assert client.delete("/api/conversations/1").status_code == 204

    assert client.get("/api/conversations/1").status_code == 404
    assert client.get("/api/answers/1").status_code == 404
    with site.services.conversations._engine.begin() as sql:
        assert sql.execute(select(func.count()).select_from(answer_quotes)).scalar() == 0


@pytest.mark.parametrize(
    ("words", "title"),
    [("  a\n b ", "a b"), ("w" * 120, "w" * 120), ("word " * 40, ("word " * 23).strip() + " …")],
)
def test_a_title_is_one_line_and_not_too_long(words, title):
    assert title_of(words) == title
    assert len(title_of(words)) <= LONGEST_TITLE


# Export and ratings


def test_an_export_has_quotes_and_revisions_and_no_live_markup(site):
    client = site.client("ada")
    ask(client, {"question": "# When `is` <tea>?"})

    markdown = client.get("/api/conversations/1/export")
    whole = client.get("/api/conversations/1/export?format=json").json()

    assert markdown.headers["content-type"] == "text/markdown; charset=utf-8"
    assert markdown.headers["content-disposition"] == (
        'attachment; filename="assay-when-is-tea-1.md"'
    )
    assert "## \\# When \\`is\\` \\<tea\\>?" in markdown.text
    assert "- **supported** (quoted): Tea is at four." in markdown.text
    assert "  - Source: handbook.pdf, page 3 (revision 1, characters 10–25)" in markdown.text
    assert "    > Tea is at four." in markdown.text
    assert "prompt answer-1; verifier substring; documents as of change 1." in markdown.text
    [answer] = whole["answers"]
    assert answer["sentences"][0]["quotes"][0]["revision_id"] == 1
    assert answer["facts"]["change_number"] == 1


def test_a_thumb_with_its_reason_is_kept_and_counted_once(site):
    client = site.client("ada")
    ask(client)
    rating = {"thumb": "down", "reason": "wrong", "comment": "It is five."}
    assert client.put("/api/answers/1/rating", json=rating).status_code == 204
    kept = client.get("/api/answers/1").json()
    assert {key: kept[key] for key in rating} == rating

    assert client.put("/api/answers/1/rating", json={"thumb": "up"}).status_code == 204
    assert client.put("/api/answers/1/rating", json={"thumb": None}).status_code == 204
    assert client.get("/api/answers/1").json()["thumb"] is None
    assert site.services.thumbs.counts(days=1) == (0, 1)


# Answers that are being made


@pytest.fixture
def waiting(site):
    waiting = Waiting(site)
    yield waiting
    waiting.let_go.set()


def begun(client, waiting: Waiting) -> threading.Thread:
    thread = threading.Thread(target=lambda: client.post("/api/conversations", json=TEA))
    thread.start()
    assert waiting.begun.wait(10)
    return thread


def test_stopping_keeps_what_was_assayed(site, waiting):
    client = site.client("ada", answer=waiting)
    with client:
        replies: list[Any] = []
        thread = threading.Thread(target=lambda: replies.append(ask(client)))
        thread.start()
        assert waiting.begun.wait(10)
        assert client.post("/api/answers/1/stop").status_code == 204
        thread.join()

    assert waiting.cancelled.wait(10)
    [kept] = replies
    assert (kept["state"], kept["made"], kept["text"]) == ("stopped", None, "Tea is at four.")
    assert client.get("/api/answers/1").json() == kept


def test_events_that_were_missed_are_told_when_the_answer_is_taken_up_again(site, waiting):
    with site.client("ada", answer=waiting) as client:
        thread = begun(client, waiting)
        replies: list[Any] = []
        taken_up = threading.Thread(
            target=lambda: replies.append(
                client.get("/api/answers/1/events", headers={"Last-Event-ID": "2"})
            )
        )
        taken_up.start()
        waiting.let_go.set()
        thread.join()
        taken_up.join()

        [reply] = replies
        assert [name for name, _ in events_of(reply)] == ["sentence", "drafted", "answer"]
        assert "id: 3\nevent: sentence\n" in reply.text
        late = client.get("/api/answers/1/events", headers={"Last-Event-ID": "4"})
        assert [name for name, _ in events_of(late)] == ["answer"]


def test_an_answer_being_made_when_the_server_ended_is_interrupted_and_partly_there(site):
    store = site.services.conversations
    hit = site.library.hits[0]
    kept = store.begin(
        site.people["ada"], "When?", conversation_id=None, follows=None,
        collections=frozenset({1}), decoding=site.services.default_decoding,
    )  # fmt: skip
    store.add_sources(kept.id, [hit])
    store.add_sentence(kept.id, 0, sentence_from(hit))
    assert site.client("ada").get(f"/api/answers/{kept.id}").json()["state"] == "making"

    assert ConversationStore(store._engine).interrupt_unfinished() == 1

    found = site.client("ada").get(f"/api/answers/{kept.id}").json()
    assert (found["state"], found["text"]) == ("interrupted", "Tea is at four.")
    assert found["ended_at"] is not None
    assert store.interrupt_unfinished() == 0


def test_a_failure_is_kept_in_the_words_it_was_told_in(site):
    def fail(*_: Any, **__: Any) -> Iterator[Any]:
        raise RuntimeError("secret detail")
        yield

    client = site.client("ada", answer=fail)
    events = events_of(client.post("/api/conversations", json=TEA))

    assert [name for name, _ in events] == ["asked", "error"]
    kept = client.get("/api/answers/1").json()
    assert kept["state"] == "failed"
    assert kept["failure"] == events[-1][1]["detail"]
    assert "secret" not in json.dumps(kept)


def test_a_question_that_finds_no_place_is_not_kept(site):
    client = site.client("ada", answers_at_once=1, answers_waiting=0, answers_per_user=1)
    desk = client.app.state.desks.answers
    desk._is_closed = True

    assert client.post("/api/conversations", json=TEA).status_code == 503

    assert client.get("/api/conversations").json()["conversations"] == []


@pytest.mark.parametrize(
    "body",
    [
        {}, {"question": " "}, {"question": "x" * 4001}, {**TEA, "history": []},
        {**TEA, "collections": []}, {**TEA, "follows": 1}, {**TEA, "follows": -1},
        {**TEA, "decoding": {"temperature": 9}},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(site, body):
    reply = site.client("ada").post("/api/conversations", json=body)
    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"


def test_long_conversations_lose_their_older_half_at_once():
    from app.conversations.history import MOST_MESSAGES, history_of

    def turn(number: int) -> Any:
        return SimpleNamespace(
            text=f"answer {number}", question=str(number),
            facts=SimpleNamespace(evidence=(PassagePart(number, 0, 1),)),
        )  # fmt: skip

    assert len(history_of([turn(n) for n in range(48)])) == MOST_MESSAGES
    # 49 turns are 98 messages: the older 50 go, 48 stay.
    left = history_of([turn(n) for n in range(49)])
    assert (len(left), left[0].content) == (48, "25")


def test_states_are_those_the_database_takes():
    [check] = [c for c in answers.constraints if getattr(c, "name", "") == "ck_answers_state"]
    assert all(f"'{state}'" in str(check.sqltext) for state in State)
