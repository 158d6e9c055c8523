"""What guessing ahead is worth: the same greedy answers with and without it, in turns.

    python -m benchmarks.speculation MODEL_FOLDER TEXT_FOLDER [--prompts 8] [--new-tokens 64]

MODEL_FOLDER is a converted model, TEXT_FOLDER has text files; each prompt is built from the
beginning of one. Prints the ratio of decoding speeds (median and quartiles over prompts) and how
many texts are the same.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from generation.decoding import Decoding
from generation.engines.openvino.engine import OpenVinoEngine
from generation.prompt import Excerpt, build_prompt
from generation.types import EngineInfo, Message
from retrieval.types import Document, Hit, Passage

_PASSAGES, _PASSAGE_CHARACTERS = 3, 400
_CACHE_MB = 512


class Timed(NamedTuple):
    """One answer: its text, seconds after the first piece, tokens written."""

    text: str
    seconds: float
    tokens: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--new-tokens", type=int, default=64)
    chosen = parser.parse_args(arguments)
    info = EngineInfo(chosen.model.name, "openvino")
    engines = {
        guesses: OpenVinoEngine(info, chosen.model, cache_mb=_CACHE_MB, speculation=guesses)
        for guesses in (False, True)
    }
    ratios, same, written = [], 0, 0
    prompts = list(prompts_from(chosen.texts, chosen.prompts))
    for number, messages in enumerate(prompts):
        # In turns, and the other one first each time: the machine has other things to do as well.
        order = (False, True) if number % 2 else (True, False)
        for guesses in order:
            timed(engines[guesses], messages, 1)
        found = {guesses: timed(engines[guesses], messages, chosen.new_tokens) for guesses in order}
        same += found[False].text == found[True].text
        written += found[False].tokens
        if found[False].tokens > 1:
            speeds = {guesses: one.tokens / one.seconds for guesses, one in found.items()}
            ratios.append(speeds[True] / speeds[False])
    low, _, high = quantiles(ratios, n=4)
    sys.stdout.write(
        f"speed with guesses / without: {median(ratios):.2f} ({low:.2f} to {high:.2f}), "
        f"n = {len(ratios)}; same text {same} of {len(prompts)}; {written} tokens\n"
    )


def timed(engine: OpenVinoEngine, messages: Sequence[Message], tokens: int) -> Timed:
    """Ask, and measure from the first piece of text on."""
    pieces, started = [], None
    for piece in engine.stream(messages, Decoding(max_tokens=tokens), is_cancelled=lambda: False):
        started = started or time.perf_counter()
        pieces.append(piece)
    usage = pieces[-1].usage
    seconds = time.perf_counter() - (started or 0.0)
    return Timed("".join(p.text for p in pieces), seconds, usage.completion_tokens if usage else 0)


def prompts_from(folder: Path, count: int) -> list[tuple[Message, ...]]:
    """A prompt for each of the first texts that are long enough, laid out as for a reader."""
    prompts: list[tuple[Message, ...]] = []
    for number, path in enumerate(sorted(folder.iterdir())):
        text = " ".join(path.read_text(encoding="utf-8").split())
        if len(text) < _PASSAGES * _PASSAGE_CHARACTERS or len(prompts) == count:
            continue
        size = _PASSAGE_CHARACTERS
        parts = [text[size * k : size * (k + 1)] for k in range(_PASSAGES)]
        document = Document(number, 1, path.stem, path.name, "", "text/plain", 1)
        hits = [
            Hit(
                Passage(k, number, 1, 1, size * k, size * (k + 1), None, "", part),
                document,
                1.0,
                None,
            )
            for k, part in enumerate(parts)
        ]
        words = " ".join(parts[1].split()[2:6])
        prompt = build_prompt(
            f"What does the text say about {words}?",
            [Excerpt(hit, 0, len(hit.passage.text)) for hit in hits],
            [],
            language="English",
            count_tokens=lambda messages: sum(len(m.content) for m in messages) // 4,
            budget_tokens=1500,
            evidence_tokens=900,
        )
        prompts.append(prompt.messages)
    return prompts


if __name__ == "__main__":
    main()
