"""The reader's side of `ingestion.sandbox`: limits first, then one file after the other.

Runs as a process of its own. Requests come on the standard input, replies go to what was the
standard output; both are replaced by the null device before any library is called, so that
nothing a library prints can pass for a reply.

Request: 4 bytes length, JSON {"name", "bytes", "seconds", "characters", "reads_hidden",
"passwords"}, then the file's bytes.
Reply: 8 bytes length, JSON; either {"document": ...}, {"rejected": [class, message]} or
{"failed": message}, after any number of {"alive": true}, each of which asks for as much time again.
The first reply, {"ready": true}, comes without a request.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from functools import partial
from typing import Any, BinaryIO

from ingestion.errors import FileRejected, FileTooLarge
from ingestion.readers import read_document
from ingestion.readers.ocr import sign_of_life
from ingestion.types import ParsedDocument

_MOST_OPEN_FILES = 32
_MOST_SAID = 300  # characters of what a library says of its error
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_NEW_NETWORK, _NEW_USER = 0x40000000, 0x10000000  # CLONE_NEWNET, CLONE_NEWUSER
Reply = dict[str, Any]


def main() -> None:
    """Serve requests until the standard input ends.

    The only argument is the address space in bytes.
    """
    requests, replies = take_over(0, "rb"), take_over(1, "wb")
    limit_this_process(int(sys.argv[1]))
    send(replies, {"ready": True})
    while header := requests.read(4):
        request = json.loads(requests.read(int.from_bytes(header)))
        data = requests.read(request["bytes"])
        seconds = request["seconds"]
        allow_seconds(seconds)
        sign_of_life.set(partial(_show_life, replies, seconds))
        send(replies, _reply(request, data))


def _show_life(replies: BinaryIO, seconds: int) -> None:
    """Say that the file goes on and let its next part have as much time again."""
    allow_seconds(seconds)
    send(replies, {"alive": True})


def take_over(descriptor: int, mode: str) -> BinaryIO:
    """Keep a stream to ourselves and leave the null device in its place."""
    stream = os.fdopen(os.dup(descriptor), mode)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, descriptor)
    os.close(null)
    return stream  # type: ignore[return-value]  # a binary mode gives a binary stream


def limit_this_process(address_space_bytes: int) -> None:
    """Nothing to write to, nobody to talk to, little to use; not to outlive the parent."""
    _lower(resource.RLIMIT_AS, address_space_bytes)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NOFILE, _MOST_OPEN_FILES)
    if sys.platform == "linux":
        system = ctypes.CDLL(None, use_errno=True)
        system.prctl(_DIE_WITH_PARENT, int(signal.SIGKILL))
        # Where the kernel lets us: a network without devices. Readers open no connection anyway.
        if system.unshare(_NEW_NETWORK):
            system.unshare(_NEW_USER | _NEW_NETWORK)
        # After the namespaces: a new user may not be made without processes to its name.
        _lower(resource.RLIMIT_NPROC, 0)


def _lower(what: int, wanted: int) -> None:
    _, most = resource.getrlimit(what)
    value = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(what, (value, value))


def allow_seconds(seconds: int) -> None:
    """Let this file use so much processor time from now; the limit counts from the start."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(
        resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, most)
    )


def _reply(request: dict[str, Any], data: bytes) -> Reply:
    try:
        document = read_document(
            request["name"],
            data,
            reads_hidden=request["reads_hidden"],
            passwords=request["passwords"],
        )
        _check_length(document, request["characters"])
    except FileRejected as error:
        return {"rejected": [type(error).__name__, str(error)]}
    except MemoryError:
        return {"failed": "needs more memory than the reader may use"}
    except Exception as error:  # noqa: BLE001  # whatever a library does to a hostile file is
        # about that file: it must not look like a defect of the next one.
        return {"failed": f"made the reader fail ({_in_brief(error)})"}
    return {"document": _as_json(document)}


def _in_brief(error: Exception) -> str:
    """Its kind and the last line it says: some libraries put whole tracebacks into their errors."""
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {said[-1][:_MOST_SAID]}" if said else type(error).__name__


def _check_length(document: ParsedDocument, limit_characters: int) -> None:
    if len(document.text) > limit_characters:
        raise FileTooLarge(
            "characters of text", len(document.text), limit_characters, "split the file"
        )


def _as_json(document: ParsedDocument) -> Reply:
    return {
        "title": document.title,
        "media_type": document.media_type,
        "text": document.text,
        "blocks": [
            [block.kind.value, block.start, block.end, block.level, block.page]
            for block in document.blocks
        ],
        "hidden": [
            [piece.by.value, piece.text, piece.page, piece.characters] for piece in document.hidden
        ],
    }


def send(replies: BinaryIO, reply: Reply) -> None:
    # Plain text may hold a lone surrogate after all; a reply must always be sendable.
    payload = json.dumps(reply, ensure_ascii=False).encode("utf-8", errors="replace")
    replies.write(len(payload).to_bytes(8) + payload)
    replies.flush()


if __name__ == "__main__":
    main()
