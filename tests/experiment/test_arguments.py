"""Arguments of the wrong kind are errors that name the argument, its value and the remedy."""

import pytest
from small import DATA, compare, margin, network, options

import alkit as al
from alkit.errors import AlkitError, ConfigurationError
from alkit.experiment import ceiling


@pytest.fixture(autouse=True)
def no_training(monkeypatch):
    def train(*_, **__):
        raise AssertionError("training has started")

    monkeypatch.setattr(al.Trainer, "fit", train)


def strategy():
    pool = al.ActiveLearningDataset(DATA)
    return al.UniformStrategy(network(), pool, **options(0)).build()


@pytest.mark.parametrize(
    ("strategies", "told"),
    [
        ([margin], "must be a dict from names to functions"),
        ({3: margin}, "name of a strategy must be text, got 3"),
        ({"m": strategy}, "cannot be called with a pool and a seed .*too many positional"),
        ({"m": lambda pool: None}, "the factory of 'm' cannot be called"),
        ({"m": al.UncertaintyStrategy}, "is the class UncertaintyStrategy: pass a function"),
        ({"m": 5}, "the factory of 'm' is 5"),
    ],
)
def test_what_is_no_mapping_to_factories_is_refused(strategies, told):
    with pytest.raises(ConfigurationError, match=told):
        compare(strategies)


def test_a_strategy_is_no_factory():
    with pytest.raises(ConfigurationError, match="is a strategy, UniformStrategy, but each trial"):
        compare({"m": strategy()})
    with pytest.raises(ConfigurationError, match="the factory is a strategy"):
        ceiling(strategy(), DATA, max_steps=3)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"seeds": 5}, r"got 5\. For 5 seeds, pass range\(5\)"),
        ({"seeds": None}, "seeds must be a list or range"),
        ({"seeds": "01"}, "seeds must be a list or range"),
        ({"seeds": [2**63]}, r"below 2\*\*63"),
        ({"folder": 5}, "folder must be a path or None, got 5"),
        ({"protocol": ["x"]}, "protocol must be a dict"),
        ({"without": 5}, "without must be a list of names"),
        ({"without": [5]}, "without must be a list of names"),
        ({"metric": 5}, "metric must be the name of a test result"),
        ({"cpus": 0}, "cpus must be an integer above 0"),
        ({"cpus": 1.5}, "cpus must be an integer above 0"),
        ({"gpus": -1}, "gpus must be a number of at least 0"),
        ({"gpus": "1"}, "gpus must be a number"),
    ],
)
def test_an_option_of_the_wrong_kind_is_named(changes, told):
    with pytest.raises(ConfigurationError, match=told):
        compare(**changes)


@pytest.mark.parametrize("dataset", [None, 7])
def test_what_is_no_dataset_is_refused_by_all(dataset):
    settings = {"seeds": [0], "max_steps": 2}
    with pytest.raises(AlkitError, match="dataset"):
        al.compare({"m": margin}, dataset, rounds=1, query_size=2, **settings)
    with pytest.raises(AlkitError, match="dataset"):
        ceiling(margin, dataset, **settings)


def test_a_replay_needs_records():
    with pytest.raises(ConfigurationError, match="records of a comparison, from compare or load"):
        al.replay(None, "margin", 0, margin, DATA)


def test_partials_and_callable_objects_are_factories(monkeypatch):
    from functools import partial

    monkeypatch.undo()

    class Factory:
        def __call__(self, pool, seed):
            return margin(pool, seed)

    small = {"seeds": [3], "rounds": 1, "without": "uniform"}
    for factory in (partial(margin), Factory(), lambda *both: margin(*both)):
        assert len(compare({"m": factory}, **small).rows) == 1


@pytest.mark.parametrize(
    "options", [{"warm_start": "no"}, {"logger": "x"}, {"progress": "off"}, {"warm_start": 1}]
)
def test_what_is_neither_true_nor_false_is_refused(options):
    name = next(iter(options))
    with pytest.raises(ConfigurationError, match=f"{name} must be True or False"):
        compare(**options)
