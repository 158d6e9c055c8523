"""Train the answer gauge; see docs/ANSWERS.md.

    python -m training.answer_gauge.train SQUAD_FOLDER XQUAD_FOLDER BASE OUT [--epochs 3]

BASE is the bundled chat model, prepared (`models/SmolLM2-135M-Instruct…` in a home). OUT gets a
checkpoint every two minutes, from which a run that was stopped goes on, and at the end what was
learned. The questions about a text are read in one row behind it, none seeing another, so that the
text is read once. Lessons, and what is left out of them, are the answer finder's; see DATA.md.
"""

import argparse
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import torch
from sklearn.metrics import roc_auc_score
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from benchmarks.squad import FITTING
from generation.answer_gauge.packing import Asked as Packed
from generation.answer_gauge.packing import GaugePacker
from training.answer_finding.office import office_questions
from training.answer_finding.questions import Asked, made_unanswerable, squad, xquad
from training.answer_gauge.headings import below_headings, below_titles
from training.answer_gauge.manuals import manual_questions
from training.answer_gauge.network import GaugeNetwork
from training.answer_gauge.reports import report_questions
from training.answer_gauge.written import ROUNDS, written_questions
from training.steps import Pace, train_in_steps

LAYERS = 20
FIRST_CHANGED = 6
RANK = 16
MAX_TOKENS = 384
_BATCH_TOKENS = 1_600
_QUESTIONS_A_ROW = 12
_SMOOTHING = 0.03
_SPAN_WEIGHT = 0.3
_NEVER = -1e4
_HEADS_FASTER = 2.0
_GROWING = 0.1


# The first and last tokens of the answers to a question, in its text; none where there are none.
Marks: TypeAlias = tuple[tuple[int, int], ...]


class Lesson(NamedTuple):
    """A text's tokens, questions about it, whether it answers each, and where."""

    text: tuple[int, ...]
    questions: tuple[Packed, ...]
    answered: tuple[bool, ...]
    marks: tuple[Marks, ...]

    @property
    def length(self) -> int:
        return len(self.text) + sum(len(one.tokens) for one in self.questions)


class Batch(NamedTuple):
    """Lessons as `GaugeNetwork` reads them. Of each of n questions `answered` is whether it is,
    (n,), and `wanted` 0 where an answer begins and ends and very low elsewhere, (n, length + 1, 2);
    its last place is for nowhere. `is_text`: (batch, length)."""

    tokens: Tensor
    positions: Tensor
    seen: Tensor
    judged: Tensor
    rows: Tensor
    answered: Tensor
    wanted: Tensor
    is_text: Tensor


def lessons(rows: Sequence[Asked], packer: GaugePacker, rng: random.Random) -> Iterator[Lesson]:
    """Each text with its questions, in random order, twelve at most; of a long text the first
    window."""
    by_text: dict[str, list[Asked]] = defaultdict(list)
    for row in rows:
        by_text[row.text].append(row)
    for text, asked in by_text.items():
        rng.shuffle(asked)
        tokens = next(packer.windows(text))
        offsets = packer.offsets(text)[: len(tokens)]
        for begin in range(0, len(asked), _QUESTIONS_A_ROW):
            some = asked[begin : begin + _QUESTIONS_A_ROW]
            yield Lesson(
                tokens,
                tuple(packer.asked(one.question) for one in some),
                tuple(bool(one.answers) for one in some),
                tuple(_marks(offsets, one.answers) for one in some),
            )


def _marks(offsets: Sequence[tuple[int, int]], answers: Sequence[tuple[int, int]]) -> Marks:
    found = set()
    for start, end in answers:
        inside = [i for i, (a, b) in enumerate(offsets) if a < end and start < b]
        if inside and offsets[inside[-1]][1] >= end:
            found.add((inside[0], inside[-1]))
    return tuple(sorted(found))


def batches_of(found: Sequence[Lesson], rng: random.Random) -> list[list[Lesson]]:
    """Batches of like length in random order."""
    made: list[list[Lesson]] = [[]]
    for lesson in sorted(found, key=lambda one: one.length + 40 * rng.random()):
        if made[-1] and (len(made[-1]) + 1) * lesson.length > _BATCH_TOKENS:
            made.append([])
        made[-1].append(lesson)
    rng.shuffle(made)
    return made


