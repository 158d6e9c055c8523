"""Packs examples for training, and makes batches of like length."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor

from generation.groundedness.network import batch
from generation.groundedness.packing import Packed, Packer, ReadEvidence
from training.groundedness.rows import Example

_MOST_ROWS = 96
# A new shape costs more than a little padding: kernels are made for each.
_PADDED_TO = 16


@dataclass(frozen=True, slots=True)
class Lesson:
    """A packed example with its targets; -1 where a target is unknown."""

    packed: Packed
    support: float
    contradiction: float
    tokens: tuple[float, ...]


class _Pack:
    """Packs in a worker process; evidence that many sentences share is read once."""

    def __init__(self, tokenizer: Path, max_tokens: int) -> None:
        self._packer = Packer(Tokenizer.from_file(str(tokenizer)), max_tokens)
        self._read = lru_cache(maxsize=64)(self._packer.read)

    def __call__(self, example: Example) -> Lesson:
        read: ReadEvidence = self._read(example.evidence)
        packed = self._packer.pack(example.question, example.before, example.sentence, read)
        tokens = (-1.0,) * len(packed.offsets)
        if example.unsupported is not None:
            tokens = tuple(
                float(any(a < end and start < b for a, b in example.unsupported))
                for start, end in packed.offsets
            )
        contradiction = -1.0 if example.contradicts is None else float(example.contradicts)
        return Lesson(packed, float(example.is_supported), contradiction, tokens)


_packs: list[_Pack] = []  # of this worker process: one


def _start(tokenizer: Path, max_tokens: int) -> None:
    _packs.append(_Pack(tokenizer, max_tokens))


def _lesson(example: Example) -> Lesson:
    return _packs[-1](example)


def lessons(
    examples: Sequence[Example], tokenizer: Path, max_tokens: int, processes: int = 2
) -> list[Lesson]:
    """Pack examples in worker processes, in order."""
    with get_context("fork").Pool(processes, _start, (tokenizer, max_tokens)) as pool:
        return pool.map(_lesson, examples, chunksize=256)


def batches(found: Sequence[Lesson], tokens: int, seed: int) -> list[list[Lesson]]:
    """Shuffled batches of like length with at most `tokens` tokens, padding counted."""
    shuffler = random.Random(seed)
    order = list(range(len(found)))
    shuffler.shuffle(order)
    made: list[list[Lesson]] = []
    for begin in range(0, len(order), 4_096):
        pool = sorted(order[begin : begin + 4_096], key=lambda i: len(found[i].packed.tokens))
        current: list[Lesson] = []
        for i in pool:
            longest = -(-len(found[i].packed.tokens) // _PADDED_TO) * _PADDED_TO
            if current and (longest * (len(current) + 1) > tokens or len(current) == _MOST_ROWS):
                made.append(current)
                current = []
            current.append(found[i])
        made.append(current)
    shuffler.shuffle(made)
    return made


@dataclass(frozen=True, slots=True)
class Tensors:
    """A batch: inputs (batch, length) int64; targets float32, -1 where unknown."""

    tokens: Tensor
    types: Tensor
    mask: Tensor
    support: Tensor  # (batch,)
    contradiction: Tensor  # (batch,)
    unsupported: Tensor  # (batch, length)

    def to(self, device: str) -> Iterator[Tensor]:
        """The six tensors on a device."""
        for tensor in (self.tokens, self.types, self.mask):
            yield tensor.to(device)
        for tensor in (self.support, self.contradiction, self.unsupported):
            yield tensor.to(device)


def tensors(found: Sequence[Lesson]) -> Tensors:
    """Pad a batch of lessons."""
    tokens, types, mask = batch([lesson.packed for lesson in found], _PADDED_TO)
    unsupported = torch.full(tokens.shape, -1.0)
    for row, lesson in enumerate(found):
        first = lesson.packed.first
        unsupported[row, first : first + len(lesson.tokens)] = torch.tensor(lesson.tokens)
    return Tensors(
        tokens,
        types,
        mask,
        torch.tensor([lesson.support for lesson in found]),
        torch.tensor([lesson.contradiction for lesson in found]),
        unsupported,
    )
