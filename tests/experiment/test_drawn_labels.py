"""Labels that represent a pool: which count, which are left out, and their weights."""

import numpy as np
import pytest
import torch
from redundant import estimator, redundant
from sklearn.linear_model import LogisticRegression
from torch.utils.data import TensorDataset

import alkit as al
from alkit.experiment import pilot
from alkit.experiment.drawn_labels import Labeled, weights_of
from alkit.querying.risk import Terms
from alkit.selectors import Inputs, Power


def test_chosen_labels_are_left_out_and_drawn_ones_are_weighted():
    x, y = redundant()
    strategy = estimator(
        x, y, al.Margin(), Power(beta=2, uniform=0.2), labels=40, model=LogisticRegression()
    )
    strategy.fit(enable_progress_bar=False)
    query = strategy.query_and_update(30)
    strategy.query(5)  # never annotated
    weights = weights_of(strategy)
    candidates = len(y) - 40
    expected = Terms.of(np.zeros(30), query.probabilities, candidates).weights
    assert weights[query.indices] == pytest.approx(expected)
    assert (weights == 1).sum() >= 40
    strategy.selector = al.TopK()
    chosen = strategy.query_and_update(7)
    assert (weights_of(strategy)[chosen.indices] == 0).all()
    found = pilot(strategy, resamples=2)
    assert (found.labels, found.left_out) == (70, 7)


def test_a_query_counts_up_to_its_first_pick_without_a_label():
    strategy = estimator(
        *redundant(), al.Margin(), Power(beta=1, uniform=0.2), labels=40, model=LogisticRegression()
    )
    strategy.fit(enable_progress_bar=False)
    query = strategy.query(6)
    y = redundant()[1]
    part = query.indices[[0, 1, 3]]
    strategy.train_pool.annotate(part, y[part].tolist(), round=query.round)
    weights = weights_of(strategy)
    assert (weights[query.indices[:2]] > 0).all()
    assert weights[query.indices[2:]].tolist() == [0, 0, 0, 0]


def test_heavy_labels_are_drawn_first():
    weights = np.r_[np.full(20, 4.0), np.ones(20)]
    labeled = Labeled(np.arange(40), np.arange(40) % 2, weights)
    draws = np.random.default_rng(0)
    first = [labeled.split(draws)[0][0] < 20 for _ in range(2000)]
    assert np.mean(first) == pytest.approx(0.8, abs=0.03)


def test_labels_of_later_rounds_count_only_if_they_are_named_or_their_draws_are_known():
    strategy = estimator(*redundant(), None, al.KCenter(Inputs()), labels=40)
    again = strategy.train_pool.annotate_random(30, seed=1)
    found = pilot(strategy, resamples=2)
    assert (found.labels, found.left_out) == (40, 30)
    assert "known to be drawn at random: 30;" in str(found)
    assert "labels=" in str(found)
    assert (weights_of(strategy)[again] == 0).all()
    named = pilot(strategy, strategy.train_pool.annotated_indices, resamples=2)
    assert (named.labels, named.left_out) == (70, 0)
    assert "left out" not in str(named)


def test_labels_that_another_strategy_chose_are_not_taken_for_random_ones():
    chooses = estimator(*redundant(), al.Margin(), labels=40, model=LogisticRegression())
    chooses.fit(enable_progress_bar=False)
    chooses.query_and_update(40)
    pool = chooses.train_pool
    later = al.Strategy(al.Estimator(LogisticRegression()), pool, al.Margin(), seed=0)
    found = pilot(later, resamples=2)
    assert (found.labels, found.left_out) == (40, 40)


def test_picks_that_are_answered_in_a_later_round_are_still_chosen_ones():
    strategy = estimator(*redundant(), al.Margin(), labels=40, model=LogisticRegression())
    strategy.fit(enable_progress_bar=False)
    pool, y = strategy.train_pool, redundant()[1]
    first = strategy.query(10)
    pool.annotate(first.indices[:5], y[first.indices[:5]].tolist())
    late = pool.annotate(first.indices[5:], y[first.indices[5:]].tolist())  # the next round
    assert (weights_of(strategy, named=True)[late] == 0).all()
    assert (weights_of(strategy)[late] == 0).all()


def test_labels_that_a_query_of_the_ledger_asked_for_are_left_out(tmp_path):
    x, y = redundant()
    data = TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    pool = al.ActiveLearningDataset(data, ledger=tmp_path / "labels.db")
    model = al.Estimator(LogisticRegression())
    first = al.Strategy(model, pool, None, al.KCenter(Inputs()), seed=0)
    first.query_and_update(40)  # of round 0, chosen
    uniform = pool.annotate_random(10, seed=0)
    again = al.ActiveLearningDataset(data, ledger=tmp_path / "labels.db")
    later = al.Strategy(al.Estimator(LogisticRegression()), again, al.Margin(), seed=0)
    assert weights_of(later).sum() == 0
    assert "no label is known to be drawn at random" in str(pilot(later))
    assert (weights_of(later, named=True)[uniform] == 1).all()


def test_draws_that_could_not_reach_a_part_of_the_pool_do_not_represent_it():
    strategy = estimator(
        *redundant(), al.Margin(), Power(beta=2, uniform=0.2), labels=40, model=LogisticRegression()
    )
    strategy.fit(enable_progress_bar=False)
    query = strategy.query_and_update(30)
    state = strategy.monitor.state_dict()
    for unreachable, counts in [(5, True), (200, False)]:
        state["asked"][0]["unreachable"] = unreachable
        strategy.monitor.load_state_dict(state)
        assert (weights_of(strategy)[query.indices] > 0).all() == counts
