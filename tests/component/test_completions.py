"""Chat completions in OpenAI's form."""

from dataclasses import replace

import openai
import pytest

from generation.decoding import Decoding
from generation.types import (
    Assayed,
    Finished,
    Message,
)
from tests.component.site import DECODING, answer_of, chat, chunks_of, sentence_from, site

__all__ = ["site"]  # a fixture


def test_the_models_are_assay_and_its_engine(site):
    client = site.client("ada")

    listed = client.get("/v1/models").json()

    assert listed["object"] == "list"
    assert [model["id"] for model in listed["data"]] == ["assay", "toy/engine"]
    assert client.get("/v1/models/toy/engine").json() == listed["data"][1]
    missing = client.get("/v1/models/gpt-9")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


def test_a_completion_in_one_piece(site):
    reply = site.client("ada").post("/v1/chat/completions", json=chat("Hi", "Hi.", "When is tea?"))

    body = reply.json()
    assert body["object"] == "chat.completion"
    assert body["model"] == "assay"
    assert body["choices"] == [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Tea is at four. Truly.",
                "refusal": None,
            },
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert body["usage"] == {
        "prompt_tokens": 40,
        "completion_tokens": 7,
        "total_tokens": 47,
        "prompt_tokens_details": {"cached_tokens": 0},
    }
    assay = body["assay"]
    assert set(assay) == {
        "abstained", "answerability", "sentences", "nearest", "timings", "engine_info", "decoding",
        "prompt_version", "change_number", "finish_reason", "drafts", "language", "evidence",
        "left_out",
        "pins",
        "policy",
        "struck",
        "standalone_question",
        "small_talk",
    }  # fmt: skip
    assert [s["verdict"] for s in assay["sentences"]] == [
        "supported", "partly", "unsupported", "supported",
    ]  # fmt: skip
    assert assay["timings"] == {"retrieval": 0.01, "first_token": 0.2, "total": 0.5}
    (asked,) = site.library.asked
    assert asked.question == "When is tea?"
    assert asked.history == (Message("user", "Hi"), Message("assistant", "Hi."))


