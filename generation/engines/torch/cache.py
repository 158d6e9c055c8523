"""What was read before, kept in blocks of tokens: keys and values of every layer."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

# Cached keys would have been turned by other angles had the text been longer.
_ROTATIONS_BY_LENGTH = ("dynamic", "longrope")


@dataclass(frozen=True, slots=True)
class _Block:
    """Keys and values of `block_tokens` tokens, one (1, heads, tokens, size) pair a layer."""

    layers: tuple[tuple[Tensor, Tensor], ...]

    @property
    def bytes(self) -> int:
        return sum(tensor.nbytes for layer in self.layers for tensor in layer)


class PromptBlocks:
    """Prompts read lately, as blocks that conversations with the same beginning share.

    Only whole blocks are kept that were read as a block, each in one step of the model. So a
    prompt is computed by the same steps whether its beginning was kept or not, and what is
    written does not depend, not even by rounding, on what was asked before.

    Not safe against threads; the engine's turns see to that.

    Args:
        limit_bytes: the least recently used blocks go when there would be more.
        block_tokens: tokens of a block.
    """

    def __init__(self, limit_bytes: int, block_tokens: int) -> None:
        self.block_tokens = block_tokens
        self._limit_bytes = limit_bytes
        self._blocks: OrderedDict[bytes, _Block] = OrderedDict()
        self.bytes = 0

    def longest(
        self,
        tokens: Sequence[int],
        config: Any,  # noqa: ANN401
        audience: bytes = b"",
    ) -> tuple[DynamicCache, int]:
        """A cache that holds the longest kept beginning of a prompt, and how long that is.

        At least one token is left to read, because the model's answer to it is needed. Only what
        was kept for the same audience is found.
        """
        names = self._names(tokens[: len(tokens) - 1], audience)
        held = 0
        while held < len(names) and names[held] in self._blocks:
            held += 1
        # The first block of a prompt is touched last: it outlives those that build on it.
        for name in reversed(names[:held]):
            self._blocks.move_to_end(name)
        cache = DynamicCache(config=config)
        blocks = [self._blocks[name].layers for name in names[:held]]
        for number, layer in enumerate(zip(*blocks, strict=True)):
            cache.update(
                torch.cat([keys for keys, _ in layer], dim=-2),
                torch.cat([values for _, values in layer], dim=-2),
                number,
            )
        return cache, held * self.block_tokens

    def keep(self, tokens: Sequence[int], cache: DynamicCache, audience: bytes = b"") -> None:
        """Keep the whole blocks of what was read; `cache` holds at least `tokens`."""
        names = self._names(tokens, audience)
        for number, name in reversed(list(enumerate(names))):
            if name not in self._blocks:
                self._blocks[name] = self._block(cache, number * self.block_tokens)
                self.bytes += self._blocks[name].bytes
            self._blocks.move_to_end(name)
        while self.bytes > self._limit_bytes:
            _, dropped = self._blocks.popitem(last=False)
            self.bytes -= dropped.bytes

    def forget(self) -> None:
        """Keep nothing of what was read until now."""
        self._blocks.clear()
        self.bytes = 0

    def _block(self, cache: DynamicCache, start: int) -> _Block:
        part = slice(start, start + self.block_tokens)
        layers: Any = cache.layers
        # Copied: a view would keep the whole of a long prompt in memory.
        return _Block(
            tuple(
                (layer.keys[..., part, :].clone(), layer.values[..., part, :].clone())
                for layer in layers
            )
        )

    def _names(self, tokens: Sequence[int], audience: bytes) -> list[bytes]:
        """The name of each whole block: a digest of all tokens up to its end."""
        digest = sha256(sha256(audience).digest())
        names = []
        for end in range(self.block_tokens, len(tokens) + 1, self.block_tokens):
            block = tokens[end - self.block_tokens : end]
            digest.update(b"".join(token.to_bytes(8, "little") for token in block))
            names.append(digest.digest())
        return names


def is_reusable(config: Any) -> bool:  # noqa: ANN401 - any of transformers' configurations
    """Whether a model's cache can be cut into blocks: every layer sees all tokens before.

    Sliding windows forget, states of convolutions and recurrences cannot be cut, and some rotary
    embeddings depend on the length of the text.
    """
    text = config.get_text_config(decoder=True)
    rope = getattr(text, "rope_parameters", None) or getattr(text, "rope_scaling", None) or {}
    kinds = [rope.get("rope_type")] + [
        part.get("rope_type") for part in rope.values() if isinstance(part, dict)
    ]
    if any(kind in _ROTATIONS_BY_LENGTH for kind in kinds):
        return False
    layers = DynamicCache(config=text).layers
    return bool(layers) and all(type(layer) is DynamicLayer for layer in layers)
