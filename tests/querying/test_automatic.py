"""Auto: herding in features that training does not change, its fallback, draws and reasons."""

import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import ConfigurationError, FeaturesError, NonFiniteError
from alkit.querying import automatic as automatic_module
from alkit.querying.automatic import Auto, as_fixed, targets
from alkit.selectors import (
    Candidates,
    FixedRows,
    Frozen,
    Given,
    Inputs,
    MaxHerding,
    UncertaintyHerding,
    Whitened,
    part,
)
from alkit.testing import check_strategy


def automatic(net, pool, **options):
    options = {"seed": 3, "batch_size": 8, "optimizer": al.Adam(lr=0.02), **options}
    return al.auto(net(), pool, **options).build()


@pytest.fixture
def classes():
    """Samples of ten groups on a circle, in the plane."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, 300)
    angles = 2 * np.pi * y / 10
    x = np.stack([np.cos(angles), np.sin(angles)], 1) * 4 + rng.normal(0, 0.1, (300, 2))
    return TensorDataset(torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y))


class Blind(nn.Module):
    """A network that guesses one class for most samples, and is sure of the others."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x):
        logits = torch.zeros(len(x), 10)
        angle = torch.atan2(x[:, 1], x[:, 0]) % (2 * torch.pi)
        group = (angle / (2 * torch.pi) * 10).round().long() % 10
        logits[torch.arange(len(x)), group] = 9.0
        close = group == 0  # unsure there alone
        logits[close] = torch.tensor([0.1] + [0.0] * 9) + x[close, :1] * 1e-3
        return logits * self.weight


# --- the rule -----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"drawn": 0.5}, {"features": Frozen(nn.Linear(2, 3))}])
def test_it_keeps_the_laws(net, options):
    options = {"seed": 3, "batch_size": 8, **options}
    check_strategy(lambda pool, test: al.auto(net(), pool, test=test, **options).build())


def test_an_untrained_network_and_an_empty_pool_are_covered(blobs, net, quiet):
    pool = al.ActiveLearningDataset(blobs(120))
    strategy = automatic(net, pool)
    first = strategy.query(5)
    assert first.why.endswith(
        "): the network is not trained yet; features: principal components of the inputs, Inputs()"
    )
    assert first.scores is None
    covering = al.Strategy(net(), pool, selector=MaxHerding(Inputs()), seed=3).build().query(5)
    assert first.indices.tolist() == covering.indices.tolist()
    pool.annotate(first)
    strategy.fit(max_steps=1, **quiet)
    assert strategy.query(5).why.startswith("UncertaintyHerding(")
    strategy.reset_model()
    assert strategy.query(5).why.startswith("MaxHerding(")


def test_a_trained_network_is_asked_by_rank_weights_in_the_fixed_space(blobs, net, quiet):
    pool = al.ActiveLearningDataset(blobs(200))
    pool.annotate_random(12, seed=0)
    strategy = automatic(net, pool)
    strategy.fit(max_steps=30, **quiet)
    query = strategy.query(8)
    plain = al.Strategy(
        net(), pool, al.Rank(al.Margin()), UncertaintyHerding(Inputs(), bandwidth=1.0), seed=3
    ).build()
    plain.load_state_dict(strategy.state_dict())
    assert query.indices.tolist() == plain.query(8).indices.tolist()
    words = r"components of the inputs, Inputs\(\); the picks are guessed to be of \d classes, 8 "
    assert re.search(words + r"random candidates of \d", query.why)
    assert query.scores is not None


def test_weights_that_were_loaded_count_as_trained(pool, net, quiet):
    trained = automatic(net, pool)
    trained.fit(max_steps=5, **quiet)
    strategy = automatic(net, pool)
    strategy.load_state_dict(trained.state_dict())
    assert strategy.query(5).indices.tolist() == trained.query(5).indices.tolist()