def batch_of(found: Sequence[Lesson]) -> Batch:
    """Lay lessons out: a question sees the text and itself, and its positions follow the text."""
    length = max(lesson.length for lesson in found)
    tokens, positions = (torch.zeros(len(found), length, dtype=torch.long) for _ in range(2))
    parts = torch.full((len(found), length), -1)
    judged, rows = [], []
    for row, lesson in enumerate(found):
        own = list(lesson.text)
        places = list(range(len(own)))
        part = [0] * len(own)
        for number, question in enumerate(lesson.questions, start=1):
            marks = torch.zeros(length, dtype=torch.bool)
            marks[len(own) + question.first : len(own) + len(question.tokens)] = True
            judged.append(marks)
            rows.append(row)
            own += question.tokens
            places += range(len(lesson.text), len(lesson.text) + len(question.tokens))
            part += [number] * len(question.tokens)
        tokens[row, : len(own)] = torch.tensor(own)
        positions[row, : len(own)] = torch.tensor(places)
        parts[row, : len(own)] = torch.tensor(part)
    is_before = torch.ones(length, length, dtype=torch.bool).tril()
    is_known = (parts.unsqueeze(1) == 0) | (parts.unsqueeze(1) == parts.unsqueeze(2))
    answered = [answer for lesson in found for answer in lesson.answered]
    wanted = torch.full((len(answered), length + 1, 2), _NEVER)
    for i, marks in enumerate(marks for lesson in found for marks in lesson.marks):
        for first, last in marks or [(length, length)]:
            wanted[i, first, 0] = wanted[i, last, 1] = 0
    return Batch(
        tokens,
        positions,
        (is_before & is_known).unsqueeze(1),
        torch.stack(judged),
        torch.tensor(rows),
        torch.tensor(answered).float(),
        wanted,
        parts == 0,
    )


def loss_of(network: GaugeNetwork, batch: Batch) -> Tensor:
    """Whether the text answers, as binary cross-entropy with labels that are not quite sure; where,
    as the likelihood of any of the answers' ends against all tokens of the text and nowhere (logit
    0)."""
    holds, spans = network(*batch[:5])
    smooth = batch.answered * (1 - 2 * _SMOOTHING) + _SMOOTHING
    whole = binary_cross_entropy_with_logits(holds, smooth)
    logits = spans.masked_fill(~batch.is_text[batch.rows].unsqueeze(-1), _NEVER)
    logits = torch.cat([logits, torch.zeros_like(logits[:, :1])], dim=1)
    likely = torch.log_softmax(logits, dim=1) + batch.wanted
    return whole - _SPAN_WEIGHT * torch.logsumexp(likely, dim=1).sum(-1).mean()


@torch.no_grad()
def measure(network: GaugeNetwork, rows: Sequence[Asked], packer: GaugePacker, name: str) -> None:
    """Say how well questions that their own paragraph answers are told from the others."""
    network.eval()
    found: list[float] = []
    answered: list[float] = []
    rng = random.Random(0)
    for some in batches_of(list(lessons(rows, packer, rng)), rng):
        batch = batch_of(some)
        found += network(*batch[:5])[0].tolist()
        answered += batch.answered.tolist()
    network.train()
    print(f"{name}: AUROC {roc_auc_score(answered, found):.4f} (n={len(found)})", flush=True)


class Questions:
    """What people asked: to learn from, to fit the regression on, and to report on."""

    def __init__(self, squad_folder: Path, xquad_folder: Path, leave_out: str) -> None:
        fitting = squad(squad_folder, for_fitting=True)
        reporting = squad(squad_folder, for_fitting=False)
        titles = sorted({row.group for row in reporting})
        halves = {"all": titles, "even": titles[::2], "odd": titles[1::2], "none": []}
        self.fitted_on = [row for row in fitting if row.group in FITTING]
        self.left_out = [row for row in reporting if row.group in halves[leave_out]]
        self.read = [row for row in fitting if row.group not in FITTING]
        self.read += [row for row in reporting if row.group not in halves[leave_out]]
        self.read += xquad(xquad_folder, [row.text for row in (*fitting, *reporting)])


