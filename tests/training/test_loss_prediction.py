"""The training on its own, before a plain Trainer; its strategy has the further tests."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import alkit as al
from alkit.training import LossPredictionClassifier


def made():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LossPredictionClassifier(nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 3)))


def test_a_plain_trainer_trains_network_and_head_whose_width_a_pass_sets(blobs, lightning_trainer):
    module = made().build()
    module(torch.zeros(2, 2))
    assert module.loss_head[0].weight.shape == (128, 4)
    before = [p.clone() for p in module.parameters()]
    lightning_trainer(max_steps=3).fit(module, DataLoader(blobs(12), 6))
    assert all(not p.equal(q) for p, q in zip(module.parameters(), before, strict=True))


def test_pairs_in_the_wrong_order_cost_and_those_in_the_right_one_do_not():
    module, losses = made(), torch.tensor([3.0, 0.0, 1.0, 2.0])
    right = module.ranking_loss(torch.tensor([5.0, 0.0, 1.0, 2.0]), losses)
    wrong = module.ranking_loss(torch.tensor([1.0, 2.0, 5.0, 0.0]), losses)
    assert right == 0
    assert wrong == ((1 + 4) + (1 + 2)) / 2


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_the_head_has_the_dtype_of_the_network(dtype, blobs, quiet):
    x, y = blobs().tensors
    pool = al.ActiveLearningDataset(TensorDataset(x.to(dtype), y))
    pool.annotate(range(20))
    network = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3)).to(dtype)
    strategy = al.strategies.LearningLossStrategy(
        network, pool, optimizer=al.SGD(lr=0.01), seed=0
    ).build()
    assert {p.dtype for p in strategy.module.parameters()} == {dtype}
    strategy.fit(max_steps=2, **quiet)
    assert len(strategy.query(5)) == 5
