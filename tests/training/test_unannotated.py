import lightning as L
import pytest
import torch
from torch import nn

import alkit as al
from alkit.pool.loaders import train_loader
from alkit.training.unannotated import beside_unannotated


def loader(pool, size):
    order = torch.utils.data.SequentialSampler(pool.annotated)
    return train_loader(pool.annotated, size, order)


def test_each_annotated_batch_comes_with_unannotated_samples_drawn_with_replacement(pool):
    batches = beside_unannotated(loader(pool, 8), pool.unannotated, 50, torch.Generator())
    drawn = [batch for batch, _, _ in batches]
    assert len(drawn) == 3
    left = {tuple(x.tolist()) for x in pool.unannotated}
    for batch in drawn:
        x, y = batch["annotated"]
        assert len(x) == len(y) == 8
        rows = [tuple(row.tolist()) for row in batch["unannotated"]]
        assert len(rows) == 50
        assert set(rows) <= left
        assert len(set(rows)) < 50  # of 36


def test_with_nothing_left_a_warning_says_so_and_the_annotated_remain(pool):
    pool.annotate(pool.unannotated_indices)
    with pytest.warns(UserWarning, match="unannotated"):
        batches = beside_unannotated(loader(pool, 30), pool.unannotated, 5, torch.Generator())
    assert [list(batch) for batch, _, _ in batches] == [["annotated"], ["annotated"]]


class Foreign(L.LightningModule):
    """A LightningModule of somebody else that asks for unannotated batches."""

    def __init__(self):
        super().__init__()
        self.layer, self.seen = nn.Linear(2, 3), []

    def forward(self, x):
        return self.layer(x)

    def unannotated_batch_size(self, batch_size):
        return 2 * batch_size

    def begin_fit(self, annotated, unannotated, generator):
        self.seen.append((annotated, unannotated, generator("mine").initial_seed()))

    def training_step(self, batch, batch_idx):
        x, y = batch["annotated"]
        self.seen.append((len(x), len(batch["unannotated"])))
        return nn.functional.cross_entropy(self(x), y) + 0 * self(batch["unannotated"]).sum()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_any_lightning_module_that_asks_for_them_gets_unannotated_batches(pool, quiet):
    strategy = al.ActiveLearner(Foreign(), pool, batch_size=12, seed=0)
    strategy.fit(max_steps=2, **quiet)
    begun, *steps = strategy.module.seen
    assert begun[:2] == (24, 36)
    assert steps == [(12, 24), (12, 24)]
