"""Which blocks of the key-value cache hold what, and which can be read again. Pure.

A block holds the keys and values of `block_tokens` tokens in a row. They depend on every token
before them, so a full block is known by a hash chained over all tokens up to its end: two prompts
that begin alike share their first blocks.
"""

from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple


class PoolCounts(NamedTuple):
    """Blocks by what they are good for; together all there are."""

    free: int  # hold nothing
    kept: int  # nobody uses them, and they can be read again; given up when blocks run short
    used: int  # of sequences that are being written


def chained(before: bytes, tokens: Sequence[int]) -> bytes:
    """The name of a full block: 16 bytes over its tokens and the name of the block before it.

    A collision would show one conversation the evidence of another, so it is a cryptographic hash.
    """
    return blake2b(before + array("q", tokens).tobytes(), digest_size=16).digest()


class BlockPool:
    """Hands out blocks, counts their users, and keeps full ones that nobody uses any more.

    Of kept blocks the one unused for longest is given up first; of those given back together the
    later ones of a text go first, since they are of no use without the earlier.

    Args:
        blocks: how many there are, at least 1.
        block_tokens: tokens a block holds, at least 1.
    """

    def __init__(self, blocks: int, block_tokens: int) -> None:
        if blocks < 1 or block_tokens < 1:
            raise ValueError(f"{blocks} blocks of {block_tokens} tokens; both must be at least 1")
        self.blocks, self.block_tokens = blocks, block_tokens
        self._users = [0] * blocks
        self._free = list(range(blocks - 1, -1, -1))
        self._kept: OrderedDict[int, None] = OrderedDict()
        self._block_of: dict[bytes, int] = {}
        self._name_of: dict[int, bytes] = {}

    @property
    def counts(self) -> PoolCounts:
        """How the blocks are used now."""
        free, kept = len(self._free), len(self._kept)
        return PoolCounts(free, kept, self.blocks - free - kept)

    def blocks_for(self, tokens: int) -> int:
        """How many blocks hold so many tokens."""
        return -(-tokens // self.block_tokens)

    def matched(self, tokens: Sequence[int], root: bytes = b"") -> list[tuple[int, bytes]]:
        """Take the kept blocks that a text begins with, first block first, with their names.

        `root` is the name before the first block's: texts with another share nothing.

        At least two tokens are left over: the next one can be chosen only after some token was
        read, and one token is computed in another way than several, so that what was found would
        show in the logits.
        """
        found: list[tuple[int, bytes]] = []
        name, size = root, self.block_tokens
        for end in range(size, len(tokens) - 1, size):
            name = chained(name, tokens[end - size : end])
            block = self._block_of.get(name)
            if block is None:
                break
            self.share(block)
            found.append((block, name))
        return found

    def taken(self) -> int | None:
        """Take a block to write to, giving up the oldest kept one when none is free.

        None when all are in use.
        """
        if self._free:
            block = self._free.pop()
        elif self._kept:
            block, _ = self._kept.popitem(last=False)
            del self._block_of[self._name_of.pop(block)]
        else:
            return None
        self._users[block] = 1
        return block

    def share(self, block: int) -> None:
        """Count one more user of a block, which may be a kept one."""
        self._kept.pop(block, None)
        self._users[block] += 1

    def is_shared(self, block: int) -> bool:
        """Whether a block must be copied before one of its users writes to it."""
        return self._users[block] > 1

    def keep(self, block: int, name: bytes) -> None:
        """Make a full block findable by name. The first of several with the same content is."""
        if name not in self._block_of and block not in self._name_of:
            self._block_of[name] = block
            self._name_of[block] = name

    def forget(self) -> None:
        """Let nothing be found again that is in the blocks now; texts being written go on."""
        self._block_of.clear()
        self._name_of.clear()
        self._free.extend(self._kept)
        self._kept.clear()

    def give_back(self, blocks: Iterable[int]) -> None:
        """Count one user less of each block of a text, given first block first."""
        for block in reversed(list(blocks)):
            self._users[block] -= 1
            if self._users[block] > 0:
                continue
            if block in self._name_of:
                self._kept[block] = None
            else:
                self._free.append(block)
