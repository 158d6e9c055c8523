"""Decoding over HTTP and on the command line: asked for, given back, refused; and again."""

import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import openai
import pytest
from click.testing import CliRunner

from app.cli import questions
from app.cli.evals.run_options import run_options
from app.cli.terminal import Terminal
from generation.answering import Answerer
from generation.decoding import Decoding
from generation.errors import BadDecoding
from generation.types import Draft, EngineInfo, Finished, Piece, Token, Usage
from tests.component.library import Library
from tests.component.site import Site, chat, chunks_of, events_of, site
from tests.fakes import ScriptedEngine, SubstringVerifier, WordEncoder, shared_words

__all__ = ["site"]  # a fixture
EVERYTHING = {
    "max_tokens": 33, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.1,
    "repetition_penalty": 1.1, "presence_penalty": 0.5, "frequency_penalty": -0.5, "seed": 7,
    "stop": ["\n"], "logprobs": True,
}  # fmt: skip
JSON = {"Content-Type": "application/json"}
TOKENS = (Token(" Tea", -0.5), Token("\ufffd", -1.0), Token("…", -0.25))
DRAFTS = (Draft("Tea is at four.", -1.5), Draft("Tea?", -9.0))


class Writing:
    """The library's answers, with what an engine would have told of them."""

    def __init__(self, site: Site, **changes: Any) -> None:
        self.site, self.changes = site, changes
        self.error: Exception | None = None

    def __call__(self, question, /, **options) -> Iterator[Any]:
        for event in self.site.library.answer(question, **options):
            if self.error is not None:
                raise self.error
            if isinstance(event, Finished):
                yield Finished(replace(event.answer, **self.changes))
            else:
                yield event


# --- /api/ask -----------------------------------------------------------------------------------


def test_every_control_reaches_the_engine_and_comes_back(site):
    body = {"question": "When is tea?", "decoding": EVERYTHING}
    *_, (name, answer) = events_of(site.client("ada").post("/api/ask", json=body))

    assert name == "answer"
    assert answer["decoding"] == {**EVERYTHING, "num_beams": 1, "length_penalty": 1.0}
    expected = Decoding(**{**EVERYTHING, "stop": ("\n",)})
    assert site.library.asked[0].decoding == expected

    # What came back asks for the same once more.
    again = {"question": "When is tea?", "decoding": answer["decoding"]}
    site.client("ada").post("/api/ask", json=again)
    assert site.library.asked[1].decoding == expected


def test_beams_are_asked_for_and_their_texts_come_back(site):
    client = site.client("ada", answer=Writing(site, drafts=DRAFTS))
    body = {"question": "?", "decoding": {"num_beams": 2, "length_penalty": 0.5}}
    *_, (_, answer) = events_of(client.post("/api/ask", json=body))

    assert site.library.asked[0].decoding == Decoding(num_beams=2, length_penalty=0.5)
    assert answer["drafts"] == [
        {"text": "Tea is at four.", "logprob": -1.5}, {"text": "Tea?", "logprob": -9.0},
    ]  # fmt: skip


