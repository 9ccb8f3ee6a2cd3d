"""Progressive validation against a loop that is written out, and models of fewer labels."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from alkit.loop.stopping import StablePredictions
from alkit.project.progressive import Labeled, Past, features_of, guessed, progressive


def labeled(n=40, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    x = rng.normal(0, 1, (n, 4)) + 2 * np.eye(4)[y]
    audit = rng.random(n) < 0.4
    return Labeled(x, y, audit, ~audit)


@pytest.mark.parametrize(("n", "step"), [(40, 5), (100, 5), (230, 12)])
def test_each_audit_sample_is_predicted_by_a_model_of_labels_before_it(n, step):
    data = labeled(n)
    found = progressive(LogisticRegression(), data, 0)
    assert (found[~data.audit] == -1).all()
    assert (found[:step] == -1).all()
    for row in np.flatnonzero(data.audit[step:]) + step:
        before = np.arange(row // step * step)
        model = LogisticRegression().fit(data.x[before], data.y[before])
        assert found[row] == model.predict(data.x[[row]])[0]


def test_no_label_of_an_audit_sample_reaches_its_own_prediction():
    """Labels without any relation to the features: predictions are right by chance alone."""
    rng = np.random.default_rng(1)
    right, model = [], LogisticRegression(C=1e3)
    for _ in range(40):
        x, y = rng.normal(0, 1, (30, 40)), rng.integers(0, 2, 30)
        data = Labeled(x, y, np.ones(30, dtype=bool), np.zeros(30, dtype=bool))
        assert (model.fit(x, y).predict(x) == y).all()
        right.append((progressive(model, data, 0) == y)[10:].mean())
    assert abs(np.mean(right) - 0.5) < 0.06


def test_the_audit_samples_of_the_later_half_count():
    audit = np.isin(np.arange(12), [0, 3, 5, 6, 8, 11])
    data = Labeled(np.zeros((12, 1)), np.zeros(12), audit, ~audit)
    assert data.later().tolist() == [6, 8, 11]
    assert data.later(7).tolist() == [3, 5, 6]
    assert data.later(1).tolist() == [0]
    assert data.later(0).tolist() == []


def test_labels_of_one_class_predict_this_class():
    data = labeled()
    ones = np.flatnonzero(data.y == 2)
    assert guessed(LogisticRegression(), data, ones, data.x[:3], 0).tolist() == [2, 2, 2]
    assert guessed(LogisticRegression(), data, ones[:0], data.x[:2], 0).tolist() == [-1, -1]


def test_a_strategy_of_the_past_predicts_as_it_would_have_then(small):
    small.label(30)
    strategy, ids = small.asking.strategy, np.array(list(small.asking.whys))
    data = Labeled(features_of(strategy, ids), small.y[ids], np.arange(30) < 0, np.arange(30) > 0)
    assert np.array_equal(data.x, small.x[ids])
    past = Past.of(strategy, data, np.arange(20))
    model = LogisticRegression(C=1.0, max_iter=300).fit(small.x[ids[:20]], small.y[ids[:20]])
    (found,) = past.predictions(small.pool, np.array([1, 5, 9]))
    assert found.ids.tolist() == [1, 5, 9]
    p = model.predict_proba(small.x[[1, 5, 9]])
    assert np.allclose(found.mean_probabilities.numpy(), p, atol=1e-4)
    assert past.seed == strategy.seed
    one = Past.of(strategy, Labeled(data.x, data.y * 0 + 1, data.audit, data.chosen), np.arange(9))
    (found,) = one.predictions(small.pool, np.array([1, 5]))
    assert found.guesses.tolist() == [1, 1]


def test_a_stopping_criterion_compares_models_of_the_past(small):
    small.label(40)
    strategy, ids = small.asking.strategy, np.array(list(small.asking.whys))
    data = Labeled(features_of(strategy, ids), small.y[ids], np.arange(40) < 0, np.arange(40) > 0)
    stop = StablePredictions(0.99, rounds=1)
    assert stop([], Past.of(strategy, data, np.arange(3))) is None
    assert stop([], Past.of(strategy, data, np.arange(40))) is None
    assert "agree" in stop([], Past.of(strategy, data, np.arange(40)))
