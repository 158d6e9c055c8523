"""Several engines in order: who writes, who is made, and what is told."""

import logging
from dataclasses import dataclass, field

import pytest

from generation.decoding import Decoding
from generation.engines.fallback import FallbackEngine
from generation.errors import BadDecoding, EngineMissing, EngineUnavailable
from generation.types import EngineInfo, Message, Piece, Usage
from tests.fakes import ScriptedEngine

ASKED = [Message("user", "When is tea?")]


@dataclass
class FailingEngine:
    """Raises what it is given: before the first piece, or after so many."""

    error: Exception
    pieces: int = 0
    window: int | None = None
    info: EngineInfo = field(default_factory=lambda: EngineInfo("failing", "remote"))
    asked: int = 0
    closed: int = 0

    @property
    def context_tokens(self):
        if self.window is None:
            raise self.error
        return self.window

    def count_tokens(self, messages):
        if self.window is None:
            raise self.error
        return 7

    def stream(self, messages, decoding, *, is_cancelled):
        self.asked += 1
        try:
            for _ in range(self.pieces):
                yield Piece("word ")
            raise self.error
        finally:
            self.closed += 1


def scripted(name: str, *answers: str, window: int = 2048) -> ScriptedEngine:
    return ScriptedEngine(answers, EngineInfo(name, "torch"), window)


def spoken(engine: FallbackEngine, decoding: Decoding | None = None) -> tuple[str, Piece]:
    pieces = list(engine.stream(ASKED, decoding or Decoding(), is_cancelled=lambda: False))
    return "".join(piece.text for piece in pieces), pieces[-1]


def never_made():
    raise AssertionError("this engine was not needed")


DOWN = EngineUnavailable("the server is down", retry_seconds=4)


def test_the_first_that_can_answers_and_the_others_are_not_made():
    engine = FallbackEngine([lambda: scripted("first", "At four.", "At four."), never_made])
    assert engine.info.name == "first" and engine.context_tokens == 2048
    assert engine.count_tokens(ASKED) == 3
    text, last = spoken(engine)
    assert text == "At four."
    assert last == Piece("", Usage(3, 2), "stop", engine=EngineInfo("first", "torch"))
    pieces = engine.stream(ASKED, Decoding(), is_cancelled=lambda: False)
    assert next(pieces).engine == EngineInfo("first", "torch")
    assert [one.info.name for one in engine.made] == ["first"]


def test_the_next_writes_when_one_is_unavailable_or_missing_and_is_made_once():
    made = []

    def local():
        made.append("local")
        return scripted("local", "At four.", "At five.")

    def missing():
        raise EngineMissing("m", "there is no such file")

    engine = FallbackEngine([lambda: FailingEngine(DOWN, window=64), missing, local])
    assert engine.info.name == "failing"  # it says that it can be asked
    assert [spoken(engine)[0], spoken(engine)[0]] == ["At four.", "At five."]
    assert made == ["local"]
    # What wrote it is told with the answer, whoever was to write it.
    engine = FallbackEngine([lambda: FailingEngine(DOWN), lambda: scripted("local", "At four.")])
    assert spoken(engine)[1].engine == EngineInfo("local", "torch")


def test_what_does_not_let_itself_be_asked_is_passed_over_for_counting_too():
    engine = FallbackEngine([lambda: FailingEngine(DOWN), lambda: scripted("local", window=512)])
    assert (engine.info.name, engine.context_tokens, engine.count_tokens(ASKED)) == (
        "local", 512, 3,
    )  # fmt: skip


def test_two_engines_never_write_one_answer():
    engine = FallbackEngine([lambda: FailingEngine(DOWN, pieces=1, window=64), never_made])
    pieces = engine.stream(ASKED, Decoding(), is_cancelled=lambda: False)
    assert next(pieces).text == "word "
    with pytest.raises(EngineUnavailable, match="the server is down"):
        next(pieces)


def test_what_cannot_be_done_is_said_and_not_tried_elsewhere():
    refusing = FailingEngine(BadDecoding("no beams here"), window=64)
    with pytest.raises(BadDecoding):
        spoken(FallbackEngine([lambda: refusing, never_made]))


def test_a_prompt_made_for_a_larger_window_is_not_cut_for_a_smaller_one():
    engine = FallbackEngine(
        [lambda: FailingEngine(DOWN, window=64), lambda: scripted("small", "x", window=10)]
    )
    with pytest.raises(EngineUnavailable, match="window of 10 tokens") as raised:
        spoken(engine, Decoding(max_tokens=8))  # 3 + 8 > 10
    assert "the server is down" in str(raised.value)
    assert spoken(engine, Decoding(max_tokens=7))[0] == "x"


def test_when_none_can_answer_all_reasons_are_told_and_the_nearest_time():
    late = EngineUnavailable("the other is down", retry_seconds=9)
    engine = FallbackEngine([lambda: FailingEngine(late), lambda: FailingEngine(DOWN)])
    with pytest.raises(EngineUnavailable, match="the other is down; the server is down") as raised:
        spoken(engine)
    assert raised.value.retry_seconds == 4
    with pytest.raises(EngineUnavailable, match="no model can answer now"):
        _ = engine.context_tokens


def test_of_one_engine_its_own_error_is_raised():
    missing = EngineMissing("m", "there is no such file")
    with pytest.raises(EngineMissing):
        spoken(FallbackEngine([lambda: FailingEngine(missing)]))
    with pytest.raises(ValueError, match="at least one"):
        FallbackEngine([])


def test_a_change_of_who_writes_is_logged_once(caplog):
    class Coming(FailingEngine):
        """Down for two questions, then back."""

        def stream(self, messages, decoding, *, is_cancelled):
            self.asked += 1
            if self.asked <= 2:
                raise self.error
            yield Piece("back", Usage(1, 1), "stop")

    first = Coming(DOWN, window=64)
    engine = FallbackEngine([lambda: first, lambda: scripted("local", "a", "b")])
    with caplog.at_level(logging.WARNING, logger="generation.engines.fallback"):
        assert [spoken(engine)[0] for _ in range(4)] == ["a", "b", "back", "back"]
    assert [record.getMessage() for record in caplog.records] == [
        "answers are now written by local: the server is down",
        "answers are written by failing again",
    ]


def test_an_engine_is_told_when_nobody_reads_on():
    inner = FailingEngine(DOWN, pieces=5, window=64)
    pieces = FallbackEngine([lambda: inner]).stream(ASKED, Decoding(), is_cancelled=lambda: False)
    next(pieces)
    pieces.close()
    assert inner.closed == 1


def test_an_engine_that_says_nothing_ends_the_answer():
    engine = FallbackEngine([lambda: scripted("first", "never said")])
    assert list(engine.stream(ASKED, Decoding(), is_cancelled=lambda: True)) == []


def test_closing_closes_what_was_made():
    class Closing(ScriptedEngine):
        closed = 0

        def close(self):
            self.closed += 1

    first = Closing(["Tea."])
    engine = FallbackEngine([lambda: first, never_made])
    engine.close()
    assert first.closed == 0  # not made yet

    spoken(engine)
    engine.close()
    assert first.closed == 1
