"""What was made of pages: bounded, and forgotten when anything in the store changes."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

Kept = TypeVar("Kept")


class PageCache(Generic[Kept]):
    """Keeps what was used last, up to a number of bytes. Safe to use from several threads.

    Args:
        limit_bytes: of all that is kept together; what is larger alone is not kept.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._lock = Lock()
        self._kept: OrderedDict[Hashable, tuple[Kept, int]] = OrderedDict()
        self._bytes = 0
        self._change_number = -1

    @property
    def bytes(self) -> int:
        """How much is kept."""
        return self._bytes

    def get(self, key: Hashable, change_number: int) -> Kept | None:
        """What was kept under a key, while the store's change number is what it was then.

        A deletion is a change: nothing of a deleted document is found here, nor stays here.
        """
        with self._lock:
            if change_number != self._change_number:
                self._kept.clear()
                self._bytes, self._change_number = 0, change_number
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: Kept, size: int, change_number: int) -> None:
        """Keep a value of `size` bytes that was made at a change number."""
        with self._lock:
            if change_number != self._change_number or size > self._limit_bytes:
                return
            if key in self._kept:
                self._bytes -= self._kept.pop(key)[1]
            self._kept[key] = (value, size)
            self._bytes += size
            while self._bytes > self._limit_bytes:
                _, (_, dropped) = self._kept.popitem(last=False)
                self._bytes -= dropped
