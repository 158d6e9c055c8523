"""Responses that others wrote, verified over HTTP."""

import asyncio
import json
from dataclasses import replace

import pytest

from app.api.application import create_app
from generation.errors import ModelUnusable
from tests.component.site import TEA, Request, SlowVerifier, acquired, site
from tests.fakes import SubstringVerifier

__all__ = ["site"]  # a fixture


def test_responses_are_verified_in_order_with_their_evidence(site):
    said = {"id": 7, "question": "When?", "context": {"tea": "at four"}, "response": "tea: at four"}
    reply = site.client("guest").post("/api/verify", json={"items": [TEA, said]})

    assert reply.status_code == 200
    assert reply.json() == {
        "verifier": "substring",
        "items": [
            {
                "score": 0.5,
                "flagged": True,
                "blocked": False,
                "verifier": "substring",
                "sentences": [
                    {
                        "text": "Tea is at four.",
                        "start": 0,
                        "end": 15,
                        "verdict": "supported",
                        "score": 1.0,
                        "spans": [
                            {"context": 1, "start": 0, "end": 15, "quote": "Tea is at four."}
                        ],
                    },
                    {
                        "text": "Rum is at six.",
                        "start": 16,
                        "end": 30,
                        "verdict": "unsupported",
                        "score": 0.0,
                        "spans": [],
                    },
                ],
            },
            {
                "id": 7,
                "score": 1.0,
                "flagged": False,
                "blocked": False,
                "verifier": "substring",
                "sentences": [
                    {
                        "text": "tea: at four",
                        "start": 0,
                        "end": 12,
                        "verdict": "supported",
                        "score": 1.0,
                        "spans": [{"context": 0, "start": 0, "end": 12, "quote": "tea: at four"}],
                    }
                ],
            },
        ],
    }


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"{", 400, "not valid JSON"),
        (b"[]", 422, "body: "),
        (b'{"context": "x", "response": "y"}', 422, "items: Field required"),
        (b'{"items": []}', 422, "items: List should have at least 1 item"),
        (b'{"items": [%s]}' % b",".join([b"{}"] * 33), 422, "items"),
        (b'{"items": [{"context": "x"}]}', 422, "items.0.response: Field required"),
        (b'{"items": [{"response": "x"}]}', 422, "items.0.context: Field required"),
        (
            b'{"items": [{"context": 5, "response": "x"}]}',
            422,
            "items.0.context: expected text, a list of texts, or an object",
        ),
        (
            b'{"items": [{"context": "\\ud800", "response": "x"}]}',
            422,
            "items.0.context: holds a lone surrogate",
        ),
        (
            b'{"items": [{"context": "x", "response": "y", "colour": 1}]}',
            422,
            "items.0.colour: Extra inputs",
        ),
        (b'{"items": [{"context": ' + b"[" * 5000 + b"]" * 5000 + b"}]}", 400, ""),
        (
            b'{"items": [{"context": "", "response": "%s"}]}' % (b"x" * 100_001),
            422,
            "items.0.response: String should have at most 100000 characters",
        ),
        (
            b'{"items": [%s]}'
            % b",".join([b'{"context":"","response":"%s"}' % (b"x" * 60_000)] * 2),
            422,
            "items: the responses have 120,000 characters together and the limit is 100,000",
        ),
    ],
)
def test_what_cannot_be_verified_is_told_where(site, body, status, detail):
    headers = {"Content-Type": "application/json"}
    reply = site.client("ada").post("/api/verify", content=body, headers=headers)

    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert detail in reply.json()["detail"]


def test_as_many_as_the_limit_are_verified_a_few_at_a_time(site):
    verifier = SubstringVerifier()
    client = site.client("ada", verifier=lambda: verifier)

    reply = client.post("/api/verify", json={"items": [TEA] * 32})

    assert len(reply.json()["items"]) == 32
    assert verifier.batches == [8] * 4


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (ModelUnusable("/srv/models/x is missing"), 503, "the model that verifies is missing"),
        (RuntimeError("/srv/models/x"), 500, "something went wrong on the server"),
    ],
)
def test_a_verifier_that_fails_does_not_name_the_files_of_the_server(site, error, status, detail):
    def load():
        raise error

    reply = site.client("ada", verifier=load).post("/api/verify", json={"items": [TEA]})

    assert reply.status_code == status
    assert detail in reply.json()["detail"]
    assert "/srv" not in reply.text


def test_verifying_has_places_of_its_own_and_no_answer_waits_behind_it(site):
    slow, headers = SlowVerifier(), site.key("ada")
    app = create_app(
        replace(site.services, verifier=lambda: slow, answers_at_once=1, answers_waiting=0)
    )

    async def scenario() -> None:
        running = Request(app, "/api/verify", {"items": [TEA]}, headers)
        assert await acquired(slow.begun)
        for path in ["/api/search", "/api/ask"]:
            other = Request(app, path, {"question": "?"}, headers)
            await asyncio.wait_for(other.task, 10)
            assert other.status == 200
        refused = Request(app, "/api/verify", {"items": [TEA]}, headers)
        await asyncio.wait_for(refused.task, 10)
        assert (refused.status, refused.headers["retry-after"]) == (503, "10")
        slow.let_go.release()
        await asyncio.wait_for(running.task, 10)
        assert json.loads(running.text)["items"][0]["flagged"]

    asyncio.run(scenario())


def test_verifying_stops_after_the_batch_when_nobody_waits_for_it(site):
    slow, headers = SlowVerifier(), site.key("ada")
    app = create_app(replace(site.services, verifier=lambda: slow))

    async def scenario() -> None:
        request = Request(app, "/api/verify", {"items": [TEA] * 32}, headers)
        assert await acquired(slow.begun)
        request.leave()
        await asyncio.wait_for(request.task, 10)
        for _ in range(4):
            slow.let_go.release()
        assert not await asyncio.to_thread(slow.begun.acquire, timeout=0.3)

    asyncio.run(scenario())
    assert slow.batches == [8]
