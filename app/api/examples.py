"""Examples of what is sent to the API and what comes back, where a route has none of its own."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

JSON, EVENTS = "application/json", "text/event-stream"


class Example(NamedTuple):
    """What a request may have in its body, and what the reply then has.

    `reply` is the text of a body that is no JSON; None when nothing comes back, or bytes do.
    """

    request: object = None
    reply: object = None
    media: str = JSON


_QUOTE = {
    "document": "handbook.pdf",
    "page": 3,
    "start": 10,
    "end": 44,
    "quote": "The probation period is six months.",
    "commands": [],
}
_KEPT_QUOTE = {
    **_QUOTE,
    "document_id": 77,
    "revision_id": 91,
    "is_changed": False,
    "is_deleted": False,
}
_PASSAGE = {
    "document": "handbook.pdf",
    "page": 3,
    "start": 10,
    "end": 44,
    "text": "The probation period is six months.",
    "score": 0.5,
    "commands": [],
}
_SENTENCE = {
    "text": "The probation period is six months.",
    "origin": "quoted",
    "verdict": "supported",
    "score": 0.97,
    "citations": [_QUOTE],
}
_USAGE = {
    "prompt_tokens": 240,
    "completion_tokens": 31,
    "total_tokens": 271,
    "prompt_tokens_details": {"cached_tokens": 96},
}
_QUESTION = "How long is the probation period?"
_KEPT_ANSWER = {
    "id": 412,
    "conversation": 58,
    "follows": None,
    "question": _QUESTION,
    "state": "finished",
    "asked_at": "2026-11-21T09:30:00.000Z",
    "ended_at": "2026-11-21T09:30:02.100Z",
    "text": "The probation period is six months.",
    "sentences": [{**_SENTENCE, "html": None, "citations": [_KEPT_QUOTE]}],
    "nearest": [],
}
_HEADING = {
    "id": 58,
    "title": _QUESTION,
    "created_at": "2026-11-21T09:30:00.000Z",
    "updated_at": "2026-11-21T09:30:00.000Z",
}
_JOB = {
    "job": 12,
    "collection": "contracts",
    "source": "upload",
    "state": "running",
    "reason": "",
    "started_by": "maria",
    "created_at": "2026-11-21T09:30:00Z",
    "finished_at": None,
    "active_seconds": 14.2,
    "files": {
        "queued": 30,
        "reading": 2,
        "embedding": 1,
        "indexed": 66,
        "unchanged": 0,
        "rejected": 1,
        "failed": 0,
    },
    "unchanged": 0,
    "removed": 0,
    "ignored": 3,
    "progress": {
        "files_done": 67,
        "files_total": 100,
        "bytes_done": 48_200_000,
        "bytes_total": 71_000_000,
        "passages": 5_120,
        "passages_per_second": 61.0,
        "left": {"seconds": 7.8, "low": 5.9, "high": 11.2},
    },
}
_QUEUE = {
    "being_made": 2,
    "waiting": 1,
    "started": 140,
    "finished": 131,
    "failed": 1,
    "cancelled": 5,
    "refused": 0,
    "seconds_waited": 12.5,
    "usual_seconds": 3.1,
    "limits": {"at_once": 8, "waiting": 32, "per_user": 4},
}
_MODEL = {"id": "assay", "object": "model", "created": 1795989102, "owned_by": "assay"}
_ASKED_EVENTS = (
    'event: retrieved\ndata: {"passages": [...]}\n\n'
    'event: sentence\ndata: {"text": "The probation period is six months.", "verdict": '
    '"supported", ...}\n\n'
    'event: drafted\ndata: {"text": "So "}\n\n'
    'event: answer\ndata: {"abstained": false, "sentences": [...], ...}\n\n'
)
_KEPT_EVENTS = (
    'id: 1\nevent: asked\ndata: {"answer": 412, "conversation": 58, ...}\n\n'
    'id: 2\nevent: sentence\ndata: {"text": "The probation period is six months.", ...}\n\n'
    'id: 3\nevent: answer\ndata: {"id": 412, "state": "finished", ...}\n\n'
)
_ASKED = Example({"question": _QUESTION}, _KEPT_EVENTS, EVENTS)
_OF_JOB = Example(reply=_JOB)

_ITEM = {
    "item": 1,
    "name": "lease.pdf",
    "size": 82_114,
    "state": "rejected",
    "change": None,
    "reason": "it is encrypted and needs a password",
    "needs_password": True,
    "attempts": 1,
    "seconds": 0.4,
    "passages": 0,
}
EXAMPLES: Mapping[tuple[str, str], Example] = MappingProxyType(
    {
        ("get", "/healthz"): Example(reply={"status": "alive"}),
        ("get", "/readyz"): Example(reply={"ready": True, "detail": "ready"}),
        ("get", "/metrics"): Example(reply="assay_users 4\n", media="text/plain"),
        ("post", "/api/search"): Example(
            {"question": _QUESTION, "k": 5},
            {"standalone_question": _QUESTION, "hits": [_PASSAGE]},
        ),
        ("post", "/api/ask"): Example({"question": _QUESTION}, _ASKED_EVENTS, EVENTS),
        ("get", "/api/conversations"): Example(reply={"conversations": [_HEADING], "next": None}),
        ("post", "/api/conversations"): _ASKED,
        ("get", "/api/conversations/{conversation}"): Example(
            reply={**_HEADING, "answers": [_KEPT_ANSWER]}
        ),
        ("patch", "/api/conversations/{conversation}"): Example({"title": "Probation"}),
        ("get", "/api/conversations/{conversation}/export"): Example(
            reply=f"# {_QUESTION}\n\n- **supported** (quoted): The probation period is …\n",
            media="text/markdown",
        ),
        ("post", "/api/conversations/{conversation}/answers"): Example(
            {"question": "Can it be longer?", "follows": 412}, _KEPT_EVENTS, EVENTS
        ),
        ("get", "/api/answers/{answer}"): Example(reply=_KEPT_ANSWER),
        ("get", "/api/answers/{answer}/events"): Example(reply=_KEPT_EVENTS, media=EVENTS),
        ("put", "/api/answers/{answer}/rating"): Example({"thumb": "up"}),
        ("get", "/api/answers/{answer}/sources/{sentence}/{number}"): Example(
            reply={
                "document": "handbook.pdf",
                "page": 3,
                "quote": "The probation period is six months.",
                "is_changed": False,
                "original": "/api/answers/412/sources/0/0/original",
                "lines": [
                    {
                        "is_row": False,
                        "cells": [[{"text": "The probation period is …", "is_quoted": True}]],
                    }
                ],
                "printed": None,
            }
        ),
        ("get", "/api/answers/{answer}/sources/{sentence}/{number}/page"): Example(
            media="image/png"
        ),
        ("get", "/api/answers/{answer}/sources/{sentence}/{number}/original"): Example(
            media="application/octet-stream"
        ),
        ("get", "/api/documents/{document}/original"): Example(media="application/octet-stream"),
        ("put", "/api/documents/{document}/tags"): Example({"tags": ["2026", "rent"]}),
        ("post", "/api/verify"): Example(
            {
                "items": [
                    {
                        "question": "When does the lease end?",
                        "context": ["The lease ends on 31 May."],
                        "response": "It ends on 31 May.",
                    }
                ]
            },
            {
                "verifier": "…",
                "items": [
                    {
                        "score": 0.96,
                        "flagged": False,
                        "blocked": False,
                        "verifier": "…",
                        "sentences": [
                            {
                                "text": "It ends on 31 May.",
                                "start": 0,
                                "end": 18,
                                "verdict": "supported",
                                "score": 0.96,
                                "spans": [
                                    {
                                        "context": 0,
                                        "start": 0,
                                        "end": 25,
                                        "quote": "The lease ends on 31 May.",
                                    }
                                ],
                            }
                        ],
                    }
                ],
            },
        ),
        ("get", "/v1/models"): Example(reply={"object": "list", "data": [_MODEL]}),
        ("get", "/v1/models/{model}"): Example(reply=_MODEL),
        ("post", "/v1/chat/completions"): Example(
            {"model": "assay", "messages": [{"role": "user", "content": _QUESTION}]},
            {
                "id": "chatcmpl-64266081640a7047ba41ca81",
                "created": 1795989105,
                "model": "assay",
                "object": "chat.completion",
                "choices": [
                    {
                        "index": 0,
                        "message": {
                            "role": "assistant",
                            "content": "The probation period is six months.",
                            "refusal": None,
                        },
                        "logprobs": None,
                        "finish_reason": "stop",
                    }
                ],
                "usage": _USAGE,
                "assay": {"abstained": False, "answerability": 0.83, "sentences": [_SENTENCE]},
            },
        ),
        ("get", "/api/desk"): Example(
            reply={
                "answers": _QUEUE,
                "verifications": _QUEUE,
                "process": {"resident_bytes": 1_209_395_712, "open_files": 22, "threads": 17},
            }
        ),
        ("get", "/api/policies"): Example(
            reply={"policies": [{"collection": "contracts", "policy": "strike"}]}
        ),
        ("put", "/api/policies/{collection}"): Example(
            {"policy": "strike"}, {"collection": "contracts", "policy": "strike"}
        ),
        ("post", "/api/jobs"): _OF_JOB,
        ("post", "/api/jobs/urls"): Example({"urls": ["https://example.org/terms"]}, _JOB),
        ("get", "/api/jobs"): Example(reply={"jobs": [_JOB], "next": None}),
        ("get", "/api/jobs/{job}"): _OF_JOB,
        ("get", "/api/jobs/{job}/items"): Example(
            reply={
                "items": [_ITEM],
                "total": 1,
            }
        ),
        ("post", "/api/jobs/{job}/items/{item}/password"): Example(
            {"password": "correct horse"},
            {
                **_ITEM,
                "state": "indexed",
                "change": "added",
                "reason": "",
                "needs_password": False,
                "passages": 41,
            },
        ),
        ("get", "/api/jobs/{job}/events"): Example(
            reply='event: progress\ndata: {"job": 12, "state": "running", ...}\n\n', media=EVENTS
        ),
        ("post", "/api/jobs/{job}/retry"): Example({"rejected": True}, _JOB),
        ("post", "/api/jobs/{job}/pause"): _OF_JOB,
        ("post", "/api/jobs/{job}/resume"): _OF_JOB,
        ("post", "/api/jobs/{job}/cancel"): _OF_JOB,
        ("post", "/api/evals/thumbs"): Example({"thumb": "down"}),
        ("post", "/api/evals/cases"): Example(
            {"question": _QUESTION, "expectation": "answer", "reference": "Six months."}
        ),
        ("post", "/api/script-errors"): Example({"kind": "TypeError", "places": ["chat.js:12:5"]}),
        ("get", "/api/users/{user}/sessions"): Example(
            reply={
                "sessions": [
                    {
                        "id": 17,
                        "created_at": "2026-11-21T08:00:00Z",
                        "last_seen_at": "2026-11-21T09:30:00Z",
                        "expires_at": "2026-11-28T08:00:00Z",
                        "agent": "Mozilla/5.0 …",
                        "is_this_one": False,
                    }
                ]
            }
        ),
        ("get", "/api/users/{user}/keys"): Example(
            reply={
                "keys": [
                    {
                        "id": 3,
                        "name": "laptop",
                        "prefix": "assay_Zk3f0a",
                        "owner": "maria",
                        "scopes": ["ask", "read"],
                        "created_at": "2026-11-21T09:30:00Z",
                        "expires_at": None,
                        "last_used_at": None,
                        "revoked_at": None,
                    }
                ]
            }
        ),
        ("get", "/api/audit/export"): Example(
            reply='{"id": 812, "actor": "maria", "action": "document.read", ...}\n',
            media="application/x-ndjson",
        ),
    }
)


def with_examples(schema: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI schema with these examples put in; it is changed, and returned.

    A reply that is no JSON is described as what it is: FastAPI takes all for JSON.
    """
    for (method, path), example in EXAMPLES.items():
        operation = schema["paths"].get(path, {}).get(method)
        if operation is None:
            continue
        if example.request is not None:
            operation["requestBody"]["content"][JSON]["example"] = example.request
        status = next(one for one in operation["responses"] if one.startswith("2"))
        reply = operation["responses"][status]
        if example.media != JSON:
            reply["content"] = {example.media: {"schema": {"type": "string"}}}
        if example.reply is not None:
            reply["content"][example.media]["example"] = example.reply
    return schema
