"""llama.cpp beside us, on the same GGUF file: a yardstick for developers, no part of the product.

Its package, xllamacpp, is among the packages for development only.
"""

import importlib.util
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evals.errors import LlamaCppMissing
from evals.speed.measuring import Sample, System
from generation.types import Message

_PACKAGE = "xllamacpp"
_TIMEOUT_SECONDS = 600
# It ends with whoever started it: its standard input is closed then.
_SERVE = """
import os, sys, xllamacpp
parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[1]
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = int(sys.argv[2])
parameters.n_ctx = int(sys.argv[3])
parameters.n_parallel = 1
parameters.hostnames = ["127.0.0.1"]
parameters.port = 0
parameters.ui = False
parameters.verbosity = 0
server = xllamacpp.Server(parameters)
print("\\n" + server.listening_address, flush=True)
sys.stdin.read()
os._exit(0)
"""


@contextmanager
def llama_cpp_system(model: Path, *, threads: int, window: int) -> Iterator[System]:
    """llama.cpp's server over a GGUF file, in a process of its own, for one request at a time.

    Its own timings are taken, so its HTTP costs it nothing.

    Args:
        window: tokens of prompt and answer together.

    Raises:
        LlamaCppMissing: its package is not installed, or it cannot load the file.
    """
    if importlib.util.find_spec(_PACKAGE) is None:
        raise LlamaCppMissing(f"the package {_PACKAGE} is not installed")
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", _SERVE, str(model), str(threads), str(window)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        try:
            lines = (line.strip() for line in process.stdout or ())
            address = next((line for line in lines if line.startswith("http://")), None)
            if address is None:
                raise LlamaCppMissing(f"llama.cpp does not load {model.name}")
            yield lambda prompt, tokens: _answer(address, prompt, tokens)
        finally:
            process.kill()


def _answer(address: str, prompt: Sequence[Message], tokens: int) -> Sample:
    body = {
        "messages": [{"role": one.role, "content": one.content} for one in prompt],
        "max_tokens": tokens,
        "temperature": 0,
        "ignore_eos": True,
        "cache_prompt": True,
    }
    request = urllib.request.Request(  # noqa: S310 - an address of our own, above
        f"{address}/v1/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as reply:  # noqa: S310
        told: Any = json.load(reply)
    timings, usage = told["timings"], told["usage"]
    # Its rate counts the first token too, which comes with the prompt: as many steps less one.
    each = timings["predicted_ms"] / 1000 / max(timings["predicted_n"] - 1, 1)
    return Sample(
        first_token_seconds=timings["prompt_ms"] / 1000,
        decode_seconds=each * (tokens - 1),
        prompt_tokens=usage["prompt_tokens"],
        cached_tokens=usage["prompt_tokens"] - timings["prompt_n"],
        tokens=usage["completion_tokens"],
    )