@pytest.mark.parametrize("decoding", [None, {}])
def test_what_is_not_asked_for_is_as_the_server_is_set_up(site, decoding):
    default = Decoding(max_tokens=50, temperature=0.7, seed=5)
    client = site.client("ada", default_decoding=default)
    client.post("/api/ask", json={"question": "?", "decoding": decoding})
    client.post("/v1/chat/completions", json=chat("?"))
    client.post("/api/ask", json={"question": "?", "decoding": {"num_beams": 2}})

    assert [asked.decoding for asked in site.library.asked] == [
        default, default, Decoding(max_tokens=50, num_beams=2, seed=5),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("decoding", "parameter", "words"),
    [
        ({"num_beams": 2, "temperature": 0.5}, "decoding.num_beams", ["num_beams", "temperature"]),
        ({"num_beams": 2, "logprobs": True}, "decoding.logprobs", ["num_beams", "logprobs"]),
        ({"length_penalty": 2}, "decoding.length_penalty", ["num_beams", "length_penalty"]),
        ({"num_beams": 17}, "decoding.num_beams", ["less than or equal to 16"]),
        ({"max_tokens": 0}, "decoding.max_tokens", ["greater than or equal to 1"]),
        ({"min_p": -1}, "decoding.min_p", ["greater than or equal to 0"]),
        ({"stop": [""]}, "decoding.stop.0", ["at least 1"]),
        ({"stop": ["x" * 201]}, "decoding.stop.0", ["at most 200"]),
        ({"seed": 2**63}, "decoding.seed", ["less than"]),
        ({"top_logprobs": 1}, "decoding.top_logprobs", ["Extra inputs"]),
        ({"max_tokens": 2**31}, "decoding.max_tokens", ["less than 2147483648"]),
        ({"temperature": True}, "decoding.temperature", ["valid number"]),
        ({"seed": "1"}, "decoding.seed", ["valid integer"]),
    ],
)
def test_what_cannot_be_is_refused_before_anything_begins(site, decoding, parameter, words):
    reply = site.client("ada").post("/api/ask", json={"question": "?", "decoding": decoding})

    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["parameter"] == parameter
    assert all(word in reply.json()["detail"] for word in words)
    assert site.library.asked == []


def test_what_only_the_engine_can_refuse_is_told_in_the_stream_by_name(site):
    writing = Writing(site)
    writing.error = BadDecoding("max_tokens is 9999 and the window of toy is 2048 tokens")
    client = site.client("ada", answer=writing)

    *_, (name, problem) = events_of(
        client.post("/api/ask", json={"question": "?", "decoding": {"max_tokens": 9999}})
    )
    whole = client.post("/v1/chat/completions", json=chat("?", max_tokens=9999))
    streamed = client.post("/v1/chat/completions", json=chat("?", max_tokens=9999, stream=True))

    assert (name, problem["status"]) == ("error", 422)
    assert problem["parameter"] == "decoding.max_tokens"
    assert "2048 tokens" in problem["detail"]
    assert whole.status_code == 400
    assert whole.json()["error"]["param"] == "max_tokens"
    assert '"param":"max_tokens"' in streamed.text
    assert "[DONE]" not in streamed.text


# --- /v1/chat/completions -----------------------------------------------------------------------


def test_openais_client_asks_for_every_control_by_the_names_other_servers_have(site):
    client = openai.OpenAI(
        api_key=site.key("ada")["Authorization"].removeprefix("Bearer "),
        base_url="http://localhost/v1",
        http_client=site.client(answer=Writing(site, tokens=TOKENS, finish_reason="length")),
        max_retries=0,
    )
    reply = client.chat.completions.create(
        model="assay",
        messages=[{"role": "user", "content": "When is tea?"}],
        temperature=0.5, top_p=0.9, max_completion_tokens=33, presence_penalty=0.5,
        frequency_penalty=-0.5, seed=7, stop="\n", logprobs=True,
        extra_body={"top_k": 40, "min_p": 0.1, "repetition_penalty": 1.1},
    )  # fmt: skip

    assert site.library.asked[0].decoding == Decoding(**{**EVERYTHING, "stop": ("\n",)})
    [choice] = reply.choices
    assert choice.finish_reason == "length"
    assert [(one.token, one.logprob, one.bytes) for one in choice.logprobs.content] == [
        (" Tea", -0.5, list(b" Tea")),
        ("\ufffd", -1.0, None),
        ("…", -0.25, [0xE2, 0x80, 0xA6]),
    ]
    assert all(one.top_logprobs == [] for one in choice.logprobs.content)
    assay = reply.model_extra["assay"]
    assert assay["decoding"]["seed"] == 7
    assert assay["engine_info"]["runtime"] == "torch"


def test_the_last_chunk_of_a_stream_has_the_tokens_of_the_draft(site):
    client = site.client("ada", answer=Writing(site, tokens=TOKENS))
    chunks = chunks_of(
        client.post("/v1/chat/completions", json=chat("?", stream=True, logprobs=True))
    )
    plain = chunks_of(client.post("/v1/chat/completions", json=chat("?", stream=True)))

    told = [chunk["choices"][0]["logprobs"] for chunk in chunks]
    assert told[:-1] == [None] * (len(chunks) - 1)
    assert [one["token"] for one in told[-1]["content"]] == [" Tea", "\ufffd", "…"]
    assert all(chunk["choices"][0]["logprobs"] is None for chunk in plain)


