"""Train the answer finder; see docs/ANSWERS.md.

    python -m training.answer_finding.train SQUAD_FOLDER XQUAD_FOLDER OUT [--epochs 2]

Starts from the bundled groundedness model's encoder. OUT gets a checkpoint every two minutes, from
which a run that was stopped goes on, and at the end the network. Two of the eight fitting articles
are left out: the regression for abstention is fitted on them (`benchmarks/fit_sufficiency.py`).
"""

import argparse
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from sklearn.metrics import roc_auc_score
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from benchmarks.squad import FITTING, normalised
from generation.answer_finding.model import LocalAnswerFinder
from generation.answer_finding.network import FinderNetwork
from generation.answer_finding.packing import Window, WindowPacker
from generation.groundedness.network import TorchRunner
from generation.groundedness.verifier import WEIGHTS
from training.answer_finding.office import office_questions
from training.answer_finding.questions import Asked, made_unanswerable, squad, xquad
from training.groundedness.train import bundled_encoder, training_config
from training.steps import Pace, train_in_steps

_TRAINED_TOKENS = 256
MAX_TOKENS = 384
_BATCH_TOKENS = 4_096
_SMOOTHING = 0.03
_SPAN_WEIGHT = 0.5
_HEADS_FASTER = 4.0  # the heads begin at random, the encoder does not
_GROWING = 0.08
_NEVER = -1e4
# The same for every run: networks that began alike can be averaged.
_HEADS_SEED = 1

# A window, with the first and last tokens of each answer in it.
Lesson = tuple[Window, tuple[tuple[int, int], ...]]


def lessons(rows: Sequence[Asked], packer: WindowPacker) -> Iterator[Lesson]:
    """The windows of texts: all that hold an answer, and else the first."""
    for row in rows:
        windows = list(packer.windows(row.question, row.text))
        marked = [(window, _marks(window, row.answers)) for window in windows]
        yield from [lesson for lesson in marked if lesson[1]] or marked[:1]


