"""First-token time and tokens a second of the configured chat model.

    python -m benchmarks.generation_speed [--prompt-tokens 1000] [--new-tokens 64] [--runs 5]

Greedy, one conversation at a time, the whole prompt read anew each run. Prints the median and the
range.
"""

import argparse
import statistics
import time

from app.bootstrap import Assay
from app.settings import read_settings
from generation.decoding import Decoding
from generation.types import Message

FILLER = "The lease of the workshop on Harbour Street runs until the last day of March. "


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--prompt-tokens", type=int, default=1000)
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    engine = Assay(read_settings()).engine
    text = ""
    while engine.count_tokens(conversation(text)) < arguments.prompt_tokens:
        text += FILLER
    first, rates = [], []
    for run in range(arguments.runs + 1):
        started = time.perf_counter()
        heard: list[float] = []
        tokens = 0
        pieces = engine.stream(
            conversation(text),
            Decoding(max_tokens=arguments.new_tokens),
            is_cancelled=lambda: False,
        )
        for piece in pieces:
            if piece.text:
                heard.append(time.perf_counter())
            if piece.usage:
                tokens = piece.usage.completion_tokens
        if run:  # the first run warms caches
            first.append(heard[0] - started)
            rates.append((tokens - 1) / (heard[-1] - heard[0]))
    prompt = engine.count_tokens(conversation(text))
    print(f"{engine.info.name}, {prompt} prompt tokens, {tokens} new tokens, n={len(first)}")
    print(
        f"first token {statistics.median(first):.2f} s ({min(first):.2f} to {max(first):.2f}), "
        f"decode {statistics.median(rates):.1f} tokens/s ({min(rates):.1f} to {max(rates):.1f})"
    )


def conversation(text: str) -> list[Message]:
    return [Message("user", f"{text}\n\nTell a long story about this workshop.")]


if __name__ == "__main__":
    main()
