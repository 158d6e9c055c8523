"""Adapt to RAG answers fold by fold, and measure every response by a network that never saw it.

    python -m training.groundedness.crossfit DATA OUT

Starts from OUT/rag.pt (see `train`). Writes OUT/domain.pt, adapted on all the rows, which is what
ships, and OUT/measured.jsonl: the signals of each in-domain row by the network of its fold, and of
each development row by that one, which was not trained on these rows, as it was not on the
sentences altered from them, nor on the records that are described for measuring. `fit` reads it.
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
from generation.groundedness.model import GroundednessModel
from generation.groundedness.network import GroundednessNetwork, TorchRunner
from generation.groundedness.packing import Packer
from generation.groundedness.signals import lexical_features
from generation.groundedness.types import Claim
from generation.groundedness.verifier import measure
from training.groundedness.edits import EDITS, RARE, synthetic, without_its_evidence
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
from training.groundedness.written import examples_of_overviews, responses_of_overviews

FOLDS = 5
SEEDS = (7, 8, 9, 10)
MAX_TOKENS = 256
_REPLAYED = 250
_EDITED = 400
_WRITTEN = 150
_DESCRIBED, _DESCRIBED_SEED = 240, 1_009
_RIGHT = 1_000
_REMOVED = 1_000
_ALTERED = 150
ALTERED = "altered"


def fold_of(group: str) -> int:
    """The fold of a group: fixed, and the same on every machine."""
    return zlib.crc32(group.encode()) % FOLDS


def domain_stage(name: str, rows: Sequence[Example], fold: int | None, seed: int) -> Stage:
    """Adapt on in-domain rows outside a fold (all for None), with a little of everything else.

    Few sentences of real answers are wrong: each is shown four times. Many more are once their
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
    return Stage(name, [*wrong * 4, *removed, *shown, *again], 1, 1.2e-4, MAX_TOKENS)


def adapted(
    name: str, rows: Sequence[Example], fold: int | None, out: Path, device: str
) -> GroundednessNetwork:
    """The network adapted once for each seed, their weights averaged; OUT/name.pt keeps it.

    An average of weights that began alike is as fast as one of them and steadier (Wortsman et al.
    2022, "Model soups").
    """
    folder = bundled_encoder()
    found = []
    for seed in SEEDS:
        network = fresh_network(folder)
        network.load_state_dict(torch.load(out / "rag.pt", "cpu", weights_only=True))
        trainer = Trainer(network, out, device, seed)
        stage = domain_stage(f"{name}-seed-{seed}", rows, fold, seed)
        trainer.run(stage, folder / "tokenizer.json")
        found.append(trainer.network.to("cpu").state_dict())
    mean = {key: torch.stack([one[key] for one in found]).mean(0) for key in found[0]}
    torch.save(mean, out / f"{name}.pt")
    network = fresh_network(folder)
    network.load_state_dict(mean)
    return network


def model_of(network: GroundednessNetwork, folder: Path, max_tokens: int) -> GroundednessModel:
    """A network with the tokenizer it was trained with."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return GroundednessModel(TorchRunner(network), Packer(tokenizer, max_tokens))


def altered(rows: Sequence[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """Supported sentences of some rows, each beside itself with one detail altered, as rows.

    Responses that people write down as wrong seldom differ from their evidence in one word. A
    calibration that never met such a sentence would give no weight to a negation or a unit.
    """
    rng = random.Random(seed)
    made: list[dict[str, Any]] = []
    counts = dict.fromkeys(EDITS, 0)
    for row in rng.sample(rows, len(rows)):
        if not row["label"]:
            continue
        sentence = rng.choice([one.sentence for one in examples_of([row])])
        for name in sorted(EDITS, key=lambda name: counts[name]):
            edited = EDITS[name][0](rng, sentence, row["context"])
            if counts[name] < _ALTERED and edited and edited[0] not in row["context"]:
                counts[name] += 1
                made += [
                    {**row, "task": ALTERED, "claim": claim, "label": label, "unsup_spans": None}
                    for claim, label in ((sentence, 1), (edited[0], 0))
                ]
                break
    return made


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
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    folder = bundled_encoder()
    rows = read_rows(arguments.data / "train.jsonl.gz")
    inside = [row for row in rows if row["ds"] == IN_DOMAIN]
    examples = list(examples_of(rows))
    found: list[dict[str, Any]] = []
    for fold in [None, *range(FOLDS)]:
        name = "domain" if fold is None else f"domain-{fold}"
        network = adapted(name, examples, fold, arguments.out, arguments.device)
        model = model_of(network, folder, MAX_TOKENS)
        if fold is None:
            held_out = read_rows(arguments.data / "dev.jsonl.gz")
            held_out += altered(held_out, SEEDS[0])
            held_out += responses_of_overviews(overviews(_DESCRIBED, _DESCRIBED_SEED), SEEDS[0])
        else:
            held_out = [row for row in inside if fold_of(group_of(row)) == fold]
        found.extend(measured(model, held_out, fold))
        print(f"{name}: measured {len(held_out)}", flush=True)
    with (arguments.out / "measured.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in found)


if __name__ == "__main__":
    main()
