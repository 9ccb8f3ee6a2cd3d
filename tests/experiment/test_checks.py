"""Bad input is said before any training starts."""

import pytest
import torch
from small import DATA, TEST, compare, margin, network, options, uniform
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import AlkitError, ConfigurationError, FeaturesError, QuerySizeError


@pytest.fixture(autouse=True)
def no_training(monkeypatch):
    def train(*_, **__):
        raise AssertionError("training has started")

    monkeypatch.setattr(al.Trainer, "fit", train)


def four_classes(pool, seed):
    net = al.Sequential(al.Layer(nn.Linear, 4, 4))
    return al.UniformStrategy(net, pool, test=TEST, seed=seed)


def herding_in(space):
    def factory(pool, seed):
        return al.auto(network(), pool, features=space, test=TEST, seed=seed)

    return factory


@pytest.mark.parametrize(
    ("space", "told"),
    [
        (al.Given(torch.ones(39, 2)), "has 39 rows, and there are 40 samples"),
        (al.Whitened(al.Given(torch.ones(39, 2))), "has 39 rows"),
        (al.Given(torch.ones(40, 2), names=["a"] * 40), "the samples have none to compare"),
        (al.Frozen("resnet81"), "no network 'resnet81'"),
    ],
)
def test_features_that_do_not_fit_the_samples(space, told):
    with pytest.raises(FeaturesError, match=told):
        compare({"uniform": uniform, "auto": herding_in(space)})


def untested(pool, seed):
    return al.UniformStrategy(network(), pool, seed=seed)


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"seeds": []}, ConfigurationError, "at least one"),
        ({"seeds": [1, 1]}, ConfigurationError, "distinct"),
        ({"seeds": [-1]}, ConfigurationError, "at least 0"),
        ({"seeds": [0.5]}, ConfigurationError, "distinct integers"),
        ({"rounds": 0}, ConfigurationError, "rounds must be"),
        ({"rounds": 8}, ConfigurationError, "need 48 labels.*has 40: at most 6 rounds"),
        ({"max_steps": 0}, ConfigurationError, "max_steps must be"),
        ({"query_size": 0}, QuerySizeError, "at least 1"),
        ({"initial": 41}, QuerySizeError, "only 40"),
        ({"ceiling": 0}, ConfigurationError, "max_steps must be"),
        ({"metric": "testMulticlassAcuracy"}, ConfigurationError, "Did you mean 'testMulticlassA"),
        ({"strategies": {"u": uniform, "f": four_classes}}, ConfigurationError, "u 3, f 4"),
        ({"strategies": {"u": untested}}, ConfigurationError, "'u' has no test data"),
        ({"strategies": {"u": lambda pool, seed: 7}}, ConfigurationError, "factory of 'u' must"),
        ({"strategies": {"ceiling": uniform}}, ConfigurationError, "cannot be named"),
        ({"strategies": {"u": uniform}, "without": "u"}, ConfigurationError, "left out"),
    ],
)
def test_it_is_said(changes, error, told, tmp_path):
    with pytest.raises(error, match=told):
        compare(folder=tmp_path / "new", **changes)
    assert not list(tmp_path.glob("new/records.csv"))


def test_a_test_set_that_does_not_fit_is_said_by_the_first_batch():
    def wrong(pool, seed):
        wide = TensorDataset(torch.zeros(3, 5), torch.zeros(3, dtype=torch.long))
        return al.UniformStrategy(network(), pool, **{**options(seed), "test": wide})

    with pytest.raises((AlkitError, RuntimeError), match="5"):
        compare({"wrong": wrong})


def test_another_pool_than_that_of_the_trial_is_said():
    theirs = al.ActiveLearningDataset(DATA)
    theirs.annotate_random(6, seed=0)
    with pytest.raises(ConfigurationError, match="factory of 'm' must"):
        compare({"m": lambda pool, seed: margin(theirs, seed)})


def test_a_factory_that_forgets_the_seed_is_paired_all_the_same(monkeypatch):
    monkeypatch.undo()
    from small import lasting

    def forgetful(pool, seed):
        return al.UniformStrategy(network(), pool, **options(None))

    assert lasting(compare({"u": forgetful}).rows) == lasting(compare({"u": uniform}).rows)


def test_one_seed_is_no_error(monkeypatch):
    monkeypatch.undo()
    assert len(compare({"u": uniform}, seeds=[0], rounds=1).rows) == 1
