"""Models elsewhere over real HTTP: llama.cpp's server, and what an engine is made with."""

import logging
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator

import pytest

from app.api.problems import problem_of
from generation.decoding import Decoding
from generation.engines.loading import bundled_model_file
from generation.engines.remote.breaker import Phase
from generation.engines.remote.counting import estimated_conversation
from generation.engines.remote.engine import RemoteEngine
from generation.errors import BadDecoding, EngineRefused, EngineUnavailable
from generation.types import EngineInfo, Message, Piece
from tests.component.remote_server import (
    ASKED,
    KEY,
    answering,
    brief,
    closing,
    engine_for,
    never,
    served,
    stalling,
    text_of,
    written,
)
from tests.component.test_judge_server import SERVE


@pytest.fixture(scope="module")
def llama() -> Iterator[str]:
    """The address of a real server with the bundled model; it wants a key."""
    pytest.importorskip("xllamacpp", reason="there is no xllamacpp for this platform")
    model = bundled_model_file()
    if model is None:
        pytest.skip("the bundled model is not installed")
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(model), KEY],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdin and process.stdout
    try:
        addresses = (line.strip() for line in process.stdout)
        yield next(line for line in addresses if line.startswith("http://")) + "/v1"
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


@pytest.fixture
def remote(llama) -> Iterator[RemoteEngine]:
    with closing(RemoteEngine(llama, KEY)) as engine:
        yield engine


def test_it_takes_the_only_model_and_learns_its_window(remote):
    # The server calls it by its file; readers do not see where that lies.
    assert remote.info == EngineInfo("SmolLM2-135M-Instruct.Q4_1", "remote")
    assert remote.context_tokens == 4096
    [offered] = remote.models()
    assert offered.id.endswith(".gguf") and offered.family == "llama.cpp"


def test_it_writes_as_the_server_does_and_tells_the_usage(remote):
    pieces = written(remote, decoding=Decoding(max_tokens=6))
    assert len(pieces) == 7 and text_of(pieces).strip()
    assert all(piece.usage is None and piece.finish_reason is None for piece in pieces[:-1])
    last = pieces[-1]
    assert (last.finish_reason, last.usage.completion_tokens) == ("length", 6)
    # What the server counts for the prompt is what it read.
    assert remote.count_tokens(ASKED) == last.usage.prompt_tokens
    again = written(remote, decoding=Decoding(max_tokens=6))
    assert text_of(again) == text_of(pieces)
    assert again[-1].usage.cached_tokens > 0


def test_it_counts_exactly_and_estimates_evidence_not_too_low(remote):
    bare = [Message("user", "Evidence:\n\nWhen is tea?")]
    longer = [Message("user", "Evidence:\nTea is served at four o'clock.\n\nWhen is tea?")]
    counted = remote.count_tokens(bare)
    estimated = remote.count_tokens(longer)
    with closing(RemoteEngine(remote._url, KEY)) as fresh:
        exact = fresh.count_tokens(longer)
    assert counted < exact <= estimated <= exact + 6
    assert exact <= estimated_conversation(longer)


@pytest.mark.parametrize(
    "text",
    [
        "The committee shall publish its findings no later than 31 December 2026 (see § 4).",
        "Donaudampfschifffahrtsgesellschaftskapitän Müßiggänger übergibt die Schlüssel.",
        "def f(x: int) -> list[str]:\n    return [str(i) for i in range(x) if i % 2 == 0]\n",
        "東京都の人口は約1400万人です。 Население Москвы.",
        "|  a |     b |\n|---:|------:|\n| 12 | 3.456 |\n" * 3,
        "<|im_start|>system\n<b>not closed 👩‍🔬",
    ],
)
def test_the_estimate_is_not_below_what_a_server_counts(remote, text):
    messages = [Message("system", "You are brief."), Message("user", text)]
    assert remote.count_tokens(messages) <= estimated_conversation(messages)


def test_controls_reach_the_server(remote):
    drawn = Decoding(max_tokens=12, temperature=1.5, seed=11)
    first = text_of(written(remote, decoding=drawn))
    assert text_of(written(remote, decoding=drawn)) == first
    others = {
        text_of(written(remote, decoding=Decoding(max_tokens=12, temperature=1.5, seed=seed)))
        for seed in (1, 2, 3)
    }
    assert others != {first}
    # With one candidate left, drawing is the most probable token each time.
    greedy = text_of(written(remote, decoding=Decoding(max_tokens=12)))
    for only in ({"top_k": 1}, {"top_p": 1e-6}, {"min_p": 1.0}):
        decoding = Decoding(max_tokens=12, temperature=1.5, seed=3, **only)
        assert text_of(written(remote, decoding=decoding)) == greedy
    penalised = Decoding(max_tokens=12, repetition_penalty=2.0, frequency_penalty=2.0)
    assert text_of(written(remote, decoding=penalised)) != greedy


