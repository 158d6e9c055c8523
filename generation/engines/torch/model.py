"""A transformers model as the engine uses it: what it is, and reading on from where it is."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from generation.engines.special_tokens import forbidden_tokens, token_ids
from generation.engines.torch.cache import PromptBlocks, is_reusable
from generation.errors import EngineMissing

# How much a model reads whose configuration and tokenizer do not say.
_DEFAULT_WINDOW = 2048
# T5 and its kind have positions relative to each other; they were trained on so many tokens.
_DEFAULT_ENCODER_WINDOW = 512
_WINDOW_NAMES = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "seq_length",
    "max_encoder_position_embeddings",
    "max_decoder_position_embeddings",
)
# A tokenizer that knows no limit says 10 ** 30.
_NO_LIMIT = 10**9
# Tokens read in one step. A step is as long as a cancellation may wait, and short ones are slow.
_STEP_TOKENS = {"cpu": 64}
_STEP_TOKENS_ELSEWHERE = 512


class Model:
    """What is asked of a model besides its logits. Decoder-only or with an encoder.

    Of its generation_config.json only the structure is used: end tokens, the decoder's first
    tokens, and tokens that are never to be written. How to decode is `Decoding`'s alone. What the
    structure forbids has the probability 0, and what it forces 1.

    Args:
        name: for messages.
        cache_bytes: for keeping what was read.
    """

    def __init__(self, name: str, model: Any, tokenizer: Any, *, cache_bytes: int) -> None:  # noqa: ANN401
        self.model = model.eval()
        self.config = model.config
        self.text_config = model.config.get_text_config(decoder=True)
        self.device = model.device
        self.has_encoder = bool(model.config.is_encoder_decoder)
        self.vocabulary = int(self.text_config.vocab_size)
        self.window = window_tokens(model.config, tokenizer)
        self.step_tokens = _STEP_TOKENS.get(self.device.type, _STEP_TOKENS_ELSEWHERE)
        generation = model.generation_config
        self.ends = token_ids(
            getattr(generation, "eos_token_id", None),
            getattr(self.text_config, "eos_token_id", None),
            tokenizer.eos_token_id,
        )
        forbidden = forbidden_tokens(
            getattr(generation, "suppress_tokens", None),
            getattr(generation, "bad_words_ids", None),
        )
        self._forbidden = [token for token in forbidden if token < self.vocabulary]
        self.start = self._first_token(generation, tokenizer)
        forced = getattr(generation, "forced_bos_token_id", None)
        self._forced_first = next(iter(token_ids(forced)), None) if self.has_encoder else None
        parameters = inspect.signature(model.forward).parameters
        self._keeps_last = {"logits_to_keep": 1} if "logits_to_keep" in parameters else {}
        self.cache_name = next(
            (known for known in ("past_key_values", "cache_params") if known in parameters), ""
        )
        if not self.cache_name:
            raise EngineMissing(name, f"{type(model).__name__} keeps no state between tokens")
        self.blocks = (
            PromptBlocks(cache_bytes, self.step_tokens)
            if cache_bytes > 0 and not self.has_encoder and is_reusable(model.config)
            else None
        )
        # A state that sums up all that was read is made in one step, or token by token.
        self.reads_in_steps = not any(DynamicCache(config=self.text_config).is_linear)

    def read(
        self, prompt: Sequence[int], should_stop: Callable[[], bool], audience: bytes = b""
    ) -> "Reading | None":
        """Read a prompt; None when told to stop before its end.

        What is kept of it is used again for the same audience only.
        """
        if self.has_encoder:
            return self._encoded(prompt)
        return self._prefilled(prompt, should_stop, audience)

    def logits(self, tokens: Tensor, cache: Any, **more: Any) -> NDArray[np.float32]:  # noqa: ANN401
        """(texts, tokens) ids behind a cache, which grows -> (texts, vocabulary).

        Minus infinity for what the model must never write.
        """
        name = "decoder_input_ids" if self.has_encoder else "input_ids"
        output = self.model(
            **{name: tokens, self.cache_name: cache}, use_cache=True, **self._keeps_last, **more
        )
        logits: NDArray[np.float32] = output.logits[:, -1].float().cpu().numpy()
        if self._forbidden:
            logits[:, self._forbidden] = -np.inf
        return logits

    def _prefilled(
        self, prompt: Sequence[int], should_stop: Callable[[], bool], audience: bytes
    ) -> "Reading | None":
        cache, cached = DynamicCache(config=self.text_config), 0
        if self.blocks is not None:
            cache, cached = self.blocks.longest(prompt, self.text_config, audience)
        logits = None
        step = self.step_tokens if self.reads_in_steps else len(prompt)
        for start in range(cached, len(prompt), step):
            if should_stop():
                return None
            part = torch.tensor([prompt[start : start + step]], device=self.device)
            logits = self.logits(part, cache)
            if self.blocks is not None:
                self.blocks.keep(prompt[: start + step], cache, audience)
        if logits is None:
            return None
        return Reading(self, logits, cache, cached)

    def _encoded(self, prompt: Sequence[int]) -> "Reading":
        read = torch.tensor([prompt], device=self.device)
        encoder = self.model.get_encoder()
        encoded = encoder(input_ids=read, attention_mask=torch.ones_like(read), return_dict=True)
        cache = EncoderDecoderCache(
            DynamicCache(config=self.text_config), DynamicCache(config=self.text_config)
        )
        nothing = np.empty((1, 0), dtype=np.float32)
        reading = Reading(self, nothing, cache, 0, encoded.last_hidden_state)
        reading.go_on([self.start])
        if self._forced_first is not None:
            reading.logits[:] = -np.inf
            reading.logits[:, self._forced_first] = 0
        return reading

    def _first_token(self, generation: Any, tokenizer: Any) -> int:  # noqa: ANN401
        """What the decoder begins with, as transformers finds it."""
        for source, name in (
            (generation, "decoder_start_token_id"),
            (self.config, "decoder_start_token_id"),
            (generation, "bos_token_id"),
            (tokenizer, "bos_token_id"),
            (tokenizer, "pad_token_id"),
        ):
            found = getattr(source, name, None)
            if found is not None:
                return int(found[0] if isinstance(found, list) else found)
        return 0


class Reading:
    """One prompt, and what one or several texts have written after it.

    `logits` is (texts, vocabulary): what the model gives for the token that comes next.
    `cached` is how many tokens of the prompt needed no work.
    """

    def __init__(
        self,
        model: Model,
        logits: NDArray[np.float32],
        cache: Any,  # noqa: ANN401 - one of several classes of transformers
        cached: int,
        encoded: Tensor | None = None,
    ) -> None:
        self._model = model
        self._cache = cache
        self._encoded = encoded
        self.cached = cached
        self.logits = logits

    def go_on(self, tokens: Sequence[int]) -> None:
        """Read the next token of each text."""
        more: dict[str, Any] = {}
        if self._encoded is not None:
            states = self._encoded
            more["encoder_outputs"] = BaseModelOutput(last_hidden_state=states)
            more["attention_mask"] = torch.ones(
                states.shape[:2], dtype=torch.long, device=states.device
            )
        read = torch.tensor([[token] for token in tokens], device=self._model.device)
        self.logits = self._model.logits(read, self._cache, **more)

    def take(self, rows: Sequence[int]) -> None:
        """Go on with these of the texts; one may be taken several times."""
        if list(rows) == list(range(len(self.logits))):
            return
        taken = torch.tensor(rows, device=self._model.device)
        if self._encoded is not None:
            self._encoded = self._encoded.index_select(0, taken)
        self._cache.reorder_cache(taken)


def window_tokens(config: Any, tokenizer: Any) -> int:  # noqa: ANN401
    """How many tokens a model takes, prompt and answer together.

    The smallest number its configuration gives; else what the tokenizer says; else 2,048, or 512
    for a model with an encoder. Encoder and decoder have a window each: what fits together into
    one fits each of them.
    """
    text = config.get_text_config(decoder=True)
    said = [getattr(part, name, None) for part in (config, text) for name in _WINDOW_NAMES]
    known = [number for number in said if isinstance(number, int) and number > 0]
    if known:
        return min(known)
    limit = int(getattr(tokenizer, "model_max_length", None) or _NO_LIMIT)
    if limit < _NO_LIMIT:
        return limit
    return _DEFAULT_ENCODER_WINDOW if config.is_encoder_decoder else _DEFAULT_WINDOW