def test_the_texts_of_a_beam_search_stand_beside_the_one_answer(site):
    client = site.client("ada", answer=Writing(site, drafts=DRAFTS))
    reply = client.post("/v1/chat/completions", json=chat("?", num_beams=2, length_penalty=2))

    body = reply.json()
    assert len(body["choices"]) == 1
    assert [draft["logprob"] for draft in body["assay"]["drafts"]] == [-1.5, -9.0]
    assert body["assay"]["decoding"]["num_beams"] == 2


@pytest.mark.parametrize(
    ("reason", "user", "expected"),
    [
        ("length", "ada", "length"),
        ("stop", "ada", "stop"),
        ("cancelled", "ada", "stop"),  # it had strayed and was told to stop
        (None, "ada", "stop"),
        ("length", "guest", "stop"),  # an abstention says all there is to say
    ],
)
def test_a_reply_ends_as_the_engine_did(site, reason, user, expected):
    client = site.client(user, answer=Writing(site, finish_reason=reason))
    body = client.post("/v1/chat/completions", json=chat("?")).json()

    assert body["choices"][0]["finish_reason"] == expected
    assert body["assay"]["finish_reason"] == reason


@pytest.mark.parametrize(
    ("asked", "param", "words"),
    [
        ({"n": 2, "num_beams": 4}, "n", "assay.drafts"),
        ({"logprobs": True, "top_logprobs": 5}, "top_logprobs", "top_logprobs is 5"),
        ({"num_beams": 2, "temperature": 1}, "num_beams", "temperature 1"),
        ({"num_beams": 2, "logprobs": True}, "logprobs", "num_beams"),
        ({"length_penalty": 2}, "length_penalty", "num_beams"),
        ({"min_p": 2}, "min_p", "less than or equal to 1"),
        ({"top_k": -2}, "top_k", "greater than or equal to -1"),
        ({"max_tokens": 2**31}, "max_tokens", "less than 2147483648"),
        ({"temperature": True}, "temperature", "valid number"),
        ({"seed": "1"}, "seed", "valid integer"),
        ({"stop": ["\ud83d"]}, "stop", "half of one"),
    ],
)
def test_completions_refuse_what_cannot_be_by_name(site, asked, param, words):
    body = json.dumps(chat("?", **asked))
    reply = site.client("ada").post("/v1/chat/completions", content=body, headers=JSON)

    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == param
    assert words in reply.json()["error"]["message"]
    assert site.library.asked == []


@pytest.mark.parametrize("half", ["\ud83d", [{"type": "text", "text": "Tea \ud83d?"}]])
@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_halves_of_characters_are_refused_where_they_stand(site, role, half):
    messages = [{"role": role, "content": half}, {"role": "user", "content": "When is tea?"}]
    body = json.dumps({"model": "assay", "messages": messages})
    reply = site.client("ada").post("/v1/chat/completions", content=body, headers=JSON)

    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "messages[0].content"
    assert site.library.asked == []


# --- assay ask ----------------------------------------------------------------------------------


class Engine(ScriptedEngine):
    """Says by what settings it was told to write; a draft with beams, tokens with logprobs."""

    def stream(self, messages, decoding, *, is_cancelled):
        self.told.append(decoding)
        tokens = (Token("Tea", -0.5),) if decoding.logprobs else ()
        drafts = DRAFTS if decoding.num_beams > 1 else ()
        yield Piece("Tea is at four.", tokens=tokens)
        yield Piece("", Usage(40, 7, 12), "stop", drafts=drafts)


