"""Training in steps: a run that was stopped learns what it would have learned."""

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

from training.steps import Pace, train_in_steps

PACE = Pace(rate=0.01, heads_faster=4.0, growing=0.1)


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.body = nn.Linear(3, 4)
        self.kept = nn.Linear(4, 4).requires_grad_(False)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(4, 1)

    def forward(self, values):
        return self.head(self.dropout(self.kept(self.body(values))))


def batches(n):
    chooser = torch.Generator().manual_seed(2)
    return [torch.randn(5, 3, generator=chooser) for _ in range(n)]


def learn(network, checkpoint, *, stopped_at=None, steps=12):
    done = []

    def loss_of(batch):
        if len(done) == stopped_at:
            raise KeyboardInterrupt
        done.append(batch)
        return mse_loss(network(batch), batch.sum(1, keepdim=True))

    torch.manual_seed(3)
    train_in_steps(
        network,
        batches(steps),
        loss_of,
        body="body.",
        pace=PACE,
        checkpoint=checkpoint,
        seconds_between=-1,
    )
    return done


def test_a_run_that_was_stopped_learns_what_it_would_have_learned(tmp_path):
    whole = Small()
    learn(whole, tmp_path / "whole.pt")
    with pytest.raises(KeyboardInterrupt):
        learn(Small(), tmp_path / "stopped.pt", stopped_at=7)
    gone_on = Small()
    assert len(learn(gone_on, tmp_path / "stopped.pt")) == 5
    for name, value in whole.state_dict().items():
        assert torch.equal(value, gone_on.state_dict()[name]), name


def test_a_run_that_is_done_learns_nothing_more(tmp_path):
    network = Small()
    learn(network, tmp_path / "checkpoint.pt")
    again = Small()
    assert learn(again, tmp_path / "checkpoint.pt") == []
    assert torch.equal(again.head.weight, network.head.weight)


def test_what_is_frozen_stays_and_is_not_in_the_checkpoint(tmp_path):
    network = Small()
    kept = network.kept.weight.clone()
    learn(network, tmp_path / "checkpoint.pt")
    assert torch.equal(network.kept.weight, kept)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert sorted(state["learned"]) == ["body.bias", "body.weight", "head.bias", "head.weight"]


def test_heads_learn_faster_than_the_body(tmp_path):
    learn(Small(), tmp_path / "checkpoint.pt", steps=1)
    groups = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["optimizer"]["param_groups"]
    body, heads = (group["initial_lr"] * 25 for group in groups)
    assert body == pytest.approx(0.01)
    assert heads == pytest.approx(0.04)
