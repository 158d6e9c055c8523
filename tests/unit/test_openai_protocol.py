"""What is sent to servers of models, and what their replies mean; counting without a tokenizer."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.decoding import Decoding
from generation.engines.remote.counting import (
    ConversationCounter,
    estimated_conversation,
    estimated_tokens,
    text_inserted,
)
from generation.engines.remote.openai_protocol import (
    Chunk,
    Failure,
    Family,
    OfferedModel,
    named_model,
    read_chunk,
    read_models,
    refusal,
    request_body,
)
from generation.engines.remote.server_facts import tokens_counted, window_of, with_family
from generation.errors import BadDecoding
from generation.types import Message, Token, Usage

ASKED = (Message("system", "Be brief."), Message("user", "When is tea?"))
WHOLE = Decoding(
    max_tokens=9, temperature=0.5, top_p=0.9, top_k=40, min_p=0.1, repetition_penalty=1.1,
    presence_penalty=0.2, frequency_penalty=-0.3, seed=2**40, stop=("\n", "END"), logprobs=True,
)  # fmt: skip


def body_for(family: Family, decoding: Decoding) -> dict:
    return request_body(OfferedModel("m", family), ASKED, decoding, 4096)


def test_openais_controls_are_sent_by_their_names():
    assert body_for(Family.OTHER, WHOLE) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."}, {"role": "user", "content": "When is tea?"},
        ],
        "stream": True, "stream_options": {"include_usage": True},
        "max_tokens": 9, "temperature": 0.5, "top_p": 0.9, "presence_penalty": 0.2,
        "frequency_penalty": -0.3, "seed": 2**40, "stop": ["\n", "END"],
        "logprobs": True, "top_logprobs": 1,
        "top_k": 40, "min_p": 0.1, "repetition_penalty": 1.1,
    }  # fmt: skip


def test_what_is_off_is_said_where_a_server_would_take_the_models_own():
    # An unknown server may refuse fields that it does not know.
    assert not {"top_k", "min_p", "repetition_penalty"} & set(body_for(Family.OTHER, Decoding()))
    for family in (Family.VLLM, Family.SGLANG):
        body = body_for(family, Decoding())
        assert (body["top_k"], body["min_p"], body["repetition_penalty"]) == (-1, 0.0, 1.0)
    body = body_for(Family.LLAMA_CPP, Decoding())
    assert (body["top_k"], body["min_p"], body["repeat_penalty"]) == (-1, 0.0, 1.0)


def test_llama_cpp_has_its_own_names_and_smaller_seeds():
    body = body_for(Family.LLAMA_CPP, WHOLE)
    assert (body["top_k"], body["repeat_penalty"], body["repeat_last_n"]) == (40, 1.1, 4096)
    assert "repetition_penalty" not in body
    assert body["seed"] == 2**40 % (2**32 - 1) == 256


def test_what_a_server_cannot_do_is_refused_before_it_is_asked():
    with pytest.raises(BadDecoding, match=r"num_beams is 4 .* has no beam search"):
        body_for(Family.VLLM, Decoding(num_beams=4))
    with pytest.raises(BadDecoding, match="top_k, min_p cannot be set"):
        body_for(Family.OLLAMA, Decoding(temperature=1, top_k=3, min_p=0.1))
    assert "top_k" not in body_for(Family.OLLAMA, Decoding(temperature=1))


# --- Lists of models ----------------------------------------------------------------------------


def test_a_list_says_what_the_server_is_and_how_large_its_window():
    reply = {
        "data": [
            {"id": "/srv/m/Tiny.Q4.gguf", "owned_by": "llamacpp", "meta": {"n_ctx": 2048}},
            {"id": "org/large", "owned_by": "vllm", "max_model_len": 32768},
            {"id": "/srv/checkpoints/large/", "owned_by": "sglang", "max_model_len": True},
            {"id": "gpt", "owned_by": "openai"},
        ]
    }
    models = read_models(reply)
    assert [(one.name, one.family, one.context_tokens) for one in models] == [
        ("Tiny.Q4", Family.LLAMA_CPP, 2048),
        ("org/large", Family.VLLM, 32768),
        ("large", Family.SGLANG, None),
        ("gpt", Family.OTHER, None),
    ]


@pytest.mark.parametrize(
    "reply",
    [None, [], "x", {}, {"data": {}}, {"data": [None, {}, {"id": 3}, {"id": ""}]},
     {"data": [{"id": "a\x1b[31m"}, {"id": "x" * 201}]}],
)  # fmt: skip
def test_what_is_no_list_offers_nothing(reply):
    assert read_models(reply) == []


def test_a_name_that_is_not_listed_is_taken_with_what_is_known_of_the_server():
    one = OfferedModel("/srv/m.gguf", Family.LLAMA_CPP, 2048)
    assert named_model("any", [one]) == OfferedModel("any", Family.LLAMA_CPP, 2048)
    two = [OfferedModel("a", Family.VLLM, 10), OfferedModel("b", Family.VLLM, 20)]
    assert named_model("b", two) == two[1]
    assert named_model("c", two) == OfferedModel("c", Family.VLLM, None)
    assert named_model("c", []) == OfferedModel("c")


# --- What is beyond the protocol ----------------------------------------------------------------


class Paths:
    """Answers of a server by path; keeps what was posted."""

    def __init__(self, **replies: object) -> None:
        self._replies = replies
        self.posted: list[tuple[str, object]] = []

    def __call__(self, path: str, body: dict | None = None) -> object:
        self.posted.append((path, body))
        return self._replies.get(path.strip("/").replace("/", "_").replace("-", "_"))


def test_the_window_of_each_family():
    llama = OfferedModel("m", Family.LLAMA_CPP)
    props = {"default_generation_settings": {"n_ctx": 8192}}
    assert window_of(llama, Paths(props=props)) == 8192
    assert window_of(llama, Paths(props={"default_generation_settings": 3})) is None
    assert window_of(OfferedModel("m", Family.VLLM, 99), Paths()) == 99
    running = {"models": [{"model": "b", "context_length": 1}, {"name": "m", "context_length": 2}]}
    assert window_of(OfferedModel("m", Family.OLLAMA), Paths(api_ps=running)) == 2
    assert window_of(OfferedModel("c", Family.OLLAMA), Paths(api_ps=running)) is None
    assert window_of(OfferedModel("m"), Paths(props=props)) is None


def test_ollama_is_known_by_its_version():
    assert with_family(OfferedModel("m"), Paths(api_version={"version": "1"})).family == "Ollama"
    assert with_family(OfferedModel("m"), Paths()).family == "other"
    vllm, nobody = OfferedModel("m", Family.VLLM), Paths()
    assert with_family(vllm, nobody) == vllm and nobody.posted == []


def test_servers_that_count_are_asked_with_the_template():
    vllm = Paths(tokenize={"count": 17})
    assert tokens_counted(OfferedModel("m", Family.VLLM), ASKED, vllm) == 17
    assert vllm.posted[0][1]["model"] == "m" and vllm.posted[0][1]["add_generation_prompt"]
    llama = Paths(apply_template={"prompt": "<s>"}, tokenize={"tokens": [1, 2, 3]})
    assert tokens_counted(OfferedModel("m", Family.LLAMA_CPP), ASKED, llama) == 3
    assert llama.posted[1][1]["content"] == "<s>"
    for template in (None, {"prompt": 3}, {"prompt": ""}):
        paths = Paths(apply_template=template)
        assert tokens_counted(OfferedModel("m", Family.LLAMA_CPP), ASKED, paths) is None
    assert tokens_counted(OfferedModel("m", Family.SGLANG), ASKED, vllm) is None


# --- Events of a stream -------------------------------------------------------------------------


def chunk(**choice: object) -> Chunk | Failure:
    return read_chunk(json.dumps({"choices": [{"delta": {}, **choice}]}))


def test_what_events_say():
    assert chunk(delta={"role": "assistant", "content": None}) == Chunk()
    assert chunk(delta={"content": "At"}) == Chunk("At", is_token=True)
    assert chunk(delta={"reasoning_content": "hm"}) == Chunk(is_token=True)
    assert chunk(finish_reason="length") == Chunk(finish_reason="length")
    said = {"content": [{"token": " At", "logprob": -0.25}, {"token": "!", "logprob": 1e-7}]}
    assert chunk(delta={"content": " At!"}, logprobs=said) == Chunk(
        " At!", (Token(" At", -0.25), Token("!", 0.0)), is_token=True
    )
    details = {"cached_tokens": 5}
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": details}
    assert read_chunk(json.dumps({"choices": [], "usage": usage})) == Chunk(usage=Usage(9, 2, 5))


@pytest.mark.parametrize(
    "usage",
    [3, {}, {"prompt_tokens": -1, "completion_tokens": 2}, {"prompt_tokens": True},
     {"prompt_tokens": 2**40, "completion_tokens": 1},
     {"prompt_tokens": "9", "completion_tokens": 2}],
)  # fmt: skip
def test_a_usage_that_cannot_be_is_none(usage):
    assert read_chunk(json.dumps({"choices": [], "usage": usage})) == Chunk()


def test_more_cached_than_read_is_all_that_was_read():
    usage = {"prompt_tokens": 3, "completion_tokens": 0,
             "prompt_tokens_details": {"cached_tokens": 10}}  # fmt: skip
    assert read_chunk(json.dumps({"usage": usage})) == Chunk(usage=Usage(3, 0, 3))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("9" * 5000, "not JSON"),
        ("[]", "no object"),
        ("null", "no object"),
        ('{"error": {"message": "out of memory\\u001b[2J"}}', "out of memory [2J"),
        ('{"error": "overloaded"}', "overloaded"),
        ('{"choices": [{"delta": {}, "finish_reason": "abort"}]}', "abort"),
    ],
)
def test_events_that_end_an_answer_badly(data, reason):
    failure = read_chunk(data)
    assert isinstance(failure, Failure)
    assert reason in failure.reason and failure.reason.isprintable()
    assert len(failure.reason) < 300


def test_half_a_character_does_not_come_through():
    assert chunk(delta={"content": "a\ud800b"}).text == "a\ufffdb"
    assert chunk(delta={"content": "\ud83d\ude00"}).text == "😀"


def nested() -> st.SearchStrategy:
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    names = st.sampled_from(
        ["choices", "delta", "content", "usage", "logprobs", "token", "logprob", "error", "message",
         "finish_reason", "prompt_tokens", "completion_tokens", "prompt_tokens_details"]
    )  # fmt: skip
    return st.recursive(leaves, lambda x: st.lists(x, max_size=3) | st.dictionaries(names, x))


@given(nested())
def test_no_event_brings_us_down(event):
    found = read_chunk(json.dumps(event))
    if isinstance(found, Chunk):
        found.text.encode()
        assert all(token.logprob <= 0 for token in found.tokens)
    read_models(event)


# --- Refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "is_retryable", "is_servers"),
    [(400, False, False), (401, False, True), (404, False, True), (422, False, False),
     (429, True, False), (500, True, True), (501, False, True), (503, True, True),
     (302, False, True)],
)  # fmt: skip
def test_which_refusals_may_pass_and_whose_fault_they_are(status, is_retryable, is_servers):
    failure = refusal(status, "7", '{"error": {"message": "no"}}')
    assert (failure.is_retryable, failure.is_servers) == (is_retryable, is_servers)
    assert failure.retry_seconds == (7 if is_retryable else None)
    assert failure.reason.startswith(f"it answered {status} (no)")


def test_a_refusal_is_shown_short_and_without_what_drives_a_terminal():
    body = json.dumps({"message": "\x1b]0;x\x07 bad\n\n" + "y" * 1000})
    reason = refusal(500, None, body).reason
    assert reason.isprintable() and len(reason) < 260 and reason.endswith("…)")
    assert refusal(502, None, "<html><h1>Bad Gateway</h1></html>").reason == "it answered 502"
    assert refusal(500, None, "plainly broken").reason == "it answered 500 (plainly broken)"
    assert refusal(500, None, "").reason == "it answered 500"
    assert "redirects are not followed" in refusal(307, None, "").reason
    for header in ("-1", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "9999999", "١", "1e3"):
        assert refusal(503, header, "").retry_seconds is None


# --- Counting -----------------------------------------------------------------------------------


def test_estimates_worked_by_hand():
    # "When" 1, "is" 1, "tea" 1, "?" 1; single spaces belong to the words behind them
    assert estimated_tokens("When is tea?") == 4
    assert estimated_tokens("internationalisation") == 5  # 20 letters
    assert estimated_tokens("2026") == 4
    assert estimated_tokens("a\n\n     b") == 1 + 2 + 2 + 1
    assert estimated_tokens("é茶😀") == 2 + 3 + 4
    assert estimated_tokens("") == 0
    # Each message 8, the reply's beginning 8; instructions of the template's own 32.
    assert estimated_conversation([Message("system", "tea"), Message("user", "tea")]) == 2 + 16 + 8
    assert estimated_conversation([Message("user", "tea")]) == 1 + 8 + 8 + 32


@given(st.text(), st.text())
def test_a_text_is_not_smaller_than_its_part(one, other):
    assert estimated_tokens(one + other) + 2 >= estimated_tokens(one)


@pytest.mark.parametrize(
    ("short", "long", "inserted"),
    [("ab", "aXb", "X"), ("ab", "ab", ""), ("", "X", "X"), ("ab", "Xab", "X"), ("ab", "abX", "X"),
     ("ab", "ba", None), ("ab", "b", None), ("aa", "aaa", "a"), ("abc", "aXbYc", None)],
)  # fmt: skip
def test_what_was_put_in(short, long, inserted):
    assert text_inserted(short, long) == inserted


@given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8))
def test_what_was_put_in_has_its_length(before, middle, after):
    found = text_inserted(before + after, before + middle + after)
    assert found is not None and len(found) == len(middle)


def test_a_question_is_counted_once_however_much_evidence_is_tried():
    asked: list[str] = []

    def exact(messages):
        asked.append(messages[-1].content)
        return 100

    counter = ConversationCounter()

    def count(evidence: str, question: str = "When is tea?") -> int:
        return counter.count(
            [Message("system", "s"), Message("user", f"Evidence:\n{evidence}\nQ: {question}")],
            exact,
        )

    # "Tea is at four." is 5 tokens by the estimate, "Bring milk." 3, and the seam 2.
    assert [count(""), count("Tea is at four."), count("Tea is at four. Bring milk.")] == [
        100, 107, 111,
    ]  # fmt: skip
    assert len(asked) == 1
    assert count("Tea is at four.", "Who bakes?") == 100
    assert count("Tea is at four. Bring milk.", "Who bakes?") == 100 + 3 + 1 + 2
    assert len(asked) == 2


def test_where_nobody_counts_the_whole_is_estimated_and_asked_about_again():
    counter = ConversationCounter()
    assert counter.count([Message("user", "tea")], lambda _: None) == 49
    assert counter.count([Message("user", "tea")], lambda _: 3) == 3


def test_not_every_conversation_is_kept():
    counter, asked = ConversationCounter(), []

    def exact(messages):
        asked.append(messages)
        return 5

    for number in range(100):
        counter.count([Message("system", str(number)), Message("user", "x")], exact)
    counter.count([Message("system", "0"), Message("user", "x")], exact)
    counter.count([Message("system", "99"), Message("user", "x")], exact)
    assert len(asked) == 101
