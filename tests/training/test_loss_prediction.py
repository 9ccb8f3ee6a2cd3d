"""The training on its own, before a plain Trainer; its strategy has the further tests."""

import torch
from torch import nn
from torch.utils.data import DataLoader

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
