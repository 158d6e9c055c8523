"""Language models as judges: any engine of ours, or a server that speaks OpenAI's protocol."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from evals.errors import JudgeFailed, JudgesMissing, JudgeUnavailable
from evals.judges.replies import Shape, read_reply, schema_of
from generation.decoding import Decoding
from generation.engines.base import Engine
from generation.errors import EngineMissing, EngineRefused, EngineUnavailable
from generation.types import Message

if TYPE_CHECKING:
    from openai import OpenAI

TOO_LONG = "the prompt does not fit the judge's window"
CUT_OFF = "the reply was cut off"
TIMED_OUT = "the judge took too long"
REFUSED = "the judge's server refused the request"
UNREACHABLE = "the judge's model did not answer"

REPLY_TOKENS = 512
REPLY_SECONDS = 120.0
# The first time a judge is asked it says what it thinks most probable; again, it may vary.
_TEMPERATURE_AGAIN = 0.7
_REPAIR = (
    "That was not usable: {reason}. Reply again with nothing but one JSON object that complies "
    "with this schema: {schema}"
)
_CONNECT_SECONDS = 10.0
_UNAUTHORISED = (401, 403)
_SCHEMA_REFUSED = (400, 404, 422, 501)


class JudgeModel(Protocol):
    """A model that replies with JSON, or tries to."""

    @property
    def name(self) -> str:
        """The model, as runs record it."""

    def reply(self, messages: Sequence[Message], schema: Mapping[str, Any], *, attempt: int) -> str:
        """Reply to a conversation.

        Args:
            schema: what the reply should comply with, for models that can be held to it.
            attempt: 0 for the most probable reply; each other number for another one, which is
                the same each time.

        Raises:
            JudgeFailed: there is no whole reply.
        """


def ask(model: JudgeModel, prompt: str, shape: type[Shape], *, attempt: int = 0) -> Shape:
    """Ask for a shape. A reply that is none is shown to the model again, once.

    Raises:
        JudgeFailed: the second reply is no better, or there is none.
    """
    schema = schema_of(shape)
    messages = [Message("user", prompt)]
    reply = model.reply(messages, schema, attempt=attempt)
    try:
        return read_reply(reply, shape)
    except JudgeFailed as first:
        again = _REPAIR.format(reason=first.reason, schema=json.dumps(schema))
        messages += [Message("assistant", reply), Message("user", again)]
    return read_reply(model.reply(messages, schema, attempt=attempt), shape)


class EngineJudge:
    """An engine of ours. It is told the schema in the prompt; nothing holds it to it."""

    def __init__(
        self, engine: Engine, *, tokens: int = REPLY_TOKENS, seconds: float = REPLY_SECONDS
    ) -> None:
        self._engine = engine
        self._tokens = tokens
        self._seconds = seconds

    @property
    def name(self) -> str:
        """The model, as runs record it."""
        return self._engine.info.name

    def reply(
        self,
        messages: Sequence[Message],
        schema: Mapping[str, Any],  # noqa: ARG002
        *,
        attempt: int,
    ) -> str:
        """Reply to a conversation; see `JudgeModel.reply`."""
        try:
            return self._written(messages, attempt)
        except EngineRefused as error:
            raise JudgeFailed(REFUSED) from error
        except (EngineUnavailable, EngineMissing) as error:
            raise JudgeFailed(UNREACHABLE) from error

    def _written(self, messages: Sequence[Message], attempt: int) -> str:
        if self._engine.count_tokens(messages) + self._tokens > self._engine.context_tokens:
            raise JudgeFailed(TOO_LONG)
        decoding = Decoding(
            max_tokens=self._tokens,
            temperature=_TEMPERATURE_AGAIN if attempt else 0.0,
            seed=attempt or None,
        )
        deadline = time.monotonic() + self._seconds
        pieces = list(
            self._engine.stream(
                messages, decoding, is_cancelled=lambda: time.monotonic() > deadline
            )
        )
        text = "".join(piece.text for piece in pieces)
        reason = pieces[-1].finish_reason if pieces else None
        if reason == "cancelled" or (reason is None and time.monotonic() > deadline):
            raise JudgeFailed(TIMED_OUT)
        if reason == "length" and not _is_whole(text):
            raise JudgeFailed(CUT_OFF)
        return text


class ServerJudge:
    """A model behind a server that speaks OpenAI's protocol, held to the schema where it can be.

    Errors name what happened and never what the server said, which may repeat the key.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key: str = "",
        tokens: int = REPLY_TOKENS,
        seconds: float = REPLY_SECONDS,
    ) -> None:
        self.name = model
        self._url = shown_url(url)
        self._tokens = tokens
        self._client = _client(url, key, seconds)
        self._takes_schemas = True

    def check(self) -> None:
        """See whether the server is there and lets us in, before a run is begun.

        Raises:
            JudgeUnavailable: it does not answer, or refuses the key.
        """
        from openai import APIConnectionError, APIStatusError

        try:
            self._client.with_options(timeout=_CONNECT_SECONDS).models.list()
        except APIConnectionError as error:  # its time-outs, too
            raise JudgeUnavailable(self._url, "does not answer") from error
        except APIStatusError as error:
            # A server need not list its models; it must not turn us away.
            if error.status_code in _UNAUTHORISED:
                raise JudgeUnavailable(
                    self._url, f"refuses the key (status {error.status_code})"
                ) from None

    def reply(self, messages: Sequence[Message], schema: Mapping[str, Any], *, attempt: int) -> str:
        """Reply to a conversation; see `JudgeModel.reply`."""
        from openai import APIConnectionError, APIStatusError, APITimeoutError

        try:
            if not self._takes_schemas:
                return self._asked(messages, None, attempt)
            try:
                return self._asked(messages, schema, attempt)
            except APIStatusError as error:
                if error.status_code not in _SCHEMA_REFUSED:
                    raise
                text = self._asked(messages, None, attempt)
                self._takes_schemas = False  # it was the schema: without it, it answers
                return text
        except APITimeoutError as error:
            raise JudgeFailed(TIMED_OUT) from error
        except APIConnectionError as error:
            raise JudgeFailed(UNREACHABLE) from error
        except APIStatusError as error:
            raise JudgeFailed(f"{REFUSED} (status {error.status_code})") from None

    def _asked(
        self, messages: Sequence[Message], schema: Mapping[str, Any] | None, attempt: int
    ) -> str:
        options: dict[str, Any] = {}
        if schema is not None:
            wanted = {"name": "verdict", "strict": True, "schema": dict(schema)}
            options["response_format"] = {"type": "json_schema", "json_schema": wanted}
        if attempt:
            options["seed"] = attempt
        done = self._client.chat.completions.create(
            model=self.name,
            messages=[{"role": one.role, "content": one.content} for one in messages],  # type: ignore[misc]
            temperature=_TEMPERATURE_AGAIN if attempt else 0.0,
            max_tokens=self._tokens,
            **options,
        )
        if not done.choices:
            return ""
        text = done.choices[0].message.content or ""
        if done.choices[0].finish_reason == "length" and not _is_whole(text):
            raise JudgeFailed(CUT_OFF)
        return text


def shown_url(url: str) -> str:
    """A server's address as it may be shown: no name, no password, no query."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _client(url: str, key: str, seconds: float) -> "OpenAI":
    try:
        from openai import OpenAI, Timeout
    except ImportError as error:
        raise JudgesMissing(["a judge behind a server"]) from error
    # The client refuses to be made without a key; servers that want none ignore it.
    return OpenAI(
        base_url=url,
        api_key=key or "none",
        timeout=Timeout(seconds, connect=_CONNECT_SECONDS),
        max_retries=1,
    )


def _is_whole(text: str) -> bool:
    """Whether a reply that ran out of room holds a whole object all the same."""
    start = text.find("{")
    if start < 0:
        return False
    try:
        json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return False
    return True
