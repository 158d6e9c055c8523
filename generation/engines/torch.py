"""A transformers model in this process. Nothing heavy is imported before use."""

from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from generation.decoding import Decoding
from generation.engines.writing import WrittenText
from generation.types import EngineInfo, FinishReason, Message, Piece, Usage
from retrieval.encoder import has_fast_bfloat16

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_DEFAULT_CONTEXT_TOKENS = 2048


class _Finished(NamedTuple):
    """Put in the queue behind the last token."""

    error: BaseException | None


class TorchEngine:
    """A decoder-only chat model. One generation at a time; others wait their turn."""

    def __init__(
        self, info: EngineInfo, model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase"
    ) -> None:
        self.info = info
        self._model: Any = model
        self._tokenizer: Any = tokenizer
        self._lock = Lock()
        self.context_tokens = int(
            getattr(model.config, "max_position_embeddings", None) or _DEFAULT_CONTEXT_TOKENS
        )

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of a conversation with the model's own template, ready to be answered."""
        return int(self._encoded(messages)["input_ids"].shape[1])

    def stream(
        self,
        messages: Sequence[Message],
        decoding: Decoding,
        *,
        is_cancelled: Callable[[], bool],
    ) -> Iterator[Piece]:
        """Answer a conversation, piece by piece; see `Engine.stream`."""
        with self._lock:
            encoded = self._encoded(messages)
            prompt_tokens = int(encoded["input_ids"].shape[1])
            abandoned = Event()
            tokens: SimpleQueue[int | _Finished] = SimpleQueue()
            worker = Thread(
                target=self._generate,
                args=(encoded, decoding, tokens, lambda: abandoned.is_set() or is_cancelled()),
                name="generate",
                daemon=True,
            )
            worker.start()
            try:
                yield from self._pieces(tokens, prompt_tokens, decoding, abandoned, is_cancelled)
            finally:
                abandoned.set()
                worker.join()

    def _pieces(
        self,
        tokens: "SimpleQueue[int | _Finished]",
        prompt_tokens: int,
        decoding: Decoding,
        abandoned: Event,
        is_cancelled: Callable[[], bool],
    ) -> Iterator[Piece]:
        text = WrittenText(self._decoded, decoding.stop)
        written = 0
        last = -1
        reason: FinishReason = "stop"
        while not isinstance(token := tokens.get(), _Finished):
            written, last = written + 1, token
            if more := text.add([token]):
                yield Piece(more)
            if text.is_stopped:
                abandoned.set()
                break
        else:
            if token.error is not None:
                raise token.error
            if more := text.rest():
                yield Piece(more)
            if is_cancelled():
                reason = "cancelled"
            elif written >= decoding.max_tokens and not self._ends(last):
                reason = "length"
        yield Piece("", Usage(prompt_tokens, written), reason)

    def _generate(
        self,
        encoded: Any,  # noqa: ANN401 - the library's own mapping type
        decoding: Decoding,
        tokens: "SimpleQueue[int | _Finished]",
        should_stop: Callable[[], bool],
    ) -> None:
        import torch
        from transformers import StoppingCriteriaList

        def stop(input_ids: "torch.Tensor", *_: object, **__: object) -> "torch.Tensor":
            return torch.full((input_ids.shape[0],), should_stop(), device=input_ids.device)

        error: BaseException | None = None
        try:
            with torch.inference_mode(), torch.random.fork_rng(enabled=decoding.seed is not None):
                if decoding.seed is not None:
                    torch.manual_seed(decoding.seed)
                self._model.generate(
                    **encoded,
                    **_generation_arguments(decoding),
                    streamer=_QueueStreamer(tokens),
                    stopping_criteria=StoppingCriteriaList([stop]),
                    pad_token_id=self._tokenizer.pad_token_id or self._tokenizer.eos_token_id,
                )
        except BaseException as caught:  # noqa: BLE001 - carried to the thread that is waiting
            error = caught
        tokens.put(_Finished(error))

    def _encoded(self, messages: Sequence[Message]) -> Any:  # noqa: ANN401
        turns = [{"role": message.role, "content": message.content} for message in messages]
        return self._tokenizer.apply_chat_template(
            turns, add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(self._model.device)

    def _decoded(self, tokens: Sequence[int]) -> str:
        return str(self._tokenizer.decode(tokens, skip_special_tokens=True))

    def _ends(self, token: int) -> bool:
        ends = self._model.generation_config.eos_token_id if self._model.generation_config else None
        return token in (ends if isinstance(ends, list) else [ends])


class _QueueStreamer:
    """Hands each new token on; transformers first calls it with the prompt."""

    def __init__(self, tokens: "SimpleQueue[int | _Finished]") -> None:
        self._tokens = tokens
        self._prompt_seen = False

    def put(self, value: "torch.Tensor") -> None:
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        for token in value.flatten().tolist():
            self._tokens.put(token)

    def end(self) -> None:
        """Nothing to do: the end is announced together with a possible error."""


def preferred_dtype() -> "torch.dtype":
    """What this machine computes fastest without loss that matters."""
    import torch

    return torch.bfloat16 if has_fast_bfloat16() else torch.float32


def _generation_arguments(decoding: Decoding) -> dict[str, Any]:
    arguments: dict[str, Any] = {"max_new_tokens": decoding.max_tokens, "do_sample": False}
    if decoding.temperature > 0:
        arguments |= {
            "do_sample": True,
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "top_k": decoding.top_k,
        }
    return arguments