@pytest.mark.parametrize("has_usage", [False, True])
def test_the_pieces_of_a_stream_join_to_the_text_and_the_last_carries_the_assay(site, has_usage):
    client = site.client("ada")
    options = {"stream_options": {"include_usage": True}} if has_usage else {}

    chunks = chunks_of(
        client.post("/v1/chat/completions", json=chat("When is tea?", stream=True, **options))
    )
    whole = client.post("/v1/chat/completions", json=chat("When is tea?")).json()

    assert len({(c["id"], c["created"], c["model"], c["object"]) for c in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    deltas = [c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]]
    assert [d for d in deltas if d] == ["Tea is at four.", " Truly."]
    assert "".join(deltas) == whole["choices"][0]["message"]["content"]
    assert chunks[-1]["assay"] == whole["assay"]
    assert all("assay" not in chunk for chunk in chunks[:-1])
    finishing = chunks[-2] if has_usage else chunks[-1]
    assert finishing["choices"] == [
        {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    ]
    if has_usage:
        assert chunks[-1]["choices"] == []
        assert chunks[-1]["usage"] == whole["usage"]


def test_an_abstention_is_said_in_words_and_in_the_extension(site):
    client = site.client("guest")

    whole = client.post("/v1/chat/completions", json=chat("When is tea?")).json()
    chunks = chunks_of(client.post("/v1/chat/completions", json=chat("When is tea?", stream=True)))

    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert whole["choices"][0]["message"]["content"] == "Your documents do not answer this."
    assert said == "Your documents do not answer this."
    assert whole["assay"]["abstained"]
    assert chunks[-1]["assay"]["sentences"] == []


def test_a_text_that_is_not_what_was_streamed_is_an_error_and_not_two_answers(site):
    def answer(question, **_):
        sentence = sentence_from(site.library.hits[0])
        yield Assayed(sentence)
        yield Finished(replace(answer_of(question, [sentence]), text="Something else."))

    reply = site.client("ada", answer=answer).post(
        "/v1/chat/completions", json=chat("?", stream=True)
    )

    assert "Something else." not in reply.text
    assert '"server_error"' in reply.text


def test_what_is_asked_for_reaches_the_engine(site):
    client = site.client("ada")
    body = chat(
        "?",
        temperature=0.25,
        top_p=0.5,
        max_tokens=9,
        max_completion_tokens=7,
        seed=3,
        stop=["a", "b"],
        n=1,
        user="someone",
        logit_bias={},
        presence_penalty=None,
    )

    reply = client.post("/v1/chat/completions", json=body).json()
    client.post("/v1/chat/completions", json=chat("?", max_tokens=9, stop="x"))
    client.post("/v1/chat/completions", json=chat("?"))

    assert [asked.decoding for asked in site.library.asked] == [
        Decoding(max_tokens=7, temperature=0.25, top_p=0.5, seed=3, stop=("a", "b")),
        Decoding(max_tokens=9, stop=("x",)),
        DECODING,
    ]
    assert reply["choices"][0]["finish_reason"] == "stop"


def test_content_may_come_in_parts_and_instructions_are_history(site):
    messages = [
        {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "assistant", "content": None},
        {
            "role": "user",
            "content": [{"type": "text", "text": "When"}, {"type": "text", "text": "is tea?"}],
        },
    ]

    site.client("ada").post("/v1/chat/completions", json={"model": "assay", "messages": messages})

    (asked,) = site.library.asked
    assert asked.question == "When\nis tea?"
    assert asked.history == (Message("system", "Be brief."), Message("assistant", ""))


IMAGE = [{"type": "image_url", "image_url": {"url": "x"}}]


@pytest.mark.parametrize(
    ("change", "status", "param", "words"),
    [
        ({"model": "gpt-9"}, 404, "model", "there is no model 'gpt-9'"),
        ({"model": None}, 400, "model", "valid string"),
        ({"n": 2}, 400, "n", "n is 2"),
        ({"temperature": 2.5}, 400, "temperature", "less than or equal to 2"),
        ({"top_p": 0}, 400, "top_p", "greater than 0"),
        ({"max_tokens": 0}, 400, "max_tokens", "greater than or equal to 1"),
        ({"seed": "x"}, 400, "seed", "valid integer"),
        ({"stop": ["a"] * 5}, 400, "stop", "up to 4"),
        ({"stop": ""}, 400, "stop", "none of them empty"),
        ({"messages": []}, 400, "messages", "at least 1"),
        ({"messages": "hi"}, 400, "messages", "valid list"),
        ({"messages": [{"role": "user"}]}, 400, "messages[0].content", "0 characters"),
        (chat("?", "!"), 400, "messages[1].role", "end with the user's"),
        (chat("x" * 4001), 400, "messages[0].content", "4001 characters"),
        ({"messages": [{"role": "tool", "content": ""}]}, 400, "messages[0].role", "'tool'"),
        ({"messages": [{"role": "user", "content": IMAGE}]}, 400, "messages[0].content", "'image_"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(site, change, status, param, words):
    reply = site.client("ada").post("/v1/chat/completions", json={**chat("?"), **change})

    error = reply.json()["error"]
    assert reply.status_code == status
    assert error["param"] == param
    assert words in error["message"]
    assert error["type"] == "invalid_request_error"


def test_openais_own_client_is_content(site):
    client = openai.OpenAI(
        api_key=site.key("ada")["Authorization"].removeprefix("Bearer "),
        base_url="http://localhost/v1",
        http_client=site.client(),
        max_retries=0,
    )
    question = [{"role": "user", "content": "When is tea?"}]

    with client:
        whole = client.chat.completions.create(model="assay", messages=question)
        pieces = list(client.chat.completions.create(model="assay", messages=question, stream=True))
        assert [model.id for model in client.models.list()] == ["assay", "toy/engine"]
        with pytest.raises(openai.NotFoundError, match="there is no model"):
            client.chat.completions.create(model="gpt-9", messages=question)
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="assay_x").models.list()

    assert whole.choices[0].message.content == "Tea is at four. Truly."
    assert whole.model_extra["assay"]["sentences"][0]["verdict"] == "supported"
    said = "".join(piece.choices[0].delta.content or "" for piece in pieces)
    assert said == whole.choices[0].message.content
    assert pieces[-1].model_extra["assay"] == whole.model_extra["assay"]
