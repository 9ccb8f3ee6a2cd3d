"""The training on its own, before a plain Trainer; its strategy has the further tests."""

import pytest
import torch
from lightning.pytorch.utilities import CombinedLoader
from torch import nn
from torch.utils.data import DataLoader

from alkit.errors import ConfigurationError
from alkit.training import AdversarialClassifier


def shift(x):
    return x + 0.01


def made(**options):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AdversarialClassifier(nn.Linear(2, 4), nn.Linear(4, 3), nn.Linear(4, 1), **options)


def test_a_plain_trainer_trains_it_on_batches_of_both_kinds(blobs, lightning_trainer):
    module = made().build()
    others = DataLoader([x for x, _ in blobs(24, seed=1)], 6)
    batches = {"annotated": DataLoader(blobs(12), 6), "unannotated": others}
    before = [p.clone() for p in module.parameters()]
    lightning_trainer(max_steps=2).fit(module, CombinedLoader(batches, "min_size"))
    assert any(not p.equal(q) for p, q in zip(module.parameters(), before, strict=True))


def test_it_says_how_many_unannotated_samples_a_step_takes():
    default = {"AdversarialClassifier": 8, "FixMatchClassifier": 32}["AdversarialClassifier"]
    assert made().unannotated_batch_size(8) == default
    assert made(unlabeled_batch_size=5).unannotated_batch_size(8) == 5
    with pytest.raises(ConfigurationError, match="unlabeled_batch_size"):
        made(unlabeled_batch_size=0)
