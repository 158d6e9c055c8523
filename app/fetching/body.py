"""What a server sends, whole and unpacked, or an error: never a part of it."""

import http.client
import zlib
from collections.abc import Iterable, Iterator

from ingestion.errors import FileRejected, FileTooLarge, NotFetched

_PIECE_BYTES = 1 << 16
_PLAIN = frozenset({"", "identity"})
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_EITHER_HEADER = 32 + zlib.MAX_WBITS


def body_of(reply: http.client.HTTPResponse, limit_bytes: int) -> bytes:
    """All of a reply's body.

    Raises:
        FileTooLarge: it has more than `limit_bytes`, packed or not.
        FileRejected: it is packed in a way that is not read, or not as it says.
        NotFetched: it ended before it was whole.
    """
    packing = reply.headers.get("Content-Encoding", "").strip().lower()
    if packing not in _PLAIN | _PACKED:
        raise FileRejected(
            f"the server sends it packed as {packing[:50]!r}, which was not asked for; download it "
            "and add the file"
        )
    _check_size(int(reply.length or 0), limit_bytes)
    pieces = _pieces(reply)
    content = bytearray()
    for piece in _unpacked(pieces) if packing in _PACKED else pieces:
        content += piece
        _check_size(len(content), limit_bytes)
    return bytes(content)


def _check_size(size: int, limit_bytes: int) -> None:
    if size > limit_bytes:
        raise FileTooLarge("bytes or more", size, limit_bytes, "download it and split it")


def _pieces(reply: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while piece := reply.read(_PIECE_BYTES):
            yield piece
    except http.client.IncompleteRead as error:  # of one that came without a length, in chunks
        raise NotFetched("it broke off before its end") from error
    if reply.length:  # what was announced and did not come; `read` itself does not mind
        raise NotFetched(f"it broke off {reply.length:,} bytes before its end")


def _unpacked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A little at a time, whatever it unpacks to."""
    packed = zlib.decompressobj(_EITHER_HEADER)
    try:
        for piece in pieces:
            rest = piece
            while rest and not packed.eof:
                yield packed.decompress(rest, _PIECE_BYTES)
                rest = packed.unconsumed_tail
    except zlib.error as error:
        raise FileRejected("it is not packed as the server says; download it and add it") from error
    if not packed.eof:
        raise NotFetched("it broke off before its end")
