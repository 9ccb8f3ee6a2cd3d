"""The kit rejects strategies that break a law, and names the law."""

import random

import numpy as np
import pytest
import torch
from torch import nn

import alkit as al
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


@pytest.mark.parametrize(
    ("kind", "message"),
    [
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


def test_a_strategy_without_a_seed_is_not_repeatable():
    with pytest.raises(LawError, match="same seed gives the same run"):
        check_strategy(make(al.UniformStrategy, seed=None))


def test_a_sound_strategy_passes_and_the_callers_random_state_is_kept():
    def state():
        return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002

    before = state()
    check_strategy(make(al.UniformStrategy))
    assert state() == before