@pytest.fixture
def assay(tmp_path, monkeypatch):
    """A home with a document, as far as `assay ask` looks into it."""
    library = Library(tmp_path, WordEncoder())
    library.publish("home", "/notes.txt", "Tea is at four. Rum is at six.")
    engine = Engine(info=EngineInfo("toy", "openvino", "int8", "cpu", "9f"))
    engine.told = []
    product = SimpleNamespace(
        answerer=Answerer(
            library.searcher.search,
            library.encoder,
            engine,
            SubstringVerifier(),
            shared_words(),
            library.store.change_number,
        ),
        engine=engine,
        encoder=library.encoder,
        sufficiency=shared_words(),
        searcher=library.searcher,
        code_version="1.0+ab",
        store=library.store,
        settings=SimpleNamespace(decoding=Decoding(max_tokens=50), abstain_below=0.01),
        abstain_below=lambda settings: settings.abstain_below,
        readable_by=lambda principal, collection: library.everything(),
        library=library,
    )
    monkeypatch.setattr(questions, "open_assay", lambda: product)
    yield product
    library.close()


def ran(*arguments: str, code: int = 0, stdin: str = "") -> Any:
    result = CliRunner().invoke(
        questions.ask, arguments, obj=Terminal(), input=stdin, catch_exceptions=True
    )
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


def as_json(*arguments: str, code: int = 0, stdin: str = "") -> Any:
    return json.loads(ran(*arguments, "--json", code=code, stdin=stdin).stdout)


def test_the_options_are_the_controls_over_the_settings(assay):
    as_json("When is tea?")
    answer = as_json(
        "When is tea?", "--max-tokens", "33", "--temperature", "0.5", "--top-p", "0.9", "--top-k",
        "40", "--min-p", "0.1", "--repetition-penalty", "1.1", "--presence-penalty", "0.5",
        "--frequency-penalty", "-0.5", "--seed", "7", "--stop", "\n", "--logprobs",
    )  # fmt: skip
    as_json("When is tea?", "--num-beams", "2", "--length-penalty", "0.5")

    assert assay.engine.told == [
        Decoding(max_tokens=50),
        Decoding(**{**EVERYTHING, "stop": ("\n",)}),
        Decoding(max_tokens=50, num_beams=2, length_penalty=0.5),
    ]
    assert answer["decoding"] == {**EVERYTHING, "num_beams": 1, "length_penalty": 1.0}
    assert answer["tokens"] == [{"text": "Tea", "logprob": -0.5}]


def test_people_see_the_texts_of_a_beam_search_and_what_repeats_an_answer(assay):
    out = ran("When is tea?", "--num-beams", "2").output
    assert "draft 1, log-probability -1.50: Tea is at four." in out
    out = ran("When is tea?", "--temperature", "0.5", "--seed", "7").output
    assert "40 (12 cached) + 7 tokens" in out
    assert "toy openvino int8, seed 7" in out


def test_the_help_has_the_controls_under_a_heading_of_their_own():
    out = ran("--help").output
    own, decoding = out.split("\nDecoding:\n")
    assert "--like" in own
    assert "--temperature" not in own
    assert {"--max-tokens", "--min-p", "--num-beams", "--stop", "--logprobs"} <= set(
        decoding.split()
    )


def test_two_controls_that_contradict_each_other_are_both_named(assay):
    result = ran("?", "--num-beams", "2", "--temperature", "0.5", code=1)
    assert isinstance(result.exception, BadDecoding)
    assert "num_beams is 2 and temperature 0.5" in str(result.exception)


def test_like_repeats_an_answer_with_its_seed_and_says_that_it_is_identical(assay, tmp_path):
    first = ran("When is tea?", "--temperature", "0.9", "--json").stdout
    assay.settings.decoding = Decoding(max_tokens=9)  # what is set now does not count
    file = tmp_path / "answer.json"
    file.write_text("\ufeff" + first, encoding="utf-8")

    again = as_json("--like", str(file))
    people = ran("--like", "-", stdin=first).output

    assert again["like"] == {"identical": True, "differences": []}
    assert again["decoding"] == json.loads(first)["decoding"]
    assert again["decoding"]["seed"] is not None
    assert assay.engine.told[0] == assay.engine.told[1] == assay.engine.told[2]
    assert "nothing differs now" in people
    assert "identical: every sentence is that of the earlier answer" in people