def test_it_ends_before_a_stop_string(remote):
    greedy = text_of(written(remote, decoding=Decoding(max_tokens=12)))
    stop = greedy.split()[2]
    pieces = written(remote, decoding=Decoding(max_tokens=12, stop=(stop,)))
    assert text_of(pieces) == greedy.split(stop)[0]
    assert pieces[-1].finish_reason == "stop"


def test_log_probabilities_are_those_of_the_tokens_written(remote):
    pieces = written(remote, decoding=Decoding(max_tokens=5, logprobs=True))
    tokens = [token for piece in pieces for token in piece.tokens]
    assert len(tokens) == 5 and "".join(token.text for token in tokens) == text_of(pieces)
    assert all(-20 < token.logprob <= 0 for token in tokens)


def test_what_does_not_fit_the_window_is_refused_with_the_servers_reason(remote):
    with pytest.raises(EngineRefused, match="exceeds the available context size"):
        written(remote, [Message("user", "word " * 5000)])
    assert remote.state.phase is Phase.CLOSED and remote.state.failures == 0
    assert problem_of(EngineRefused("x at 10.0.0.3")).status == 422


def test_beam_search_is_refused_with_the_way_out(remote):
    with pytest.raises(BadDecoding, match="no beam search; set num_beams to 1"):
        written(remote, decoding=Decoding(num_beams=2))


def test_a_wrong_key_is_told_and_never_shown(llama):
    with closing(RemoteEngine(llama, "sk-wrong-do-not-show")) as engine:
        with pytest.raises(EngineUnavailable, match=r"401 .*ASSAY_REMOTE_KEY") as raised:
            written(engine)
        assert "do-not-show" not in "".join(traceback.format_exception(raised.value))
        assert "do-not-show" not in repr(engine) + repr(engine.state) + str(engine.trouble)


def test_cancelling_ends_the_stream_and_frees_the_servers_one_place(remote):
    seen: list[Piece] = []
    long = Decoding(max_tokens=3000)
    counting = [Message("user", "Count from one to a thousand.")]
    stream = remote.stream(counting, long, is_cancelled=lambda: len(seen) > 2)
    while (piece := next(stream, None)) is not None:
        seen.append(piece)
    assert seen[-1].finish_reason == "cancelled" and seen[-1].usage.completion_tokens >= 3
    # The server has one place: this would wait for 3,000 tokens were it still taken.
    assert written(remote, decoding=Decoding(max_tokens=2))[-1].finish_reason == "length"
    left = remote.stream(ASKED, long, is_cancelled=never)
    next(left)
    left.close()
    assert written(remote, decoding=Decoding(max_tokens=2))[-1].finish_reason == "length"


def test_several_threads_stream_at_once(remote):
    texts: dict[int, str] = {}

    def ask(number: int) -> None:
        messages = [Message("user", f"Say the number {number}.")]
        texts[number] = text_of(written(remote, messages, Decoding(max_tokens=8)))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(texts) == [0, 1, 2, 3] and all(texts.values())


# --- What it is made with -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("ftp://host/v1", ""), ("host:8000", ""), ("http://", ""), ("http://a b/v1", ""),
        ("http://me:do-not-show@host/v1", ""), ("http://host/v1?key=do-not-show", ""),
        ("http://host/v1", "do-not-show\r\nX-More: 1"), ("http://host/v1", "do not show"),
        ("http://host/v1", "do-not-show-ü"),
    ],
)  # fmt: skip
def test_an_address_or_a_key_that_cannot_be_is_refused_and_not_repeated(url, key):
    with pytest.raises(ValueError, match="the model's server") as raised:
        RemoteEngine(url, key)
    assert "not-show" not in str(raised.value) and "not show" not in str(raised.value)


def test_nothing_is_asked_and_no_thread_begins_before_it_is_needed():
    threads = threading.active_count()
    with served(brief) as server:
        during = threading.active_count()
        engine = RemoteEngine(f"http://127.0.0.1:{server.server_port}/v1", KEY, "m")
        assert engine.info.name == "m" and engine.trouble is None
        assert server.seen == [] and threading.active_count() == during
        engine.close()
    assert threading.active_count() == threads


def test_closing_ends_the_thread_and_what_is_under_way():
    with engine_for(stalling) as (engine, server):
        pieces = engine.stream(ASKED, Decoding(), is_cancelled=never)
        next(pieces)
        engine.close()
        assert server.gone.wait(30)
        pieces.close()
        assert not [one for one in threading.enumerate() if one.name == "remote-engine"]


def test_the_log_holds_no_key(caplog):
    with caplog.at_level(logging.DEBUG), engine_for(answering(503)) as (engine, _):
        written(engine)
    shown = [f"{record.getMessage()} {record.args}" for record in caplog.records]
    assert not any(KEY in line for line in shown)
