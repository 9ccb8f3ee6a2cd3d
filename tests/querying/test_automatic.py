"""A strategy that chooses by what it measures: the signals, the choice, and the reason."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.metrics import roc_auc_score
from torch import nn

import alkit as al
from alkit.querying.automatic import Signals, choice
from alkit.testing import check_strategy

GOOD = Signals(trained=True, drop=0.02, error=0.2, chance=0.6, auroc=0.9)


def automatic(net, pool, **options):
    options = {"seed": 3, "batch_size": 8, "optimizer": al.Adam(lr=0.02), **options}
    return al.auto(net(), pool, **options).build()


def labels_of(pool, indices):
    return np.array([int(pool._samples.dataset[i][1]) for i in indices])


def features(strategy, pool, ids):
    network = strategy.module.model.eval()
    with torch.no_grad():
        rows = network[:3](pool._samples.dataset.tensors[0][ids])
    return nn.functional.normalize(rows).double().numpy()


# --- the choice -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signals", "selector", "reason"),
    [
        (Signals(), "MaxHerding()", "not trained"),
        (replace(GOOD, trained=False), "MaxHerding()", "not trained"),
        (Signals(trained=True), "UncertaintyHerding()", "no labeled batch"),
        (GOOD, "Power(beta=2, uniform=0.1)", "2% nearer.*AUROC of 0.90.*errs on 20%.*60%"),
        (replace(GOOD, drop=0.08), "UncertaintyHerding()", "8% nearer"),
        (replace(GOOD, drop=None), "UncertaintyHerding()", "coverage is unknown"),
        (replace(GOOD, auroc=0.65), "UncertaintyHerding()", "AUROC of 0.65"),
        (replace(GOOD, auroc=None), "UncertaintyHerding()", "cannot test the margin"),
        (replace(GOOD, error=0.6), "UncertaintyHerding()", "errs on 60%"),
        # once drawn by the margin, it takes more to go back
        (replace(GOOD, trusted=True, auroc=0.55, drop=0.08), "Power(beta=2, uniform=0.1)", "0.55"),
        (
            replace(GOOD, trusted=True, auroc=None),
            "Power(beta=2, uniform=0.1)",
            "cannot test the margin",
        ),
        (replace(GOOD, trusted=True, auroc=0.45), "UncertaintyHerding()", "AUROC of 0.45"),
        (replace(GOOD, trusted=True, error=0.7), "UncertaintyHerding()", "errs on 70%"),
    ],
)
def test_the_signals_decide(signals, selector, reason):
    chosen, why = choice(signals)
    assert repr(chosen) == selector
    assert re.search(reason, why)


# --- the strategy -----------------------------------------------------------------------------


def test_it_keeps_the_laws(net):
    check_strategy(lambda pool, test: al.auto(net(), pool, test=test, seed=3, batch_size=8).build())


def test_from_no_label_to_power_margin_with_a_reason_each_round(blobs, net, quiet):
    pool = al.ActiveLearningDataset(blobs(300))
    strategy = automatic(net, pool)
    reasons = []
    for _ in range(9):
        reasons.append(strategy.query_and_update(10).why)
        strategy.reset_model()
        strategy.fit(max_steps=60, **quiet)
    rules = [why.split("(")[0] for why in reasons]
    assert rules[:2] == ["MaxHerding", "UncertaintyHerding"]
    assert reasons[0] == "MaxHerding(): the network is not trained yet"
    assert reasons[1].startswith("UncertaintyHerding() of Margin(): ")
    assert "Power" in rules
    assert strategy.monitor.by_round()


def test_an_untrained_network_is_asked_for_nothing_but_features(pool, net, quiet):
    strategy = automatic(net, pool)
    query = strategy.query(5)
    assert query.why.startswith("MaxHerding()")
    assert query.scores is None
    same = al.Strategy(net(), pool, selector=al.selectors.MaxHerding(), seed=3).build().query(5)
    assert query.indices.tolist() == same.indices.tolist()
    strategy.fit(max_steps=1, **quiet)
    assert strategy.query(5).why.startswith("UncertaintyHerding()")
    strategy.reset_model()
    assert strategy.query(5).why.startswith("MaxHerding()")


def test_weights_that_were_loaded_count_as_trained(pool, net, quiet):
    trained = automatic(net, pool)
    trained.fit(max_steps=5, **quiet)
    strategy = automatic(net, pool)
    strategy.load_state_dict(trained.state_dict())
    assert strategy.query(5).indices.tolist() == trained.query(5).indices.tolist()


def test_the_signals_are_those_of_other_libraries(pool, net, quiet):
    strategy = automatic(net, pool)
    strategy.fit(max_steps=30, **quiet)
    query = strategy.query_and_update(24)
    strategy.fit(max_steps=30, **quiet)
    signals = strategy.acquisition.signals(strategy.context)
    labels = labels_of(pool, query)
    wrong = query.guesses != labels
    assert 0 < wrong.sum() < 24
    assert signals.trained
    assert not signals.trusted
    assert signals.error == pytest.approx(wrong.mean())
    assert signals.auroc == pytest.approx(roc_auc_score(wrong, query.scores))
    assert signals.chance == pytest.approx(1 - np.bincount(labels).max() / 24)
    left, known = pool.unannotated_indices, pool.annotated_indices
    distances = cdist(features(strategy, pool, left), features(strategy, pool, known))
    before = distances[:, pool.rounds[known] < query.round].min(1).mean()
    assert signals.drop == pytest.approx(1 - distances.min(1).mean() / before, rel=1e-3)
    assert 0 < signals.drop < 1


def test_picks_of_known_probabilities_are_weighted(blobs, net, quiet):
    pool = al.ActiveLearningDataset(blobs(200))
    pool.annotate_random(12, seed=0)
    strategy = automatic(net, pool)
    strategy.fit(max_steps=10, **quiet)
    draws = al.Strategy(net(), pool, selector=al.Power(uniform=0.1), seed=0).build()
    draws.load_state_dict(strategy.state_dict())
    query = draws.query_and_update(40)
    strategy.monitor.load_state_dict(draws.monitor.state_dict())
    signals = strategy.acquisition.signals(strategy.context)
    wrong = query.guesses != labels_of(pool, query)
    q, m = query.probabilities, np.arange(1, 41)
    v = 1 + (188 - 40) / (188 - m) * (1 / ((188 - m + 1) * q) - 1)
    assert signals.trusted
    assert signals.error == pytest.approx((v * wrong).sum() / v.sum())
    expected = roc_auc_score(wrong, query.scores, sample_weight=v)
    assert signals.auroc == pytest.approx(expected)


def test_small_batches_are_measured_together(blobs, net, quiet):
    pool = al.ActiveLearningDataset(blobs(120))
    pool.annotate_random(12, seed=0)
    strategy = automatic(net, pool)
    strategy.fit(max_steps=20, **quiet)
    wrong = []
    for _ in range(9):
        query = strategy.query_and_update(3)
        wrong.append(query.guesses != labels_of(pool, query))
    assert not strategy.acquisition.signals(strategy.context).trusted  # so that all weigh the same
    assert strategy.acquisition.signals(strategy.context).error == pytest.approx(
        np.concatenate(wrong[-7:]).mean()
    )


def test_labels_that_come_later_decide_later(pool, net, quiet):
    strategy = automatic(net, pool)
    strategy.fit(max_steps=30, **quiet)
    query = strategy.query(10)
    assert "no labeled batch" in query.why
    again = strategy.query(10)
    assert (again.why, again.indices.tolist()) == (query.why, query.indices.tolist())
    pool.annotate(query.indices[:6])
    assert "no labeled batch" not in strategy.query(10).why
    wrong = query.guesses[:6] != labels_of(pool, query.indices[:6])
    assert strategy.acquisition.signals(strategy.context).error == pytest.approx(wrong.mean())


def test_a_network_without_features_is_told_to_name_them(pool):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(2, 5), nn.Linear(5, 3)

        def forward(self, x):
            return self.head(self.body(x).relu())

    with pytest.raises(ValueError, match="features="):
        al.auto(Net(), pool).build().query(3)
    assert len(al.auto(Net(), pool, features="model.body").build().query(3)) == 3


def test_everything_may_be_asked_for(pool, net, quiet):
    strategy = automatic(net, pool)
    strategy.fit(max_steps=5, **quiet)
    strategy.query_and_update(30)
    assert len(strategy.query_and_update(6)) == 6
    assert len(pool.unannotated_indices) == 0
    assert strategy.acquisition.signals(strategy.context).drop is None
