"""The parts of a strategy that a folder keeps: another value is named, and the same is the same."""

import copy
import functools
import random

import lightning as L
import numpy as np
import pytest
import small
import torch
from torch import nn
from torch.utils.data import Subset

import alkit as al
from alkit.experiment.checks import look
from alkit.experiment.trial import Plan, Trial
from alkit.experiment.weights import digest
from alkit.strategies.identity import differences

PLAN = Plan(rounds=2, query_size=4, initial=4, max_steps=2)


class Scored(al.Criterion):
    def __init__(self, sign):
        self.sign = sign
        self.calls = 0

    def score(self, prediction):
        self.calls += 1
        return self.sign * al.Margin().score(prediction)


class Chosen(al.Strategy):
    def __init__(self, *args, sign, **options):
        super().__init__(*args, **options)
        self.sign = sign


class Module(L.LightningModule):
    def __init__(self, config):
        super().__init__()
        self.layer, self.config = nn.Linear(4, 3), config

    def forward(self, x):
        return self.layer(x)

    def training_step(self, batch, _):
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def test_step(self, batch, index):
        self.log("test_loss", self.training_step(batch, index))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), **self.config)


def scaled(outputs, labels, scale):
    return scale * nn.functional.cross_entropy(outputs, labels)


def learns(pool, seed, **options):
    network = options.pop("network", small.network)()
    cls = options.pop("cls", al.Strategy)
    return cls(network, pool, **{**small.options(seed), **options})


def partly_frozen(value):
    def factory(pool, seed):
        strategy = learns(pool, seed, network=plain).build()
        strategy.module.model[0].requires_grad_(value > 0)
        return strategy

    return factory


def plain():
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def pretrained(value):
    torch.manual_seed(int(value))
    network = plain()
    return lambda pool, seed: learns(pool, seed, network=lambda: copy.deepcopy(network))


def with_option(name, make):
    return lambda value: lambda pool, seed: learns(pool, seed, **{name: make(value)})


KINDS = {
    "loss": with_option("loss", lambda v: functools.partial(scaled, scale=v)),
    "criterion": with_option("criterion", Scored),
    "inputs": with_option("inputs", lambda v: lambda batch: batch[0] * v),
    "outputs": with_option("outputs", lambda v: lambda returned: returned * v),
    "val": with_option("val", lambda v: Subset(small.TEST, range(int(v) + 8))),
    "strategy": lambda v: lambda pool, seed: learns(pool, seed, cls=Chosen, sign=v),
    "module": lambda v: (
        lambda pool, seed: al.ActiveLearner(Module({"lr": v}), pool, test=small.TEST, seed=seed)
    ),
    "seed": lambda v: lambda pool, seed: learns(pool, seed + int(v)),
    "frozen": partly_frozen,
    "pretrained": pretrained,
    "initializer": lambda v: (
        lambda pool, seed: learns(
            pool, seed, network=lambda: small.network().initialize(al.initializers.Constant(v))
        )
    ),
}


def parts(factory):
    seen = look(Trial("m", 0, factory, small.DATA, PLAN))
    return {**seen.parts, "val": None if seen.val is None else len(seen.val)}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_another_value_is_another_comparison_and_the_same_one_is_the_same(make):
    assert differences(parts(make(1.0)), parts(make(1.0))) == []
    assert differences(parts(make(1.0)), parts(make(2.0)))


def test_a_trial_that_has_run_changes_no_description():
    criterion = Scored(1)
    factory = with_option("criterion", lambda _: criterion)(1)
    before = parts(factory)
    trial = Trial("m", 0, factory, small.DATA, PLAN)
    assert len(list(trial.run())) == 3
    assert criterion.calls
    assert differences(before, parts(factory)) == []


def test_weights_that_numpy_or_python_draws_are_the_same_again():
    def drawn():
        network = plain()
        with torch.no_grad():
            network[0].weight.fill_(float(np.random.rand()))  # noqa: NPY002
            network[2].weight.fill_(random.random())
        return network

    factory = with_option("network", lambda _: drawn)(1)
    state = random.getstate()
    assert differences(parts(factory), parts(factory)) == []
    assert random.getstate() == state


def test_the_digest_tells_weights_apart_but_not_roundings():
    torch.manual_seed(0)
    network = nn.Linear(300, 300)
    rounded, other = copy.deepcopy(network), nn.Linear(300, 300)
    with torch.no_grad():
        rounded.weight.mul_(1 + 1e-7)
    assert digest(rounded) == digest(network) != digest(other)
    assert digest(other.requires_grad_(False))["frozen"] == "weight bias"
    assert digest(nn.Sequential(nn.LazyLinear(3), nn.BatchNorm1d(3)))