def test_picks_of_far_fewer_classes_than_random_ones_are_replaced(classes):
    pool = al.ActiveLearningDataset(classes)
    pool.annotate_random(10, seed=0)
    selector = UncertaintyHerding(Inputs(), bandwidth=0.01)  # so narrow that weights alone decide
    narrow = al.Strategy(Blind(), pool, al.Margin(), selector, seed=0).build()
    narrow.module.model.weight.data.mul_(1.01)
    query = narrow.query(12)
    assert len(np.unique(query.guesses)) == 1
    finding = al.doctor(query)["class spread"]
    assert finding.verdict == "warning"
    assert "of 1 class, 12 random candidates of" in finding.says

    features = np.zeros((300, 40), np.float32)  # one class far apart, all others at one place
    features[:, 0] = 1
    lone = classes.tensors[1].numpy() == 0
    features[lone] = np.random.default_rng(0).normal(size=(lone.sum(), 40))
    strategy = al.auto(Blind(), pool, features=features, seed=0).build()
    strategy.module.model.weight.data.mul_(1.01)
    query = strategy.query(12)
    assert query.why.startswith("MaxHerding(space=Given((300, 40))")
    assert "by UncertaintyHerding the picks are guessed to be of" in query.why
    assert query.scores is None
    covering = MaxHerding(strategy.acquisition.features)
    same = al.Strategy(Blind(), pool, selector=covering, seed=0).build().query(12)
    assert same.indices.tolist() == query.indices.tolist()
    random = al.UniformStrategy(Blind(), pool, seed=0).build().query(12)
    assert al.doctor(random)["class spread"].verdict in ("ok", "not seen")


def test_drawn_picks_are_kept_where_the_others_are_replaced(classes):
    features = np.zeros((300, 40), np.float32)
    features[:, 0] = 1
    lone = classes.tensors[1].numpy() == 0
    features[lone] = np.random.default_rng(0).normal(size=(lone.sum(), 40))
    pool = al.ActiveLearningDataset(classes)
    pool.annotate_random(10, seed=0)
    replaced = 0
    for seed in range(4):
        strategy = al.auto(Blind(), pool, features=features, drawn=0.1, seed=seed).build()
        strategy.module.model.weight.data.mul_(1.01)
        query = strategy.query(20)
        power = al.Strategy(
            Blind(), pool, al.Rank(al.Margin()), al.Power(2, uniform=0.1), seed=seed
        ).build()
        power.load_state_dict(strategy.state_dict())
        alone = power.query(2)
        assert query.indices[:2].tolist() == alone.indices.tolist()
        assert query.probabilities[:2].tolist() == alone.probabilities.tolist()
        assert np.isnan(query.probabilities[2:]).all()
        replaced += "so MaxHerding picks" in query.why
    assert replaced


# --- features -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (None, "Inputs()"),
        (Whitened(), "Whitened()"),
        (np.zeros((4, 2)), "Given((4, 2))"),
        ([[1.0, 2.0]], "Given((1, 2))"),
        (nn.Linear(2, 2), "Frozen(Linear)"),
        ("resnet18", "Frozen('resnet18')"),
    ],
)
def test_features_are_given_in_many_forms(features, expected):
    assert repr(as_fixed(features)) == expected


def test_what_are_no_features_is_an_error():
    for wrong in (3, [["a"]], object()):
        with pytest.raises(ConfigurationError):
            as_fixed(wrong)
    with pytest.raises(FeaturesError, match=r"there is no file .*nowhere\.npy"):
        Auto("nowhere.npy")


def test_the_path_of_a_layer_is_that_of_the_network(pool):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(2, 5), nn.Linear(5, 3)

        def forward(self, x):
            return self.head(self.body(x).relu())

    assert len(al.auto(Net(), pool).build().query(3)) == 3
    strategy = al.auto(Net(), pool, features="model.body").build()
    assert strategy.predictor.features == "model.body"
    assert "Inputs()" in strategy.query(3).why


def test_features_of_the_network_itself_may_be_wanted(pool, net, quiet):
    strategy = automatic(net, pool, features=al.Features(normalize=True))
    strategy.fit(max_steps=5, **quiet)
    assert "features: Features(normalize=True)" in strategy.query(3).why
    assert not len(pool.features)


def test_probabilities_may_be_the_space(pool, net, quiet):
    strategy = automatic(net, pool, features=al.selectors.Probabilities())
    strategy.fit(max_steps=5, **quiet)
    assert "features: Probabilities()" in strategy.query(3).why


