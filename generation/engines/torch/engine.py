"""A transformers model in this process. Nothing heavy is imported before use.

The reference for other runtimes, the way to a GPU, and what runs models with an encoder. The loop
that writes is our own, not transformers' `generate`: it can be cancelled within a token, keeps
what it has read, chooses tokens as the other runtime does, and takes nothing from a model's
generation_config.json that `Decoding` decides.
"""

from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from generation.decoding import Decoding, Method
from generation.engines.beams import BeamSearch
from generation.engines.chat_template import conversation_tokens
from generation.engines.choosing import Chooser, logprob
from generation.engines.tokenizing import TransformersTokenizer
from generation.engines.torch.turns import Turns
from generation.engines.writing import WrittenText
from generation.errors import BadDecoding
from generation.types import Draft, EngineInfo, FinishReason, Message, Piece, Token, Usage
from retrieval.torch_encoder import has_fast_bfloat16

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from generation.engines.torch.model import Reading

CACHE_MB = 512


class TorchEngine:
    """A chat model, decoder-only or with an encoder. One answer at a time, in order of asking.

    Args:
        cache_mb: memory for keys and values of prompts read before; 0 keeps none. Models with
            sliding windows, recurrent states or an encoder keep none either.
        ignores_end: go on to `max_tokens` past the end of the text; for measurements.
    """

    def __init__(
        self,
        info: EngineInfo,
        model: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        *,
        cache_mb: int = CACHE_MB,
        ignores_end: bool = False,
    ) -> None:
        from generation.engines.torch.model import Model

        self.info = info
        self._tokenizer: Any = tokenizer
        # Some come with a truncation, which the first use takes off: not while others use it.
        self._tokenizer("")
        self._chat = TransformersTokenizer(tokenizer)
        self._model = Model(info.name, model, tokenizer, cache_bytes=cache_mb << 20)
        if ignores_end:
            self._model.ends = frozenset()
        self._ends = frozenset[int]() if ignores_end else self._model.ends
        self._turns = Turns()
        self.context_tokens = self._model.window

    def forget(self) -> bool:
        """Have no later prompt use what was read until now, once the texts before are written."""
        with self._turns.turn(lambda: False):
            if self._model.blocks is not None:
                self._model.blocks.forget()
        return True

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of a conversation with the model's own template, ready to be answered."""
        return len(self._tokens(messages))

    def stream(
        self,
        messages: Sequence[Message],
        decoding: Decoding,
        *,
        is_cancelled: Callable[[], bool],
    ) -> Iterator[Piece]:
        """Answer a conversation, piece by piece; see `Engine.stream`.

        A text that fills the window ends with the reason "length".

        Raises:
            BadDecoding: the conversation fills the window.
        """
        prompt = self._tokens(messages)
        if len(prompt) >= self.context_tokens:
            raise BadDecoding(
                f"the conversation takes {len(prompt)} tokens, and {self.info.name} can read and "
                f"write {self.context_tokens} together; leave some of it out"
            )
        audience = messages[0].audience.encode() if messages else b""
        return self._pieces(prompt, decoding, is_cancelled, audience)

    def _pieces(
        self,
        prompt: Sequence[int],
        decoding: Decoding,
        is_cancelled: Callable[[], bool],
        audience: bytes,
    ) -> Iterator[Piece]:
        abandoned = Event()
        pieces: SimpleQueue[Piece | BaseException] = SimpleQueue()
        worker = Thread(
            target=self._answer,
            args=(
                *(prompt, decoding, pieces),
                *(lambda: abandoned.is_set() or is_cancelled(), audience),
            ),
            name="generate",
            daemon=True,
        )
        worker.start()
        try:
            while True:
                piece = pieces.get()
                if isinstance(piece, BaseException):
                    raise piece
                yield piece
                if piece.finish_reason is not None:
                    return
        finally:
            abandoned.set()
            worker.join()

    def _answer(
        self,
        prompt: Sequence[int],
        decoding: Decoding,
        pieces: "SimpleQueue[Piece | BaseException]",
        should_stop: Callable[[], bool],
        audience: bytes,
    ) -> None:
        """Put every piece into the queue. The turn ends with the work, not with the reading."""
        import torch

        try:
            with self._turns.turn(should_stop) as is_reached, torch.inference_mode():
                reading = self._model.read(prompt, should_stop, audience) if is_reached else None
                if reading is None:
                    pieces.put(Piece("", Usage(len(prompt), 0), "cancelled"))
                elif decoding.method is Method.BEAM:
                    self._search(prompt, decoding, reading, pieces.put, should_stop)
                else:
                    self._write(prompt, decoding, reading, pieces.put, should_stop)
        except BaseException as error:  # noqa: BLE001 - carried to the thread that is waiting
            pieces.put(error)

    def _write(
        self,
        prompt: Sequence[int],
        decoding: Decoding,
        reading: "Reading",
        put: Callable[[Piece], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """Write one text, greedily or by drawing."""
        chooser = Chooser(decoding, prompt)
        text = WrittenText(self._decoded, decoding.stop)
        token_texts = WrittenText(self._decoded, ())
        written = 0
        token: int | None = None
        reason: FinishReason = "length"
        for _ in range(self._limit(prompt, decoding)):
            if should_stop():
                reason = "cancelled"
                break
            if token is not None:
                reading.go_on([token])
            token = chooser.next(reading.logits[0])
            written += 1
            if token in self._ends:
                reason = "stop"  # the token that ends the text is no part of it
                break
            tokens: tuple[Token, ...] = ()
            if decoding.logprobs:
                tokens = (Token(token_texts.add([token]), logprob(reading.logits[0], token)),)
            if (more := text.add([token])) or tokens:
                put(Piece(more, tokens=tokens))
            if text.is_stopped:
                break
        if not text.is_stopped and (more := text.rest()):
            put(Piece(more))
        # What was held back may have been a stop string after all.
        reason = "stop" if text.is_stopped else reason
        put(Piece("", Usage(len(prompt), written, reading.cached), reason))

    def _search(
        self,
        prompt: Sequence[int],
        decoding: Decoding,
        reading: "Reading",
        put: Callable[[Piece], None],
        should_stop: Callable[[], bool],
    ) -> None:
        """Search the most probable texts; the best one and all of them come with the end."""
        search = BeamSearch(
            decoding,
            prompt,
            self._ends.__contains__,
            lambda tokens: bool(decoding.stop) and self._ended(tokens, decoding)[1],
        )
        for number in range(self._limit(prompt, decoding)):
            if should_stop():
                put(Piece("", Usage(len(prompt), number, reading.cached), "cancelled"))
                return
            if number > 0:
                reading.go_on([beam.tokens[-1] for beam in search.beams])
            rows = search.go_on(list(reading.logits))
            if search.is_over:
                break
            reading.take(rows)
        beams = search.best()
        drafts: dict[str, Draft] = {}
        for beam in beams:
            # The same text can be cut into tokens in several ways, or at its stop string.
            text = self._ended(beam.tokens, decoding)[0]
            drafts.setdefault(text, Draft(text, beam.logprob))
        put(
            Piece(
                next(iter(drafts)),
                Usage(len(prompt), len(beams[0].tokens), reading.cached),
                "stop" if beams[0].is_ended else "length",
                drafts=tuple(drafts.values()),
            )
        )

    def _limit(self, prompt: Sequence[int], decoding: Decoding) -> int:
        """How many tokens may be written: the window is shared, but for a decoder of its own."""
        taken = 1 if self._model.has_encoder else len(prompt)
        return min(decoding.max_tokens, self.context_tokens - taken)

    def _tokens(self, messages: Sequence[Message]) -> list[int]:
        return conversation_tokens(self._chat, messages, has_encoder=self._model.has_encoder)

    def _decoded(self, tokens: Sequence[int]) -> str:
        return self._chat.decoded(tokens)

    def _ended(self, tokens: Sequence[int], decoding: Decoding) -> tuple[str, bool]:
        """The text of tokens, up to the first stop string, and whether there is one."""
        text = WrittenText(self._decoded, decoding.stop)
        whole = text.add([token for token in tokens if token not in self._ends])
        return whole + text.rest(), text.is_stopped


def preferred_dtype() -> "torch.dtype":
    """What this machine computes fastest without loss that matters."""
    import torch

    return torch.bfloat16 if has_fast_bfloat16() else torch.float32