def test_like_says_what_differs_and_ends_with_1_when_the_text_is_another(assay):
    first = json.loads(ran("When is tea?", "--json").stdout)
    assay.library.publish("home", "/more.txt", "Cake is at five.")
    assay.engine.info = replace(assay.engine.info, runtime="torch", precision=None)
    first["answer"] = "Tea is at five.\x1b[31m"
    earlier = json.dumps(first)

    again = as_json("--like", "-", stdin=earlier, code=1)
    people = ran("--like", "-", stdin=earlier, code=1).output

    change = [str(first["change_number"]), str(first["change_number"] + 1)]
    assert again["like"] == {
        "identical": False,
        "differences": [
            {"what": "runtime", "then": "openvino", "now": "torch"},
            {"what": "precision", "then": "int8", "now": None},
            {"what": "change number", "then": change[0], "now": change[1]},
        ],
    }
    assert "differs now: runtime: openvino then, torch now" in people
    assert "differs now: precision: int8 then, not known now" in people
    assert "not identical: the text differs from character 12 on" in people
    assert people.index("differs now") < people.index("✓") < people.index("not identical")
    assert "\x1b" not in people  # what an answer holds does not drive the terminal


def test_sentences_that_are_no_part_of_the_text_are_compared_too(assay):
    first = json.loads(ran("When is tea?", "--json").stdout)
    first["sentences"].append({"text": "Nobody says this now."})

    people = ran("--like", "-", stdin=json.dumps(first), code=1).output

    assert "Nobody says this now." in people


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "words"),
    [
        ((), "", 2, "give one of"),
        (("Why?", "--like", "-"), "{}", 2, "give one of"),
        (("--like", "-", "--temperature", "0.5", "--stop", "x"), "{}", 2, "--temperature, --stop"),
        (("--like", "no-such-file"), "", 2, "No such file"),
        (("--like", "-"), "", 1, "not one JSON object"),
        (("--like", "-"), "{}", 1, "question: Field required"),
        (("--like", "-"), " " * 5_000_001, 1, "5,000,000 characters"),
        (("?", "--num-beams", "17"), "", 2, "1<=x<=16"),
        (("?", "--top-p", "0"), "", 2, "0<x<=1"),
    ],
)
def test_what_cannot_be_asked_is_refused(assay, arguments, stdin, code, words):
    result = ran(*arguments, stdin=stdin, code=code)
    assert words in result.output + str(result.exception)
    assert assay.engine.told == []


def test_an_earlier_answer_that_is_not_text_is_refused(assay, tmp_path):
    file = tmp_path / "answer.json"
    file.write_bytes(b"\xff\xfe{")
    result = ran("--like", str(file), code=1)
    assert "is not UTF-8" in str(result.exception)


# --- assay eval run -----------------------------------------------------------------------------


def run_options_of(*arguments: str, code: int = 0) -> Any:
    import click

    seen = []
    command = click.command()(run_options(lambda options: seen.append(options)))
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == code, result.output
    return seen[0] if seen else result.output


def test_a_run_takes_more_controls_as_json():
    options = run_options_of("--decoding", '{"num_beams": 4, "length_penalty": 0.5}')
    assert options.decoding(Decoding(temperature=0.5, max_tokens=50)) == Decoding(
        max_tokens=50, num_beams=4, length_penalty=0.5
    )
    options = run_options_of("--temperature", "0.5", "--decoding", '{"min_p": 0.1}')
    assert options.decoding(Decoding()) == Decoding(temperature=0.5, min_p=0.1)
    assert run_options_of().decoding(Decoding(top_k=3)) == Decoding(top_k=3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--decoding", "{"), "Invalid JSON"),
        (("--decoding", "[]"), "object"),
        (("--decoding", '{"colour": 1}'), "colour"),
        (("--decoding", '{"top_p": 2}'), "top_p"),
        (("--decoding", '{"seed": 1}'), "no seed of its own"),
        (("--decoding", '{"stop": ["x"]}'), "no stop of its own"),
        (("--decoding", '{"temperature": 1}', "--temperature", "1"), "--temperature"),
    ],
)
def test_a_run_refuses_controls_that_it_does_not_have(arguments, words):
    assert words in run_options_of(*arguments, code=2)