def test_a_repr_shows_what_is_not_the_default():
    assert repr(Auto()) == "Auto()"
    assert repr(Auto(Given(np.ones((2, 2))), criterion=al.Entropy(), drawn=0.5)) == (
        "Auto(Given((2, 2)), criterion=Entropy(), drawn=0.5)"
    )
    with pytest.raises(ConfigurationError, match="drawn"):
        Auto(drawn=1.5)


def test_targets_are_fewer_for_large_pools():
    def count(total, width, n=10):
        space, rows = Inputs(), torch.zeros(1, 1).expand(total, width)
        fixed = FixedRows({space: rows})
        return targets(Candidates(ids=torch.arange(total), fixed=fixed), space, n)

    assert count(60_000, 50) == 10_000
    assert 1_500 < count(60_000, 512) < 1_700
    assert 1_450 < count(1_000_000, 512) < 1_500  # of which 65,536 are compared
    assert count(1_000_000, 2048) == 1_000
    assert count(1_000_000, 512, 500) == 5_000


def test_a_query_of_a_large_pool_states_that_a_part_of_it_is_compared(
    blobs, net, quiet, monkeypatch
):
    monkeypatch.setattr(part, "LARGE", 100)
    monkeypatch.setattr(automatic_module, "SAMPLE", 50)
    pool = al.ActiveLearningDataset(blobs(200))
    pool.annotate_random(10, seed=0)
    strategy = automatic(net, pool, acquisition=Auto(drawn=0.5))
    strategy.fit(max_steps=5, **quiet)
    query = strategy.query(6)
    assert np.isfinite(query.probabilities[:3]).all()
    assert "among 100 of 187 candidates, drawn at random" in query.why


# --- tasks --------------------------------------------------------------------------------------


def test_a_regression_needs_a_criterion(quiet):
    x = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    pool = al.ActiveLearningDataset(TensorDataset(x, x.sum(1, keepdim=True)))
    pool.annotate_random(10, seed=0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 1))
    strategy = al.auto(net, pool, loss=nn.MSELoss(), seed=0).build()
    strategy.fit(max_steps=2, **quiet)
    with pytest.raises(ConfigurationError, match=r"Rank\(Margin\(\)\).*Auto\(criterion="):
        strategy.query(3)
    variance = Auto(criterion=al.criteria.Variance())
    strategy = al.auto(net, pool, loss=nn.MSELoss(), samples=5, acquisition=variance, seed=0)
    strategy.build().fit(max_steps=2, **quiet)
    assert "of Rank(Variance())" in strategy.query(3).why


