"""Models made ready once, kept by content: a GGUF file into a folder that loads in a second."""

import fcntl
import functools
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from generation.engines.weights import SOURCE_FILE, file_sha256
from generation.errors import EngineMissing
from retrieval.inference.quiet import keep_transformers_quiet

# Told the stage and the share of it that is done, in [0, 1].
Progress: TypeAlias = Callable[[str, float], None]

# A tokenizer that was converted wrongly splits words into bytes and shows their symbols.
_ROUND_TRIPS = (
    "The rent is due on 31 March 2027.",
    "Größe: 12 m², naïve café, 東京",
    "def rent(month):\n    return 1_250",
)
_logger = logging.getLogger(__name__)


def converted_folder(
    gguf: Path, models: Path, *, on_progress: Progress = lambda _stage, _share: None
) -> Path:
    """The folder with the weights and tokenizer of a GGUF file, made on first use.

    transformers reads a GGUF file in 15 to 30 seconds, most of it unpacking weights and
    rebuilding the tokenizer, and the result of the same file under `models` in one. The weights
    are unpacked to bfloat16: twice the size on disk, several times the speed of packed ones.

    Raises:
        EngineMissing: its tokenizer does not give back the text it is given.
        OSError, ValueError, KeyError: transformers cannot read it.
    """

    def convert(partial: Path) -> None:
        _logger.warning("preparing %s for its first use; this is done once", gguf.name)
        _convert(gguf, partial, on_progress)
        write_source(partial, {"weights_sha256": digest})

    digest = file_sha256(gguf, models)
    return made_once(models / f"{gguf.stem}-{digest[:16]}", convert, on_progress)


def made_once(
    folder: Path, make: Callable[[Path], None], on_progress: Progress = lambda _stage, _share: None
) -> Path:
    """A folder that is whole or not there, made by the first process that asks.

    Args:
        folder: what is wanted. Others that want it at the same time wait for the first.
        make: fills the empty folder it is given. When it raises, or the process is killed, what it
            left is removed then, or by the next that asks.
        on_progress: told of the wait for another process.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.parent / f".{folder.name}.partial"
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        _wait_for(lock.fileno(), on_progress)
        if folder.is_dir():
            return folder
        # Nobody else can be at it: its maker held the lock and is gone.
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        try:
            make(partial)
            _flush(partial)
            partial.rename(folder)
            _flush_folder(folder.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return folder


def write_source(folder: Path, source: dict[str, Any]) -> None:
    """Say in a folder that is being made where it comes from."""
    text = json.dumps(source, indent=1, sort_keys=True)
    (folder / SOURCE_FILE).write_text(text + "\n", encoding="utf-8")


def require_round_trips(tokenizer: Any, name: str) -> None:  # noqa: ANN401
    """Make sure that text comes back as it was; spaces are a tokenizer's own affair.

    A release of transformers read GGUF tokenizers so that answers were full of byte symbols.

    Raises:
        EngineMissing: it does not.
    """
    for text in _ROUND_TRIPS:
        tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
        again = tokenizer.decode(tokens, skip_special_tokens=True)
        if again.split() != text.split():
            raise EngineMissing(
                name,
                f"transformers reads its tokenizer wrongly ({text!r} comes back as {again!r}); "
                "give the model as a transformers folder or hub id instead of the GGUF file",
            )


def _wait_for(lock: int, on_progress: Progress) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        on_progress("waiting for another process that prepares the model", 0.0)
        fcntl.flock(lock, fcntl.LOCK_EX)


def _convert(gguf: Path, folder: Path, on_progress: Progress) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    keep_transformers_quiet()
    source: dict[str, Any] = {"gguf_file": gguf.name, "local_files_only": True}
    on_progress("reading the tokenizer", 0.0)
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), **source)
    require_round_trips(tokenizer, gguf.name)
    tokenizer.save_pretrained(folder)
    on_progress("unpacking the weights", 0.0)
    with _without_bar():
        model = AutoModelForCausalLM.from_pretrained(
            str(gguf.parent),
            **source,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
        )
    on_progress("writing the weights", 0.0)
    model.save_pretrained(folder)


@contextmanager
def _without_bar() -> Iterator[None]:
    """Keep a bar off the terminal that transformers' own switch does not reach."""
    from transformers import modeling_gguf_pytorch_utils

    reader: Any = modeling_gguf_pytorch_utils
    shown = reader.tqdm
    reader.tqdm = functools.partial(shown, disable=True)
    try:
        yield
    finally:
        reader.tqdm = shown


def _flush(folder: Path) -> None:
    """To the disk with what was written, so that not even a power cut leaves half of it."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    _flush_folder(folder)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
