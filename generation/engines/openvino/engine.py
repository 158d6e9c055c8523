"""A converted model in this process, for many at once. Nothing heavy is imported before use."""

import json
import logging
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

from generation.decoding import Decoding
from generation.engines.chat_template import conversation_tokens
from generation.engines.openvino.batching import Batch, Load
from generation.engines.openvino.jobs import Ended, Failed, Job, Written
from generation.engines.openvino.prefix import BlockPool
from generation.engines.openvino.worker import Worker
from generation.engines.special_tokens import forbidden_tokens, token_ids
from generation.engines.tokenizing import load_tokenizer
from generation.engines.writing import WrittenText
from generation.errors import BadDecoding
from generation.types import Draft, EngineInfo, FinishReason, Message, Piece, Token, Usage

_DEFAULT_CONTEXT_TOKENS = 2048
# Tokens guessed ahead with speculation; measured, see docs/GENERATION.md.
_MOST_GUESSED = 5
_logger = logging.getLogger(__name__)


class OpenVinoEngine:
    """A decoder-only model, converted; requests of all threads are written in one batch.

    Args:
        info: what it is.
        folder: the converted model, its tokenizer, `config.json` and `generation_config.json`.
        cache_mb: memory for what was read, shared by all requests and kept from one to the next.
        threads: processor threads; None is one for each core.
        speculation: guess tokens ahead from what was read, and check the guesses. It changes no
            text, and no log-probability by a bit.
        ignores_end: go on to `max_tokens` past the end of the text; for measurements.

    Raises:
        EngineUnavailable: the cache is too small for any text.
    """

    def __init__(
        self,
        info: EngineInfo,
        folder: Path,
        *,
        cache_mb: int,
        threads: int | None = None,
        speculation: bool = False,
        ignores_end: bool = False,
    ) -> None:
        from generation.engines.openvino.paged import OpenVinoModel

        self.info = info
        self._tokenizer = load_tokenizer(folder)
        # One of transformers may change itself while it works, and is asked by many threads.
        self._tokenizer_lock = Lock()
        config = _read_json(folder / "config.json")
        generation = _read_json(folder / "generation_config.json")
        ends = token_ids(
            generation.get("eos_token_id"),
            (config.get("text_config") or config).get("eos_token_id"),
            self._tokenizer.end,
        )
        self._ends = frozenset[int]() if ignores_end else ends
        model = OpenVinoModel(
            folder,
            cache_mb=cache_mb,
            threads=threads,
            forbidden=forbidden_tokens(
                generation.get("suppress_tokens"), generation.get("bad_words_ids")
            ),
        )
        self.threads = model.threads
        self._blocks, self._block_tokens = model.blocks, model.block_tokens
        window, cache = _window(folder), model.blocks * model.block_tokens
        if cache < window:
            _logger.warning(
                "a cache of %s MB holds %s tokens and %s could read %s; set ASSAY_CACHE_MB higher "
                "for longer texts",
                *(cache_mb, cache, info.name, window),
            )
        self.context_tokens = min(window, cache)
        guessed = _MOST_GUESSED if speculation else 0

        def new_batch() -> Batch:
            return Batch(model, BlockPool(model.blocks, model.block_tokens), most_guessed=guessed)

        self._worker = Worker(new_batch)
        weakref.finalize(self, self._worker.close)

    @property
    def load(self) -> Load:
        """What it is busy with."""
        return self._worker.load

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of a conversation with the model's own template, ready to be answered."""
        return len(self._encoded(messages))

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
            BadDecoding: the conversation fills the window, or so many beams do not fit the cache.
            EngineUnavailable: the engine was closed, or its computation failed.
        """
        prompt = self._encoded(messages)
        audience = messages[0].audience.encode() if messages else b""
        job = self._job(prompt, self._fitting(prompt, decoding), is_cancelled, audience)
        return self._pieces(job, decoding)

    def forget(self) -> bool:
        """Have no later prompt use what was read until now; see `Worker.forget`."""
        return self._worker.forget()

    def close(self) -> None:
        """End all requests with an error and the thread; nothing can be asked any more."""
        self._worker.close()

    def _job(
        self,
        prompt: Sequence[int],
        decoding: Decoding,
        is_cancelled: Callable[[], bool],
        audience: bytes,
    ) -> Job:
        def is_stopped(tokens: Sequence[int]) -> bool:
            text = self._decoded(tokens) if decoding.stop else ""
            return any(stop in text for stop in decoding.stop)

        return Job(
            prompt,
            decoding,
            is_end=self._ends.__contains__,
            is_stopped=is_stopped,
            is_cancelled=is_cancelled,
            root=audience,
        )

    def _fitting(self, prompt: Sequence[int], decoding: Decoding) -> Decoding:
        """The settings with no more tokens than there is room for."""
        room = self.context_tokens - len(prompt)
        if room < 1:
            raise BadDecoding(
                f"the conversation takes {len(prompt)} tokens, and {self.info.name} can read and "
                f"write {self.context_tokens} together; leave some of it out"
            )
        most = min(decoding.max_tokens, room)
        if decoding.num_beams > 1:
            self._require_room_for_beams(len(prompt), most, decoding.num_beams + 1)
        return replace(decoding, max_tokens=most)

    def _require_room_for_beams(self, prompt: int, written: int, texts: int) -> None:
        # Beams share the prompt; each has what it wrote, and blocks at both ends of it to itself.
        size = self._block_tokens
        blocks = -(-prompt // size) + texts * (-(-written // size) + 1)
        if blocks > self._blocks:
            raise BadDecoding(
                f"{texts - 1} beams of {written} tokens after {prompt} take a cache of "
                f"{blocks * size} tokens, and there is one of {self._blocks * size}; set num_beams "
                "or max_tokens lower, or ASSAY_CACHE_MB higher"
            )

    def _pieces(self, job: Job, decoding: Decoding) -> Iterator[Piece]:
        text = WrittenText(self._decoded, decoding.stop)
        token_texts = WrittenText(self._decoded, ())
        written = 0
        reason: FinishReason = "stop"
        self._worker.submit(job)
        try:
            while isinstance(event := job.events.get(), Written):
                written += 1
                # The token that ends the text is no part of it.
                if event.token in self._ends:
                    continue
                more = text.add([event.token])
                tokens = _told(event, token_texts)
                if more or tokens:
                    yield Piece(more, tokens=tokens)
                if text.is_stopped:
                    break
            else:
                if isinstance(event, Failed):
                    raise event.error
                if event.beams:
                    yield self._drafted(job, event, decoding)
                    return
                reason = event.reason
                if more := text.rest():
                    yield Piece(more)
                    # What was held back may have been a stop string after all.
                    reason = "stop" if text.is_stopped else reason
            yield Piece("", Usage(job.prompt_tokens, written, job.cached_tokens), reason)
        finally:
            job.abandon()

    def _drafted(self, job: Job, event: Ended, decoding: Decoding) -> Piece:
        """The last and only piece of a beam search."""
        drafts: dict[str, Draft] = {}
        for beam in event.beams:
            # Different tokens can read alike; of those the best is shown.
            text = self._whole_text(beam.tokens, decoding)
            drafts.setdefault(text, Draft(text, beam.logprob))
        usage = Usage(job.prompt_tokens, len(event.beams[0].tokens), job.cached_tokens)
        return Piece(next(iter(drafts)), usage, event.reason, drafts=tuple(drafts.values()))

    def _whole_text(self, tokens: Sequence[int], decoding: Decoding) -> str:
        text = WrittenText(self._decoded, decoding.stop)
        return text.add([token for token in tokens if token not in self._ends]) + text.rest()

    def _encoded(self, messages: Sequence[Message]) -> list[int]:
        with self._tokenizer_lock:
            return conversation_tokens(self._tokenizer, messages)

    def _decoded(self, tokens: Sequence[int]) -> str:
        with self._tokenizer_lock:
            return self._tokenizer.decoded(tokens)


def _told(event: Written, texts: WrittenText) -> tuple[Token, ...]:
    """The token with what it adds to the text: the last of a character's tokens has all of it."""
    if event.logprob is None:
        return ()
    return (Token(texts.add([event.token]), event.logprob),)


def _window(folder: Path) -> int:
    """Tokens a model can read, as its configuration says."""
    config = _read_json(folder / "config.json")
    for place in (config, config.get("text_config") or {}):
        for name in ("max_position_embeddings", "n_positions"):
            if place.get(name):
                return int(place[name])
    return _DEFAULT_CONTEXT_TOKENS


def _read_json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found
