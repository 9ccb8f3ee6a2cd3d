"""The kit rejects strategies that break a law, and names the law."""

import random
import secrets
from functools import cached_property

import numpy as np
import pytest
import torch
from torch import nn

import alkit as al
from alkit.errors import ConfigurationError
from alkit.testing import LawError, check_strategy


def network():
    return nn.Sequential(
        nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3)
    )


def make(kind, **options):
    def make_strategy(pool, test):
        return kind(network(), train_pool=pool, test=test, **{"seed": 7, **options}).build()

    return make_strategy


class Labels(al.Strategy):
    """Queries the samples of the class with the highest number: reads labels not paid for."""

    def query_strategy(self, pool, n):
        left, dataset = pool.unannotated_indices, pool._samples.dataset
        return left[np.argsort([-int(dataset[i][1]) for i in left], kind="stable")][:n]


class LabelsInSecret(Labels):
    """As above, but works without the labels where they raise."""

    def query_strategy(self, pool, n):
        try:
            return super().query_strategy(pool, n)
        except RuntimeError:
            return pool.unannotated_indices[:n]


class TrainsInQuery(al.Strategy):
    def query_strategy(self, pool, n):
        with torch.no_grad():
            next(self.parameters()).mul_(0.9)
        return super().query_strategy(pool, n)


class UpdatesBatchNorm(al.Strategy):
    def query_strategy(self, pool, n):
        modes = {module: module.training for module in self.modules()}
        self.module.train()
        self.module(torch.randn(6, 2, generator=torch.Generator().manual_seed(0)))
        for module, mode in modes.items():
            module.training = mode
        return super().query_strategy(pool, n)


class LeavesEvalMode(al.Strategy):
    def query_strategy(self, pool, n):
        self.module.eval()
        return super().query_strategy(pool, n)


class UnfreezesBatchNorm(al.Strategy):
    """Restores one mode for all parts, and so unfreezes the frozen ones."""

    def query_strategy(self, pool, n):
        query = super().query_strategy(pool, n)
        self.module.train(self.module.training)
        return query


class LeavesGradients(al.Strategy):
    def query_strategy(self, pool, n):
        sum(parameter.square().sum() for parameter in self.parameters()).backward()
        return super().query_strategy(pool, n)


class Annotates(al.Strategy):
    def query_strategy(self, pool, n):
        query = super().query_strategy(pool, n)
        pool.annotate(query)
        return query


class GlobalNumpy(al.Strategy):
    def query_strategy(self, pool, n):
        return np.random.permutation(pool.unannotated_indices)[:n]  # noqa: NPY002


class GlobalPython(al.Strategy):
    def query_strategy(self, pool, n):
        return random.sample(pool.unannotated_indices.tolist(), n)


class Unrepeatable(al.Strategy):
    def query_strategy(self, pool, n):
        return np.random.default_rng().permutation(pool.unannotated_indices)[:n]


class Positions(al.Strategy):
    """Returns positions among the unannotated samples instead of dataset indices."""

    def query_strategy(self, pool, n):
        return np.arange(n)


class Unchecked(al.Strategy):
    def query(self, n=1):
        return np.arange(n)


class Fewer(al.Strategy):
    def query(self, n=1):
        left = len(self.train_pool.unannotated_indices)
        return super().query(max(1, min(int(n), left)))


class UpdatesOthers(al.Strategy):
    def query_and_update(self, n=1, oracle=None):
        query = super().query_and_update(n, oracle)
        self.train_pool.undo()
        self.train_pool.annotate_random(n, seed=0)
        return query


class NeverResets(al.Strategy):
    def reset_model(self, *, redraw=False):
        return self


class ResetsParametersAlone(al.Strategy):
    """Does not reset the buffers: the statistics of BatchNorm."""

    def reset_model(self, *, redraw=False):
        buffers = [buffer.clone() for buffer in self.buffers()]
        super().reset_model(redraw=redraw)
        for buffer, before in zip(self.buffers(), buffers):
            buffer.copy_(before)
        return self


class ResetsToTheFirstFit(al.Strategy):
    """Resets to the state at the latest fit, not at the build."""

    def fit(self, max_steps=None, **options):
        self.keep_initial_weights()
        return super().fit(max_steps, **options)


class NeverTrains(al.Strategy):
    def fit(self, max_steps=None, **options):
        return self.history


class FailsCold(al.Strategy):
    def query_strategy(self, pool, n):
        self.trainer.current_epoch
        return super().query_strategy(pool, n)


class KeepsMoments(al.Strategy):
    """Loads the moments of the last fit into the new optimizer."""

    moments = None

    def on_train_start(self):
        super().on_train_start()
        (optimizer,) = self.trainer.optimizers
        if self.moments:
            optimizer.load_state_dict(self.moments)

    def fit(self, max_steps=None, **options):
        history = super().fit(max_steps, **options)
        self.moments = self.trainer.optimizers[0].state_dict()
        return history


