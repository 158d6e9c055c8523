"""Adapt to RAG answers fold by fold, and measure every response by a network that never saw it.

    python -m training.groundedness.crossfit DATA OUT

Starts from OUT/rag.pt (see `train`). Writes OUT/domain.pt, adapted on all the rows, which is what
ships, and OUT/measured.jsonl: the signals of each in-domain row by the network of its fold, and of
each development row by that one, which was not trained on these rows. `fit` reads that file.
"""

import argparse
import json
import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from generation.groundedness.context import evidence_of
from generation.groundedness.model import GroundednessModel, GroundednessNetwork
from generation.groundedness.packing import Packer
from generation.groundedness.signals import lexical_features
from generation.groundedness.types import Claim
from generation.groundedness.verifier import measure
from training.groundedness.edits import RARE, synthetic, without_its_evidence
from training.groundedness.records import overviews
from training.groundedness.rows import (
    IN_DOMAIN,
    Example,
    capped,
    examples_of,
    group_of,
    overlaps,
    read_rows,
)
from training.groundedness.train import Stage, Trainer, bundled_encoder, fresh_network
from training.groundedness.written import examples_of_overviews

FOLDS = 5
MAX_TOKENS = 256
_REPLAYED = 250
_EDITED = 400
_WRITTEN = 150
_RIGHT = 900
_REMOVED = 700


def fold_of(group: str) -> int:
    """The fold of a group: fixed, and the same on every machine."""
    return zlib.crc32(group.encode()) % FOLDS


def domain_stage(name: str, rows: Sequence[Example], fold: int | None, seed: int) -> Stage:
    """Adapt on in-domain rows outside a fold (all for None), with a little of everything else.

    Few sentences of real answers are wrong: each is shown three times. Many more are once their
    evidence is taken away: nearest to what assistants add of their own. Edits of the rarer kinds
    keep an eye on details.
    """
    chooser = random.Random(seed)
    inside = [
        row
        for row in rows
        if row.source == IN_DOMAIN and (fold is None or fold_of(row.group) != fold)
    ]
    wrong = [row for row in inside if not row.is_supported]
    right = [row for row in inside if row.is_supported]
    others = [row for row in rows if row.source != IN_DOMAIN]
    some = capped(others, dict.fromkeys({row.source for row in others}, 400), seed)
    written = list(examples_of_overviews(overviews(_WRITTEN, seed + 1), seed))
    again = [
        *chooser.sample(some, _REPLAYED),
        *synthetic(others, _EDITED, seed + 1, RARE),
        *chooser.sample(written, _WRITTEN),
    ]
    removed = [
        replace(made, question=row.question, before=row.before)
        for row in chooser.sample(right, len(right))
        for made in without_its_evidence(row, row.sentence)
    ][:_REMOVED]
    shown = chooser.sample(right, min(_RIGHT, len(right)))
    return Stage(name, [*wrong * 3, *removed, *shown, *again], 1, 8e-5, MAX_TOKENS)


def model_of(network: GroundednessNetwork, folder: Path, max_tokens: int) -> GroundednessModel:
    """A network with the tokenizer it was trained with."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return GroundednessModel(network, Packer(tokenizer, max_tokens))


def measured(
    model: GroundednessModel, rows: Sequence[dict[str, Any]], fold: int | None
) -> Iterator[dict[str, Any]]:
    """Signals and labels of every response, as plain values."""
    for begin in range(0, len(rows), 16):
        some = rows[begin : begin + 16]
        claims = [Claim(r["question"], evidence_of(r["context"]), r["claim"]) for r in some]
        for row, (seen, evidence) in zip(some, measure(model, claims), strict=True):
            spans = row.get("unsup_spans")
            knows = bool(row["label"]) or spans is not None or len(seen) == 1
            yield {
                "ds": row["ds"],
                "task": row.get("task") or row["ds"],
                "group": group_of(row),
                "fold": fold,
                "label": int(row["label"]),
                "lexical": lexical_features([one.compared.words for one in seen], evidence),
                "words": len(row["claim"].split()),
                "sentences": [
                    {
                        "signals": asdict(one.signals),
                        "marked": one.marked,
                        "label": _label(row, one.start, one.end) if knows else None,
                    }
                    for one in seen
                ],
            }


def _label(row: dict[str, Any], start: int, end: int) -> int:
    if row["label"] or not row.get("unsup_spans"):
        return int(row["label"])
    return int(not overlaps(row["claim"], row["unsup_spans"], start, end))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    folder = bundled_encoder()
    rows = read_rows(arguments.data / "train.jsonl.gz")
    inside = [row for row in rows if row["ds"] == IN_DOMAIN]
    examples = list(examples_of(rows))
    found: list[dict[str, Any]] = []
    for fold in [None, *range(FOLDS)]:
        name = "domain" if fold is None else f"domain-{fold}"
        network = fresh_network(folder)
        network.load_state_dict(torch.load(arguments.out / "rag.pt", "cpu", weights_only=True))
        trainer = Trainer(network, arguments.out, arguments.device, arguments.seed)
        trainer.run(domain_stage(name, examples, fold, arguments.seed), folder / "tokenizer.json")
        model = model_of(trainer.network.to("cpu"), folder, MAX_TOKENS)
        if fold is None:
            held_out = read_rows(arguments.data / "dev.jsonl.gz")
        else:
            held_out = [row for row in inside if fold_of(group_of(row)) == fold]
        found.extend(measured(model, held_out, fold))
        print(f"{name}: measured {len(held_out)}", flush=True)
    with (arguments.out / "measured.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in found)


if __name__ == "__main__":
    main()
