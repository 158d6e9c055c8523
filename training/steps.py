"""The loop that every network here is trained with: batches in order, and a checkpoint.

A run that was stopped goes on from its last checkpoint, and learns what it would have learned.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

_CHECKPOINT_SECONDS = 120.0
_SAID_EVERY = 25
_DECAY = 0.01
_LONGEST_STEP = 1.0

BatchType = TypeVar("BatchType")


class Pace(NamedTuple):
    """The greatest learning rate of the body, how many times faster the heads learn, which begin at
    random, and the share of the steps in which the rate grows."""

    rate: float
    heads_faster: float
    growing: float


def train_in_steps(
    network: nn.Module,
    plan: Sequence[BatchType],
    loss_of: Callable[[BatchType], Tensor],
    *,
    body: str,
    pace: Pace,
    checkpoint: Path,
    seconds_between: float = _CHECKPOINT_SECONDS,
) -> None:
    """AdamW with one cycle of learning rates over `plan`, from `checkpoint` when there is one.

    Args:
        body: how the names of the body's parameters begin; all others are heads.
        checkpoint: written every `seconds_between`, and left at the end of the last step.
    """
    learned = {name: p for name, p in network.named_parameters() if p.requires_grad}
    groups = [
        {"params": [p for name, p in learned.items() if name.startswith(body) == is_body]}
        for is_body in (True, False)
    ]
    optimizer = torch.optim.AdamW(groups, lr=pace.rate, weight_decay=_DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        [pace.rate, pace.heads_faster * pace.rate],
        total_steps=len(plan) + 1,
        pct_start=pace.growing,
    )
    begin = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, "cpu", weights_only=True)
        network.load_state_dict(state["learned"], strict=False)
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["random"])
        begin = state["step"]
        print(f"going on after step {begin}", flush=True)

    def save(step: int) -> None:
        partial = checkpoint.with_suffix(".partial")
        state = {
            "learned": {name: p.detach() for name, p in learned.items()},
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "random": torch.get_rng_state(),
            "step": step,
        }
        torch.save(state, partial)
        partial.replace(checkpoint)

    network.train()
    started = saved = time.monotonic()
    losses: list[float] = []
    for step in range(begin, len(plan)):
        loss = loss_of(plan[step])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(learned.values(), _LONGEST_STEP)
        optimizer.step()
        schedule.step()
        losses = [*losses[1 - _SAID_EVERY :], loss.item()]
        now = time.monotonic()
        if step % _SAID_EVERY == 0:
            left = (now - started) / (step - begin + 1) * (len(plan) - step) / 60
            mean = sum(losses) / len(losses)
            print(f"{step}/{len(plan)} loss {mean:.3f}, {left:.0f} min left", flush=True)
        if now - saved > seconds_between:
            save(step + 1)
            saved = now
    save(len(plan))
