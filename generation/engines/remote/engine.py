"""A model behind a server that speaks OpenAI's protocol: vLLM, SGLang, llama.cpp, Ollama, others.

The server is asked again only before it has written anything, and only where that may help. One
that keeps failing is left alone for a while (breaker.py). What it says in errors is shown short,
and without the key, which no message, log or `repr` of ours holds.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

from generation.decoding import Decoding
from generation.engines.remote.breaker import Breaker, BreakerPolicy
from generation.engines.remote.circuit import Circuit, Permit
from generation.engines.remote.counting import ConversationCounter, estimated_conversation
from generation.engines.remote.http_calls import HttpCalls, Reply, checked_address
from generation.engines.remote.openai_protocol import (
    Failure,
    OfferedModel,
    named_model,
    read_models,
    request_body,
)
from generation.engines.remote.server_facts import Ask, tokens_counted, window_of, with_family
from generation.engines.remote.streamed_reply import (
    CallFailed,
    GivenUp,
    Patience,
    StreamedReply,
    awaited,
    wait,
)
from generation.errors import BadDecoding, EngineRefused, EngineUnavailable
from generation.types import EngineInfo, Message, Piece, Usage

DEFAULT_CONTEXT_TOKENS = 4096
_ATTEMPTS = 3
_LONGEST_PAUSE_SECONDS = 10.0
# What was learned of a server holds for so long: it may be started anew with another model.
_LEARNED_SECONDS = 600.0
_SHOWN_MODELS = 8
_NO_SUCH_PATH = frozenset({404, 405, 501})
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class _Learned:
    """What the server said of itself, and when that was learned."""

    model: OfferedModel
    context_tokens: int
    at: float


def _never() -> bool:
    return False


class RemoteEngine:
    """A model elsewhere. Safe among threads; each stream has a request of its own.

    Args:
        url: where its OpenAI protocol begins, mostly `http://host:port/v1`; no name, password or
            query in it.
        key: sent as a bearer token.
        model: its name at the server; None takes the only one there.
        context_tokens: its window; None asks the server, and takes 4,096 where that does not say.
        seconds: it may take for a token, the first one included.
        patience: how long it is waited for, in place of `seconds`.
        policy: when a server that fails is left alone.

    Raises:
        ValueError: the address or the key cannot be one. Neither is repeated.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        model: str | None = None,
        *,
        seconds: float = 60.0,
        context_tokens: int | None = None,
        patience: Patience | None = None,
        policy: BreakerPolicy | None = None,
    ) -> None:
        self._url = checked_address(url).rstrip("/")
        self._root = self._url.removesuffix("/v1")
        self._key = key or ""
        if not (self._key.isascii() and self._key.isprintable()) or " " in self._key:
            raise ValueError("the key of the model's server has characters that no key has")
        self._model = model or None
        self._context_tokens = context_tokens
        self._patience = patience or Patience(
            first_token_seconds=seconds, next_token_seconds=seconds
        )
        self._circuit = Circuit(policy or BreakerPolicy())
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._calls = HttpCalls(headers, connect_seconds=self._patience.connect_seconds)
        self._counter = ConversationCounter()
        self._can_count = True
        self._learned: _Learned | None = None

    def __repr__(self) -> str:
        return f"RemoteEngine({self.server!r}, model={self._model!r})"

    @property
    def server(self) -> str:
        """Host and port, fit to be said."""
        return urlsplit(self._url).netloc

    @property
    def info(self) -> EngineInfo:
        """What it is, as answers record it.

        Raises:
            EngineUnavailable: no model was named, and the server does not say which it has.
        """
        if self._learned is None and self._model is not None:
            return EngineInfo(OfferedModel(self._model).name, "remote")
        return EngineInfo(self._known().model.name, "remote")

    @property
    def context_tokens(self) -> int:
        """How many tokens prompt and answer may take together.

        Raises:
            EngineUnavailable: the server cannot be asked now.
        """
        self._require_askable()
        return self._known().context_tokens

    @property
    def state(self) -> Breaker:
        """Whether the server is asked at present."""
        return self._circuit.state

    @property
    def trouble(self) -> str | None:
        """Why the server is left alone at present, in words; None when it would be asked."""
        if self._circuit.may_ask():
            return None
        return f"the model's server {self.server}: {self._circuit.told()}"

    def models(self) -> list[OfferedModel]:
        """What the server offers; empty when it has no list.

        Raises:
            EngineUnavailable: it cannot be reached, or turns us away.
        """
        return read_models(self._asked(f"{self._url}/models", None, _never))

    def close(self) -> None:
        """End every request and the thread they run in."""
        self._calls.close()

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of a conversation: as the server counts, else an estimate that is rather high.

        Raises:
            EngineUnavailable: the server cannot be asked now.
        """
        self._require_askable()
        return self._counter.count(messages, self._counted_by_server)

    def stream(
        self,
        messages: Sequence[Message],
        decoding: Decoding,
        *,
        is_cancelled: Callable[[], bool],
    ) -> Iterator[Piece]:
        """Answer a conversation, piece by piece; see `Engine.stream`.

        Where the server tells no usage, the last piece has an estimate.
        """
        try:
            known = self._known(is_cancelled)
            body = request_body(known.model, messages, decoding, known.context_tokens)
            reply = self._retried(lambda: self._opened(body, decoding, is_cancelled), is_cancelled)
        except GivenUp:
            yield Piece("", Usage(estimated_conversation(messages), 0), "cancelled")
            return
        try:
            yield from reply.pieces(lambda: estimated_conversation(messages))
        except CallFailed as failed:
            self._circuit.failed(Permit(), self._without_key(failed.failure))
            raise self._unavailable(self._without_key(failed.failure)) from None
        finally:
            reply.close()

    def _opened(
        self, body: dict[str, Any], decoding: Decoding, is_cancelled: Callable[[], bool]
    ) -> StreamedReply:
        """A reply of which the first token is there."""
        call = self._calls.stream(
            f"{self._url}/chat/completions",
            body,
            most_bytes=StreamedReply.most_bytes(decoding.max_tokens),
        )
        reply = StreamedReply(call, decoding, self._patience, is_cancelled)
        try:
            reply.wait_for_first_token()
        except BaseException:
            reply.close()
            raise
        if decoding.logprobs and reply.lacks_logprobs:
            reply.close()
            raise BadDecoding(
                f"logprobs were asked for and {self.server} gives none; leave logprobs out"
            )
        return reply

    def _retried(self, attempt: Callable[[], _Result], is_cancelled: Callable[[], bool]) -> _Result:
        """What an attempt gives, of several if need be."""
        for number in range(1, _ATTEMPTS + 1):
            permit = self._permit()
            try:
                result = attempt()
            except CallFailed as failed:
                failure = self._without_key(failed.failure)
                self._circuit.failed(permit, failure)
                pause = self._pause_after(failure, number)
                if pause is None:
                    raise self._unavailable(failure) from None
            except BadDecoding:
                self._circuit.succeeded(permit)
                raise
            except BaseException:
                self._circuit.abandoned(permit)
                raise
            else:
                self._circuit.succeeded(permit)
                return result
            wait(pause, is_cancelled)
        raise AssertionError("the last attempt returns or raises")

    def _pause_after(self, failure: Failure, attempt: int) -> float | None:
        """Seconds to wait before the next attempt; None when there is none.

        Doubled each time, and a random half of it off: those who failed together should not come
        back together.
        """
        if not failure.is_retryable or attempt == _ATTEMPTS:
            return None
        if failure.retry_seconds is not None:
            wanted = failure.retry_seconds
            return wanted if wanted <= _LONGEST_PAUSE_SECONDS else None
        longest = self._patience.pause_seconds * 2.0 ** (attempt - 1)
        return longest * (1 - random.random() / 2)  # noqa: S311 - no secret

    def _permit(self) -> Permit:
        permit = self._circuit.asked()
        if permit is None:
            raise self._refused()
        return permit

    def _require_askable(self) -> None:
        if not self._circuit.may_ask():
            raise self._refused()

    def _refused(self) -> EngineUnavailable:
        told, seconds = self._circuit.told(), self._circuit.retry_seconds()
        return EngineUnavailable(f"the model's server {self.server}: {told}", retry_seconds=seconds)

    def _unavailable(self, failure: Failure) -> EngineUnavailable:
        said = f"the model's server {self.server}: {failure.reason}"
        if not failure.is_servers and not failure.is_retryable:
            return EngineRefused(said)
        self._learned = None  # it may come back as another
        seconds = failure.retry_seconds or self._circuit.retry_seconds()
        return EngineUnavailable(said, retry_seconds=seconds or None)

    def _without_key(self, failure: Failure) -> Failure:
        if not self._key:
            return failure
        return replace(failure, reason=failure.reason.replace(self._key, "…"))

    # --- What the server says of itself ---------------------------------------------------------

    def _known(self, is_cancelled: Callable[[], bool] = _never) -> _Learned:
        learned = self._learned
        if learned is None or time.monotonic() - learned.at > _LEARNED_SECONDS:
            ask = self._asks_root(is_cancelled)
            offered = read_models(self._asked(f"{self._url}/models", None, is_cancelled))
            model = with_family(self._chosen(offered), ask)
            window = self._context_tokens or window_of(model, ask) or DEFAULT_CONTEXT_TOKENS
            learned = _Learned(model, window, time.monotonic())
            self._learned, self._can_count = learned, True
        return learned

    def _chosen(self, offered: Sequence[OfferedModel]) -> OfferedModel:
        if self._model is not None:
            return named_model(self._model, offered)
        if len(offered) == 1:
            return offered[0]
        names = ", ".join(one.id for one in offered[:_SHOWN_MODELS])
        more = ", …" if len(offered) > _SHOWN_MODELS else ""
        raise EngineUnavailable(
            f"the model's server {self.server} offers {len(offered)} models"
            f"{f' ({names}{more})' if names else ''}; name one with ASSAY_REMOTE_MODEL"
        )

    def _counted_by_server(self, messages: Sequence[Message]) -> int | None:
        if not self._can_count:
            return None
        count = tokens_counted(self._known().model, messages, self._asks_root(_never))
        self._can_count = count is not None
        return count

    def _asks_root(self, is_cancelled: Callable[[], bool]) -> Ask:
        def ask(path: str, body: dict[str, object] | None = None) -> object:
            return self._asked(self._root + path, body, is_cancelled)

        return ask

    def _asked(
        self, url: str, body: dict[str, object] | None, is_cancelled: Callable[[], bool]
    ) -> object:
        """The JSON of a reply; None where the server knows no such path, or replies otherwise."""

        def attempt() -> object:
            call = self._calls.fetch(url, body)
            seconds = self._patience.lookup_seconds
            late = f"it did not reply within {seconds:g} seconds"
            try:
                item = awaited(call, time.monotonic() + seconds, is_cancelled, late)
            except CallFailed as failed:
                if failed.failure.status in _NO_SUCH_PATH:
                    return None
                raise
            finally:
                call.cancel()
            return item.json() if isinstance(item, Reply) else None

        return self._retried(attempt, is_cancelled)