class Mixture(NamedTuple):
    """What an epoch is made of: the shares of people's texts and of those written for this, and how
    many questions are made up."""

    people: float
    written: float
    rounds: tuple[int, ...]
    office: int
    manuals: int
    reports: int
    has_headings: bool


def lessons_of_an_epoch(
    read: Sequence[Asked], packer: GaugePacker, rng: random.Random, mixture: Mixture
) -> list[list[Lesson]]:
    """What people asked, what is made unanswerable of it, and what is made up."""
    made = list(office_questions(mixture.office, rng.randrange(2**31)))
    people = _share_of([*read, *made_unanswerable(read, rng)], mixture.people, rng)
    people += _share_of(list(written_questions(mixture.rounds)), mixture.written, rng)
    rows = [*people, *made]
    if mixture.has_headings:
        rows = [*below_titles(people, rng), *below_headings(made, rng)]
    rows += manual_questions(mixture.manuals, rng.randrange(2**31))
    rows += report_questions(mixture.reports, rng.randrange(2**31))
    return batches_of(list(lessons(rows, packer, rng)), rng)


def _share_of(rows: list[Asked], share: float, rng: random.Random) -> list[Asked]:
    """The questions about a share of the texts."""
    if share == 1:
        return rows
    texts = sorted({row.text for row in rows})
    kept = set(rng.sample(texts, round(share * len(texts))))
    return [row for row in rows if row.text in kept]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("squad", type=Path)
    parser.add_argument("xquad", type=Path)
    parser.add_argument("base", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--leave-out",
        choices=("all", "even", "odd", "none"),
        default="all",
        help="of the articles for reporting; a network that left some out reports on those",
    )
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rate", type=float, default=5.0e-4)
    parser.add_argument("--office", type=int, default=500, help="questions made for each epoch")
    parser.add_argument("--manuals", type=int, default=0, help="questions made for each epoch")
    parser.add_argument("--reports", type=int, default=0, help="questions made for each epoch")
    parser.add_argument("--people", type=float, default=1.0, help="share of people's texts read")
    parser.add_argument("--written", type=float, default=0.0, help="share of lessons/ read")
    parser.add_argument("--rounds", type=int, nargs="+", choices=ROUNDS, default=ROUNDS)
    parser.add_argument("--headings", action="store_true", help="put texts below headings")
    parser.add_argument("--from", dest="begin", type=Path, help="what was learned before")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(arguments.seed)
    asked = Questions(arguments.squad, arguments.xquad, arguments.leave_out)
    packer = GaugePacker(Tokenizer.from_file(str(arguments.base / "tokenizer.json")), MAX_TOKENS)
    network = GaugeNetwork(arguments.base, layers=LAYERS, first_changed=FIRST_CHANGED, rank=RANK)
    if arguments.begin:
        network.load_learned(torch.load(arguments.begin, "cpu", weights_only=True))
    mixture = Mixture(
        arguments.people,
        arguments.written,
        tuple(arguments.rounds),
        arguments.office,
        arguments.manuals,
        arguments.reports,
        arguments.headings,
    )
    plan: list[list[Lesson]] = []
    for epoch in range(arguments.epochs):
        rng = random.Random(1000 * arguments.seed + epoch)
        plan += lessons_of_an_epoch(asked.read, packer, rng, mixture)
    print(f"{len(asked.read)} questions, {len(plan)} batches", flush=True)
    train_in_steps(
        network,
        plan,
        lambda batch: loss_of(network, batch_of(batch)),
        body="base.",
        pace=Pace(arguments.rate, _HEADS_FASTER, _GROWING),
        checkpoint=arguments.out / "checkpoint.pt",
    )
    torch.save(network.learned(), arguments.out / "learned.pt")
    measure(network, asked.fitted_on, packer, "articles that the regression is fitted on")
    if asked.left_out:
        measure(network, asked.left_out, packer, "articles left out")


if __name__ == "__main__":
    main()