def test_structured_outputs_are_weighted_by_their_mean(quiet):
    x = torch.randn(40, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    pool = al.ActiveLearningDataset(TensorDataset(x, (x.sum(1) > 0).long()))
    pool.annotate_random(6, seed=0)
    strategy = al.auto(nn.Conv2d(3, 2, 3, padding=1), pool, task="segmentation", seed=0).build()
    strategy.fit(max_steps=2, **quiet)
    query = strategy.query(4)
    assert "UncertaintyHerding(" in query.why
    assert "guessed" not in query.why


def test_outputs_that_are_nan_are_named_as_such(pool, net, quiet):
    strategy = automatic(net, pool)
    strategy.fit(max_steps=1, **quiet)
    for weight in strategy.module.parameters():
        weight.data.fill_(torch.nan)
    with pytest.raises(NonFiniteError):
        strategy.query(3)


def test_arrays_have_no_state_to_ask_about():
    with pytest.raises(ConfigurationError, match="give it to a Strategy"):
        Auto().at(al.criteria.Context())


# --- random draws -------------------------------------------------------------------------------


def test_a_share_is_drawn_with_known_probabilities_and_feeds_the_monitor(blobs, net, quiet):
    pool = al.ActiveLearningDataset(blobs(300))
    pool.annotate_random(12, seed=0)
    strategy = automatic(net, pool, drawn=0.5)
    strategy.fit(max_steps=10, **quiet)
    query = strategy.query_and_update(20)
    assert (np.isfinite(query.probabilities[:10])).all()
    assert np.isnan(query.probabilities[10:]).all()
    risk = strategy.monitor.estimate()
    assert risk.labels == 10
    labels = np.array(pool.labels_of(query.indices))
    expected = al.estimate_risk(
        (query.guesses != labels)[:10], query.probabilities[:10], candidates=288
    )
    assert risk == expected
    assert strategy.monitor.by_class()


def test_the_share_is_right_on_average_for_single_picks(blobs, net, quiet):
    pool = al.ActiveLearningDataset(blobs(120))
    pool.annotate_random(12, seed=0)
    strategy = automatic(net, pool, drawn=0.5)
    strategy.fit(max_steps=3, **quiet)
    drawn = []
    for _ in range(24):
        query = strategy.query_and_update(1)
        drawn.append(query.probabilities is not None)
        assert query.why.startswith("Power(" if drawn[-1] else "UncertaintyHerding(")
    assert 6 <= sum(drawn) <= 18


def test_estimates_from_the_drawn_picks_are_unbiased(blobs, net, quiet):
    data = blobs(150)
    pool = al.ActiveLearningDataset(data)
    pool.annotate_random(9, seed=0)
    trained = automatic(net, pool, drawn=0.4)
    trained.fit(max_steps=8, **quiet)
    left = pool.unannotated_indices
    estimates, wrong = [], None
    for seed in range(150):
        strategy = automatic(net, pool, drawn=0.4, seed=seed)
        strategy.load_state_dict(trained.state_dict())
        query = strategy.query(10)
        truth = np.array([int(data[i][1]) for i in query.indices[:4]])
        risk = al.estimate_risk(
            query.guesses[:4] != truth, query.probabilities[:4], candidates=len(left)
        )
        estimates.append(risk.value)
        if wrong is None:
            every = strategy.query(len(left))
            wrong = np.mean(every.guesses != np.array([int(data[i][1]) for i in every.indices]))
    error = np.std(estimates) / len(estimates) ** 0.5
    assert 0 < wrong < 1
    assert abs(np.mean(estimates) - wrong) < 3 * error


def test_a_budget_keeps_the_drawn_share(pool, net, quiet):
    strategy = automatic(net, pool, drawn=0.5)
    strategy.fit(max_steps=5, **quiet)
    query = strategy.query(6, budget=6, cost=np.ones(len(pool)))
    assert query.why.startswith("Mix((0.5, Power(beta=2, uniform=0.1)), (0.5, UncertaintyHerding(")


def test_an_acquisition_that_is_given_has_its_own_features(pool, net):
    for options in ({"features": Inputs()}, {"drawn": 0.5}):
        with pytest.raises(ConfigurationError, match=r"acquisition=Auto\(\) is given"):
            al.auto(net(), pool, acquisition=Auto(), **options)


def test_equal_scores_are_not_said_to_leave_all_to_chance(pool):
    net = nn.Linear(2, 3)
    strategy = al.auto(net, pool, seed=0).build()
    for weight in strategy.module.parameters():
        weight.data.zero_()
    with pytest.warns(al.errors.SelectionWarning, match="same score, so scores decided nothing"):
        query = strategy.query(4)
    assert "chance" not in query.why


def test_all_picks_may_be_drawn(pool, net, quiet):
    strategy = automatic(net, pool, drawn=1.0)
    strategy.fit(max_steps=5, **quiet)
    query = strategy.query(6)
    assert np.isfinite(query.probabilities).all()
    assert query.why.startswith("Power(beta=2, uniform=0.1) of Rank(Margin())")


def test_a_saved_query_leaves_unknown_probabilities_out(pool, net, quiet, tmp_path):
    strategy = automatic(net, pool, drawn=0.5)
    strategy.fit(max_steps=5, **quiet)
    strategy.query(4).save(tmp_path / "q.csv")
    last = (tmp_path / "q.csv").read_text().splitlines()[-1]
    assert "nan" not in last.lower()


def test_everything_may_be_asked_for(pool, net, quiet):
    strategy = automatic(net, pool, drawn=0.3)
    strategy.fit(max_steps=5, **quiet)
    strategy.query_and_update(30)
    assert len(strategy.query_and_update(6)) == 6
    assert len(pool.unannotated_indices) == 0
