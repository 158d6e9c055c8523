"""How long the verifier takes: one sentence, and an answer of six, beside the embedding model.

    python -m benchmarks.verifier_latency [FOLDER] [--runs 40]

Interleaved runs, so that whatever else the machine does falls on all alike. Prints medians, the
95th percentile, and the ratio to encoding as many texts of the same length.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from generation.answer_finding.model import load_finder
from generation.groundedness.types import Claim
from generation.groundedness.verifier import WEIGHTS, LocalVerifier, load_verifier
from retrieval.encoder_loading import load_encoder

_FILLER = (
    "The harbour office of Ottermere opens at eight and closes at five, except in August, when "
    "the ferries run until ten and a clerk stays on. Fees for visiting boats are paid by length. "
)
_SENTENCE = "The office closes at five, but in August a clerk stays until ten."
_QUESTION = "When does the office close?"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=WEIGHTS,
        help="weights, as the training exports them",
    )
    parser.add_argument("--runs", type=int, default=40)
    arguments = parser.parse_args()
    runs = arguments.runs
    verifier, encoder = load_verifier(arguments.folder, load_finder()), load_encoder()
    text = _evidence_of(verifier, 256)
    tasks: dict[str, Callable[[], object]] = {
        "one sentence, 256 tokens": lambda: verifier.judge("", [_SENTENCE], [text]),
        "six sentences, 256 tokens each": lambda: verifier.judge("", [_SENTENCE] * 6, [text]),
        "six sentences that answer a question": lambda: verifier.judge(
            _QUESTION, [_SENTENCE] * 6, [text]
        ),
        "six sentences, long evidence": lambda: verifier.judge("", [_SENTENCE] * 6, [text] * 8),
        "response of ten sentences": lambda: verifier.verify(
            [Claim("When is it open?", (text,) * 4, " ".join([_SENTENCE] * 10))]
        ),
        "encode one text of 256 tokens": lambda: encoder.encode([text]),
    }
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for run in range(runs + 2):
        for name, task in tasks.items():
            started = time.perf_counter()
            task()
            if run >= 2:  # the first ones warm up
                seconds[name].append(time.perf_counter() - started)
    for name, taken in seconds.items():
        ordered = sorted(taken)
        print(
            f"{name}: median {1000 * statistics.median(taken):.1f} ms, "
            f"p95 {1000 * ordered[int(0.95 * len(ordered))]:.1f} ms (n={len(taken)})"
        )


def _evidence_of(verifier: LocalVerifier, tokens: int) -> str:
    """Evidence that fills a packed sentence to so many tokens, as nearly as it goes."""
    text = _FILLER
    while verifier.tokens("", _SENTENCE, [f"{text} {_FILLER}"]) < tokens - 60:
        text = f"{text} {_FILLER}"
    for _ in range(200):  # what no longer fits is not read: the count may stop short of `tokens`
        if verifier.tokens("", _SENTENCE, [f"{text} boat"]) >= tokens:
            break
        text = f"{text} boat"
    return text


if __name__ == "__main__":
    main()