class AveragesFormerFits(al.Strategy):
    """Pulls the weights to those of all fits so far, which are in no state."""

    def fit(self, max_steps=None, **options):
        history = super().fit(max_steps, **options)
        former = self.__dict__.setdefault("former", [])
        former.append([parameter.detach().clone() for parameter in self.parameters()])
        with torch.no_grad():
            for parameter, values in zip(self.parameters(), zip(*former)):
                parameter.copy_(torch.stack(values).mean(0))
        return history


class TrainsOnAllLabels(al.Strategy):
    """Takes the labels from an attribute of the dataset."""

    attribute = "targets"

    def fit(self, max_steps=None, **options):
        history = super().fit(max_steps, **options)
        dataset = self.train_pool._samples.dataset
        labels = getattr(dataset, self.attribute)
        loss = torch.nn.functional.cross_entropy(self.module(dataset.x), labels)
        for parameter, gradient in zip(
            self.parameters(), torch.autograd.grad(loss, [*self.parameters()])
        ):
            parameter.data.sub_(0.1 * gradient)
        return history


class TrainsOnAllY(TrainsOnAllLabels):
    attribute = "y"


class QueriesByTargets(al.Strategy):
    def query_strategy(self, pool, n):
        left = pool.unannotated_indices
        return left[np.argsort(-pool._samples.dataset.labels[left].numpy(), kind="stable")][:n]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (KeepsMoments, "fit after reset_model is the first fit again"),
        (AveragesFormerFits, "fit after reset_model is the first fit again"),
        (TrainsOnAllLabels, "not paid for is never used\n.*weights of round 0, labels poisoned"),
        (TrainsOnAllY, "not paid for is never used\n.*weights of round 0, labels poisoned"),
        (QueriesByTargets, "not paid for is never used\n.*query of round 0, labels poisoned"),
        (Labels, "not paid for is never used\n.*\n.*label of an unannotated sample was used"),
        (LabelsInSecret, "not paid for is never used\n.*query of round 0"),
        (TrainsInQuery, "query changes nothing\n.*never fitted\n.*weights and buffers"),
        (UpdatesBatchNorm, "query changes nothing\n.*never fitted\n.*weights and buffers"),
        (LeavesEvalMode, "query changes nothing\n.*\n.*modes"),
        (UnfreezesBatchNorm, "query changes nothing\n.*eval mode\n.*modes"),
        (LeavesGradients, "query changes nothing\n.*\n.*gradients"),
        (Annotates, "annotated already"),
        (GlobalNumpy, "global random state.*\n.*\n.*numpy"),
        (GlobalPython, "global random state.*\n.*\n.*random"),
        (Unrepeatable, "same state gives the same query"),
        (Positions, "PicksError"),
        (Unchecked, "exactly n distinct unannotated"),
        (Fewer, r"QuerySizeError\n.*query\(0\)"),
        (UpdatesOthers, "annotates what query returns"),
        (NeverResets, "reset_model restores"),
        (ResetsParametersAlone, "reset_model restores"),
        (ResetsToTheFirstFit, "reset_model restores"),
        (NeverTrains, "fit trains the model"),
        (FailsCold, "every valid input has a valid result\n.*never fitted"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_faulty_strategy_is_rejected_with_its_law(kind, message):
    with pytest.raises(LawError, match=message):
        check_strategy(make(kind))


class DrawsFromTheSystem(al.UniformStrategy):
    def query_strategy(self, pool, n):
        rng = np.random.default_rng(self.drawn)
        return rng.choice(pool.unannotated_indices, n, replace=False)

    @cached_property
    def drawn(self):
        return secrets.randbits(60)


def test_a_strategy_that_draws_its_own_seed_is_not_repeatable():
    with pytest.raises(LawError, match="same seed gives the same run"):
        check_strategy(make(DrawsFromTheSystem))


def test_a_strategy_without_a_seed_repeats_with_that_of_torch():
    check_strategy(make(al.UniformStrategy, seed=None))


def test_a_sound_strategy_passes_and_the_callers_random_state_is_kept():
    def state():
        return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002

    before = state()
    check_strategy(make(al.UniformStrategy))
    assert state() == before


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (None, "function that makes a strategy.*got None"),
        ("Strategy", "function that makes a strategy"),
        (al.Strategy, "function that makes a strategy"),
        (lambda pool: None, "function that makes a strategy"),
        (lambda pool, test, seed: None, "function that makes a strategy"),
        (lambda pool, test: None, "must return a built strategy, got None"),
        (lambda pool, test: network(), "must return a built strategy"),
        (
            lambda pool, test: al.Strategy(al.MultiLayerPerceptron(2, [4], 3), pool, test=test),
            "got an unbuilt one: call .build()",
        ),
    ],
)
def test_an_argument_that_makes_no_built_strategy_is_refused(wrong, message):
    with pytest.raises(ConfigurationError, match=message):
        check_strategy(wrong)


def test_a_strategy_is_refused_where_its_maker_is_expected():
    pool = al.ActiveLearningDataset(torch.utils.data.TensorDataset(torch.zeros(9, 2)))
    with pytest.raises(ConfigurationError, match=r"lambda pool, test.*got a Strategy"):
        check_strategy(al.Strategy(network(), pool, seed=0))