def _marks(window: Window, answers: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    found = set()
    for start, end in answers:
        inside = window.within(start, end)
        is_whole = inside and window.offsets[inside[0]][0] <= start
        if is_whole and window.offsets[inside[-1]][1] >= end:
            found.add((window.first + inside[0], window.first + inside[-1]))
    return tuple(sorted(found))


def batches_of(found: Sequence[Lesson], rng: random.Random) -> list[list[Lesson]]:
    """Batches of like length in random order."""
    ordered = sorted(found, key=lambda one: len(one[0].tokens) + 30 * rng.random())
    made: list[list[Lesson]] = [[]]
    longest = 0
    for lesson in ordered:
        longest = max(longest, len(lesson[0].tokens))
        if made[-1] and (len(made[-1]) + 1) * longest > _BATCH_TOKENS:
            made.append([])
            longest = len(lesson[0].tokens)
        made[-1].append(lesson)
    rng.shuffle(made)
    return made


def loss_of(network: FinderNetwork, found: Sequence[Lesson], device: str) -> Tensor:
    """Whether the text answers, as binary cross-entropy; where, as the likelihood of any of the
    answers' ends against all tokens and none (logit 0)."""
    length = -(-max(len(window.tokens) for window, _ in found) // 16) * 16
    tokens, types, mask = (torch.zeros(len(found), length, dtype=torch.long) for _ in range(3))
    wanted = torch.full((len(found), length + 1, 2), _NEVER)
    for row, (window, marks) in enumerate(found):
        n = len(window.tokens)
        tokens[row, :n] = torch.tensor(window.tokens)
        types[row, :n] = torch.tensor(window.types)
        mask[row, :n] = 1
        for first, last in marks or [(length, length)]:
            wanted[row, first, 0] = wanted[row, last, 1] = 0
    with torch.autocast(device, torch.bfloat16):
        holds, spans = network(tokens.to(device), types.to(device), mask.to(device))
    is_answered = torch.tensor([bool(marks) for _, marks in found], device=device).float()
    smooth = is_answered * (1 - 2 * _SMOOTHING) + _SMOOTHING
    whole = binary_cross_entropy_with_logits(holds.float().squeeze(-1), smooth)
    outside = (types * mask == 0).to(device).unsqueeze(-1)
    logits = spans.float().masked_fill(outside, _NEVER)
    logits = torch.cat([logits, torch.zeros_like(logits[:, :1])], dim=1)
    likely = torch.log_softmax(logits, dim=1) + wanted.to(device)
    return whole - _SPAN_WEIGHT * torch.logsumexp(likely, dim=1).sum(-1).mean()


def fresh_network() -> FinderNetwork:
    """The encoder of the groundedness model, which knows entailment, and new heads."""
    network = FinderNetwork(training_config(bundled_encoder()))
    own = network.state_dict()
    known = load_file(WEIGHTS / "model.safetensors")
    network.load_state_dict(own | {name: known[name].float() for name in own.keys() & known.keys()})
    return network


def measure(network: FinderNetwork, rows: Sequence[Asked], name: str) -> None:
    """Say how well whole paragraphs are told apart, and answers found."""
    packer = _packer(MAX_TOKENS)
    finder = LocalAnswerFinder(TorchRunner(network), packer, name)
    found = [finder.find(row.question, [row.text])[0] for row in rows]
    is_answered = [bool(row.answers) for row in rows]
    holds = roc_auc_score(is_answered, [one.holds for one in found])
    stands_out = roc_auc_score(is_answered, [one.stands_out for one in found])
    exact = [
        normalised(row.text[one.start : one.end])
        in {normalised(row.text[start:end]) for start, end in row.answers}
        for row, one in zip(rows, found, strict=True)
        if row.answers
    ]
    print(
        f"{name}: AUROC holds {holds:.4f}, stands out {stands_out:.4f} (n={len(rows)}); "
        f"exactly the answer {np.mean(exact):.4f} (n={len(exact)})",
        flush=True,
    )


def _packer(max_tokens: int) -> WindowPacker:
    return WindowPacker(Tokenizer.from_file(str(WEIGHTS / "tokenizer.json")), max_tokens)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("squad", type=Path)
    parser.add_argument("xquad", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--rate", type=float, default=2.0e-4)
    parser.add_argument("--office", type=int, default=1_500, help="questions made for each epoch")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(_HEADS_SEED)
    fitting = squad(arguments.squad, for_fitting=True)
    held = [row for row in fitting if row.group in FITTING]
    unseen = [*held, *squad(arguments.squad, for_fitting=False)]
    read = [row for row in fitting if row.group not in FITTING]
    read += xquad(arguments.xquad, [row.text for row in unseen])
    packer = _packer(_TRAINED_TOKENS)
    plan: list[list[Lesson]] = []
    for epoch in range(arguments.epochs):
        rng = random.Random(1000 * arguments.seed + epoch)
        rows = [*read, *made_unanswerable(read, rng)]
        rows += office_questions(arguments.office, rng.randrange(2**31))
        plan += batches_of(list(lessons(rows, packer)), rng)
    print(f"{len(read)} questions, {len(plan)} batches", flush=True)
    network = fresh_network().to(arguments.device)
    # Word embeddings stay: words that training never shows keep their meaning.
    network.encoder.embeddings.word_embeddings.weight.requires_grad_(False)
    train_in_steps(
        network,
        plan,
        lambda batch: loss_of(network, batch, arguments.device),
        body="encoder.",
        pace=Pace(arguments.rate, _HEADS_FASTER, _GROWING),
        checkpoint=arguments.out / "checkpoint.pt",
    )
    torch.save(network.state_dict(), arguments.out / "network.pt")
    measure(network.to("cpu"), held, "articles left out")


if __name__ == "__main__":
    main()
