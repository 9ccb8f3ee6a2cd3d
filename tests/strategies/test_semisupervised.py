"""The semi-supervised strategy: its objective by hand, lazy batches, wrong options.

That it helps is tested with the code of the record, in tests/benchmarks.
"""

import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset
from torchmetrics import Accuracy

import alkit as al
from alkit.errors import ConfigurationError, ModelOutputError, ShapeError
from alkit.training.consistency import FixMatchClassifier


def shift(by):
    """An augmentation that can be followed by hand."""
    return lambda x: x + by


def classifier(net, **options):
    given = {"weak": shift(0.1), "strong": shift(-0.3), "threshold": 0.5, "unlabeled_weight": 2.0}
    return FixMatchClassifier(net, **{**given, **options}).build()


def semisupervised(net, pool, **options):
    given = {"weak": shift(0.0), "strong": shift(0.1), "batch_size": 8, "seed": 0}
    return al.SemiSupervisedStrategy(net, pool, **{**given, **options}).build()


@pytest.fixture
def unlogged():
    with warnings.catch_warnings():  # no Trainer: nothing is logged
        warnings.simplefilter("ignore")
        yield


# --- the objective ----------------------------------------------------------------------------


@pytest.mark.usefixtures("unlogged")
@pytest.mark.parametrize("kind", ["logits", "log_probabilities"])
def test_the_loss_is_that_of_the_formula(kind):
    torch.manual_seed(0)
    net = nn.Linear(2, 3)
    if kind == "log_probabilities":
        module = classifier(nn.Sequential(net, nn.LogSoftmax(1)), loss=nn.NLLLoss())
    else:
        module = classifier(net)
    x, y, u = torch.randn(4, 2), torch.tensor([0, 1, 2, 0]), 3 * torch.randn(7, 2)
    loss = module.training_step({"annotated": (x, y), "unannotated": u}, 0)
    loss.backward()
    came = net.weight.grad.clone()
    net.zero_grad()

    with torch.no_grad():
        p = net(u + 0.1).softmax(1)
    total, kept = 0.0, 0
    for row, q in zip(u, p, strict=True):
        if q.max() >= 0.5:
            kept += 1
            total = total - net(row - 0.3).log_softmax(0)[q.argmax()]
    assert 0 < kept < 7
    expected = nn.functional.cross_entropy(net(x + 0.1), y) + 2.0 * total / 7
    torch.testing.assert_close(loss, expected)
    expected.backward()
    torch.testing.assert_close(came, net.weight.grad)


@pytest.mark.usefixtures("unlogged")
def test_a_batch_of_which_nothing_is_sure_trains_on_labels_alone(net):
    model = net()
    module = classifier(model, threshold=0.9999)
    x, y = torch.randn(4, 2), torch.tensor([0, 1, 2, 0])
    batch = {"annotated": (x, y), "unannotated": torch.randn(6, 2)}
    loss = module.training_step(batch, 0)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


def test_pseudo_labels_are_logged_as_the_machines_and_never_enter_the_pool(net, pool, quiet):
    before = pool.state_dict()
    strategy = semisupervised(net(), pool, threshold=0.8, optimizer=al.Adam(lr=0.02))
    history = strategy.fit(max_steps=40, **quiet)
    share = history.step_history["train_pseudo_labeled_step"]["value"]
    assert len(share) == 40
    assert share[-1] > share[0]
    assert set(np.array(share) * 32 % 1) == {0.0}  # of four times eight samples
    assert {"train_loss_step", "train_consistency_loss_step"} <= set(history.step_history)
    after = pool.state_dict()
    assert all(np.array_equal(before[key], after[key]) for key in before)


# --- batches and steps ------------------------------------------------------------------------


class Counting(Dataset):
    """Counts what is read."""

    def __init__(self, n):
        self.x = torch.randn(n, 2, generator=torch.Generator().manual_seed(0))
        self.read = []

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        self.read.append(index)
        return self.x[index], index % 3


def test_a_step_is_one_optimizer_step_and_reads_only_its_own_samples(net, quiet):
    data = Counting(5_000)
    pool = al.ActiveLearningDataset(data)
    pool.annotate(range(32))
    strategy = semisupervised(net(), pool, batch_size=16, unlabeled_batch_size=8)
    data.read.clear()
    strategy.fit(max_steps=6, **quiet)
    assert strategy.trainer.global_step == 6
    others = [index for index in data.read if index >= 32]
    assert len(data.read) == 6 * (16 + 8)
    assert len(others) == 6 * 8
    assert len(set(others)) > 40


def test_with_nothing_left_unannotated_it_says_so_and_trains_as_plain_supervised(net, pool, quiet):
    pool.annotate(pool.unannotated_indices)
    strategy = semisupervised(net(), pool)
    plain = al.Strategy(net(), pool, batch_size=8, seed=0).build()
    with pytest.warns(UserWarning, match="No unannotated sample is left"):
        strategy.fit(max_steps=5, **quiet)
    plain.fit(max_steps=5, **quiet)
    for a, b in zip(strategy.module.model.parameters(), plain.module.model.parameters()):
        assert torch.equal(a, b)


def test_inputs_may_be_dicts(quiet):
    x = Counting(40).x
    pool = al.ActiveLearningDataset([{"image": v, "label": k % 2} for k, v in enumerate(x)])
    pool.annotate(range(16))
    strategy = semisupervised(nn.Linear(2, 2), pool, inputs="image")
    strategy.fit(max_steps=2, **quiet)
    assert len(strategy.query(3)) == 3


def test_it_combines_with_a_criterion_and_a_selector(net, pool, quiet):
    strategy = semisupervised(net(), pool, criterion=al.Entropy(), selector=al.Power(beta=2))
    strategy.fit(max_steps=2, **quiet)
    assert strategy.query(5).why == "Power(beta=2) of Entropy()"


def test_it_keeps_the_laws_of_strategies():
    def make(pool, test):
        net = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
        accuracy = [Accuracy(task="multiclass", num_classes=3)]
        return semisupervised(
            net,
            pool,
            test=test,
            test_metrics=accuracy,
            threshold=0.4,
            weak=lambda x, generator: x + 0.1 * torch.randn(x.shape, generator=generator),
            strong=lambda x: x + torch.randn_like(x),  # from torch's own generator, forked
        )

    al.testing.check_strategy(make)


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.0}, "threshold, the smallest probability"),
        ({"threshold": -0.1}, "threshold, the smallest probability"),
        ({"threshold": float("nan")}, "threshold, the smallest probability"),
        ({"unlabeled_weight": -1.0}, "unlabeled_weight"),
        ({"unlabeled_weight": float("inf")}, "unlabeled_weight"),
        ({"unlabeled_batch_size": 0}, "unlabeled_batch_size"),
        ({"weak": None}, "weak must be a function"),
        ({"loss": nn.MSELoss()}, "is a regression loss"),
    ],
)
def test_options_that_cannot_be_right_are_refused(net, pool, options, message):
    with pytest.raises(ConfigurationError, match=message):
        semisupervised(net(), pool, **options)


def test_an_augmentation_that_changes_the_shape_is_named(net, pool, quiet):
    strategy = semisupervised(net(), pool, strong=lambda x: x[:, :1])
    with pytest.raises(ShapeError, match="strong returned"):
        strategy.fit(max_steps=1, **quiet)


def test_a_network_with_one_column_is_refused(pool, quiet):
    strategy = semisupervised(nn.Linear(2, 1), pool, loss=nn.BCEWithLogitsLoss())
    with pytest.raises(ModelOutputError, match="one column per class"):
        strategy.fit(max_steps=1, **quiet)


@pytest.mark.parametrize("task", [None, "multilabel"])
def test_pseudo_labels_are_never_classes_of_independent_labels(net, pool, quiet, task):
    def by_itself(z, y):
        y = nn.functional.one_hot(y, z.shape[1]).float()
        return nn.functional.binary_cross_entropy_with_logits(z, y)

    loss = by_itself if task else nn.BCEWithLogitsLoss()
    strategy = semisupervised(net(), pool, loss=loss, task=task)
    with pytest.raises(ConfigurationError, match='exclusive classes, and the task is "multilabel"'):
        strategy.fit(max_steps=1, **quiet)
