"""The accuracy monitor: what a strategy remembers of its queries, compared with later labels."""

import json

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import AnnotationError, ConfigurationError


def drawing(net, pool, **options):
    options = {"selector": al.Power(uniform=0.1), "seed": 3, "batch_size": 8, **options}
    return al.Strategy(net(), pool, **options).build()


def labels_of(pool, indices):
    return np.array([int(pool._samples.dataset[i][1]) for i in indices])


def by_hand(query, labels, candidates, m=None):
    m = len(query) if m is None else m
    wrong = query.guesses[:m] != labels[:m]
    return al.estimate_risk(wrong, query.probabilities[:m], candidates)


# --- what is compared -------------------------------------------------------------------------


def test_the_guesses_of_the_model_that_asked_are_compared_with_the_labels_that_came(
    pool, net, quiet
):
    strategy = drawing(net, pool)
    for k in range(3):
        strategy.fit(max_steps=5, **quiet)
        left = len(pool.unannotated_indices)
        query = strategy.query_and_update(6)
        strategy.reset_model()
        expected = by_hand(query, labels_of(pool, query), left)
        assert strategy.monitor.estimate() == expected
        assert list(strategy.monitor.by_round()) == [*range(1, k + 2)]
        assert strategy.monitor.by_round()[k + 1] == expected


@pytest.mark.parametrize("n", [1, 4])
def test_the_labels_of_a_query_without_guesses_can_be_read(n, pool, net):
    class Fixed(al.Strategy):
        def query_strategy(self, pool, n):
            return pool.unannotated_indices[:n]

    strategy = Fixed(net(), pool, seed=0).build()
    query = strategy.query_and_update(n)
    (answer,) = strategy.monitor.answers()
    assert answer.labels.tolist() == labels_of(pool, query).tolist()
    assert answer.wrong.tolist() == []


def test_labels_may_come_later_and_after_another_fit(pool, net, quiet):
    strategy = drawing(net, pool)
    strategy.fit(max_steps=5, **quiet)
    query = strategy.query(8)
    with pytest.raises(AnnotationError, match="first label"):
        strategy.monitor.estimate()
    strategy.fit(max_steps=50, **quiet)  # the model changes, what it said then does not
    pool.annotate(query)
    assert strategy.monitor.estimate() == by_hand(query, labels_of(pool, query), 36)


def test_of_a_query_annotated_in_part_the_first_picks_count(pool, net):
    strategy = drawing(net, pool)
    query = strategy.query(8)
    labels = labels_of(pool, query)
    pool.annotate(query.indices[[0, 1, 2, 5, 7]])  # by people, in any order
    assert strategy.monitor.estimate() == by_hand(query, labels, 36, m=3)
    pool.annotate(query.indices[[3, 4]])
    assert strategy.monitor.estimate() == by_hand(query, labels, 36, m=6)
    pool.undo()
    assert strategy.monitor.estimate() == by_hand(query, labels, 36, m=3)


def test_a_query_whose_first_pick_has_no_label_does_not_count(pool, net):
    strategy = drawing(net, pool)
    query = strategy.query(4)
    pool.annotate(query.indices[1:])
    with pytest.raises(AnnotationError, match="first label"):
        strategy.monitor.estimate()
    assert strategy.monitor.by_round() == {}


def test_asking_again_counts_once(pool, net):
    strategy = drawing(net, pool)
    strategy.query(8)
    strategy.query(3)
    query = strategy.query(8)
    assert len(strategy.monitor.state_dict()["asked"]) == 2
    pool.annotate(query)
    assert strategy.monitor.estimate() == by_hand(query, labels_of(pool, query), 36)


def test_of_two_queries_of_a_round_the_annotated_one_counts(pool, net, quiet):
    strategy = drawing(net, pool, optimizer=al.Adam(lr=0.05))
    first = strategy.query(6)
    strategy.fit(max_steps=60, **quiet)
    second = strategy.query(6)
    assert first.indices.tolist() != second.indices.tolist()
    pool.annotate(first)
    assert strategy.monitor.estimate() == by_hand(first, labels_of(pool, first), 36)
    pool.undo()
    pool.annotate(second)
    assert strategy.monitor.estimate() == by_hand(second, labels_of(pool, second), 36)


def test_a_query_that_was_never_annotated_is_passed_over(pool, net):
    strategy = drawing(net, pool)
    strategy.query(6)
    pool.annotate_random(5, seed=1)
    query = strategy.query_and_update(6)
    assert strategy.monitor.estimate() == by_hand(query, labels_of(pool, query), 31)


def test_a_corrected_label_is_seen(pool, net):
    strategy = drawing(net, pool)
    query = strategy.query_and_update(6)
    guess = int(query.guesses[0])
    pool.relabel(query.indices, [guess] * 6)
    wrong = query.guesses != guess
    assert strategy.monitor.estimate() == al.estimate_risk(wrong, query.probabilities, 36)


def test_samples_spent_on_validation_do_not_count(pool, net, blobs):
    strategy = drawing(net, pool, val_pool=al.ActiveLearningDataset(blobs(seed=5)), val_share=0.5)
    query = strategy.query_and_update(10)
    assert len(query) == len(query.validation) == 5
    risk = strategy.monitor.estimate()
    assert risk.labels == 5
    assert risk == by_hand(query, labels_of(pool, query), 36)


def test_a_cold_start_counts_as_round_0(blobs, net):
    pool = al.ActiveLearningDataset(blobs())
    strategy = drawing(net, pool, selector=al.Random())
    query = strategy.query_and_update(12)
    assert list(strategy.monitor.by_round()) == [0]
    assert strategy.monitor.estimate() == by_hand(query, labels_of(pool, query), 60)


# --- that it is right -------------------------------------------------------------------------


def test_over_many_queries_the_estimate_is_the_error_on_what_was_unannotated(blobs, net, quiet):
    data = blobs(300)
    values, plain, errors = [], [], []
    pool = al.ActiveLearningDataset(data)
    pool.annotate_random(12, seed=0)
    strategy = drawing(net, pool, test_batch_size=300, optimizer=al.Adam(lr=0.05))
    strategy.fit(max_steps=20, **quiet)
    left = pool.unannotated_indices
    (prediction,) = strategy.predictions(pool, left)
    wrong = (prediction.guesses != data.tensors[1][left]).double().mean()
    for seed in range(150):
        strategy.seed = seed
        query = strategy.query_and_update(10)
        values.append(strategy.monitor.estimate().value)
        errors.append(values[-1] - float(wrong))
        plain.append(np.mean(query.guesses != labels_of(pool, query)))
        pool.undo()
    assert abs(np.mean(errors)) < 3.5 * np.std(errors) / len(errors) ** 0.5
    assert np.mean(plain) > 1.5 * float(wrong)


# --- smoothing, classes -----------------------------------------------------------------------


def test_several_rounds_give_the_mean_over_their_labels(pool, net):
    strategy = drawing(net, pool)
    parts = []
    for n in (4, 6, 8):
        left = len(pool.unannotated_indices)
        query = strategy.query_and_update(n)
        parts.append(by_hand(query, labels_of(pool, query), left))
    monitor = strategy.monitor
    expected = sum(part.value * part.labels for part in parts[1:]) / 14
    assert monitor.estimate(rounds=2).value == pytest.approx(expected)
    assert monitor.estimate(rounds=2) == monitor.by_round(2)[3]
    assert monitor.by_round(2)[1] == parts[0]
    assert monitor.estimate(rounds=99).labels == 18
    assert monitor.estimate(rounds=99, level=0.5).level == 0.5


def test_errors_by_class_are_weighted_shares(pool, net):
    strategy = drawing(net, pool)
    query = strategy.query_and_update(20)
    labels = labels_of(pool, query)
    found = strategy.monitor.by_class()
    assert list(found) == sorted(set(labels.tolist()))
    q, m = query.probabilities, np.arange(1, 21)
    v = 1 + (36 - 20) / (36 - m) * (1 / ((36 - m + 1) * q) - 1)
    for c, risk in found.items():
        rows = labels == c
        wrong = query.guesses[rows] != c
        assert risk.value == pytest.approx((v[rows] * wrong).sum() / v[rows].sum())
        assert risk.labels == rows.sum()
        assert 0 <= risk.low <= risk.high <= 1


# --- what cannot be told ----------------------------------------------------------------------


@pytest.mark.parametrize("selector", [al.TopK(), al.KCenter()], ids=repr)
def test_a_deterministic_selector_is_an_error_that_says_which_ones_draw(pool, net, selector):
    strategy = drawing(net, pool, selector=selector)
    strategy.query_and_update(5)
    with pytest.raises(ConfigurationError, match=r"known probabilities.*Power\(beta=2"):
        strategy.monitor.estimate()
    with pytest.raises(ConfigurationError, match="known probabilities"):
        strategy.monitor.by_class()
    assert strategy.monitor.by_round() == {}
    assert "no labels yet of picks with known probabilities" in repr(strategy.monitor)


def test_a_query_without_guesses_is_an_error(pool, net):
    class Own(al.Strategy):
        def query_strategy(self, pool, n):
            return al.Query(pool.unannotated_indices[:n], probabilities=np.full(n, 0.5))

    strategy = Own(net(), pool, seed=0).build()
    strategy.query_and_update(3)
    with pytest.raises(ConfigurationError, match="without guesses of the model"):
        strategy.monitor.estimate()


def test_labels_as_text_are_an_error(blobs, net):
    x, _ = blobs().tensors
    pool = al.ActiveLearningDataset(TensorDataset(x))
    strategy = drawing(net, pool, inputs=0)
    query = strategy.query(3)
    pool.annotate(query, ["cat", "dog", "cat"])
    with pytest.raises(ConfigurationError, match=r"'cat'.*estimate_risk"):
        strategy.monitor.estimate()


def test_a_regression_is_an_error(pool):
    strategy = al.Strategy(
        al.Regressor(nn.Linear(2, 1)), pool, al.criteria.Constant(), al.Random(), seed=0
    ).build()
    strategy.query_and_update(3)
    with pytest.raises(ConfigurationError, match="guesses are not class numbers"):
        strategy.monitor.estimate()


def test_a_binary_classifier_is_compared_by_class(blobs):
    x, y = blobs().tensors
    pool = al.ActiveLearningDataset(TensorDataset(x, (y == 0).float()[:, None]))
    model = al.BinaryClassifier(nn.Linear(2, 1), nn.BCEWithLogitsLoss())
    strategy = al.Strategy(model, pool, al.criteria.Constant(), al.Random(), seed=0).build()
    query = strategy.query_and_update(20)
    wrong = query.guesses != (y == 0).numpy()[query.indices]
    assert 0 < wrong.sum() < 20
    assert strategy.monitor.estimate().value == pytest.approx(wrong.mean())


def test_candidates_that_power_cannot_reach_are_told(pool):
    class Sure(nn.Module):
        def forward(self, x):
            return 25.0 * torch.stack([x[:, 0], x[:, 1], -x.sum(1)], 1)

    def asked(uniform):
        strategy = al.Strategy(Sure(), pool, selector=al.Power(uniform=uniform), seed=0)
        strategy.build()
        strategy.query(5)
        pool.annotate(strategy.query(5))
        risk = strategy.monitor.estimate()
        pool.undo()
        return risk

    assert asked(0.0).unreachable > 0.3
    assert "could not be picked" in asked(0.0).warning
    assert asked(0.1).unreachable == 0


@pytest.mark.parametrize("rounds", [0, -1, 1.5, True])
def test_a_wrong_number_of_rounds_is_refused(pool, net, rounds):
    strategy = drawing(net, pool)
    strategy.query_and_update(3)
    for look in (strategy.monitor.estimate, strategy.monitor.by_round, strategy.monitor.by_class):
        with pytest.raises(ConfigurationError, match="rounds"):
            look(rounds)


# --- state ------------------------------------------------------------------------------------


def test_a_new_strategy_starts_afresh_and_a_reset_model_does_not(pool, net):
    strategy = drawing(net, pool)
    strategy.query_and_update(5)
    before = strategy.monitor.estimate()
    strategy.reset_model()
    assert strategy.monitor.estimate() == before
    assert strategy.new().monitor.state_dict() == {"asked": []}
    assert strategy.monitor.estimate() == before
    strategy.forget_training()
    assert strategy.monitor.state_dict() == {"asked": []}


def test_what_is_remembered_survives_as_json(pool, net):
    strategy = drawing(net, pool)
    strategy.query_and_update(5)
    strategy.query(4)
    state = json.loads(json.dumps(strategy.monitor.state_dict()))
    twin = drawing(net, pool)
    twin.monitor.load_state_dict(state)
    assert twin.monitor.estimate() == strategy.monitor.estimate()
    assert repr(twin.monitor) == repr(strategy.monitor)
    with pytest.raises(ConfigurationError, match="state of a monitor"):
        twin.monitor.load_state_dict({"asked": [{"round": 1}]})
    assert twin.monitor.estimate() == strategy.monitor.estimate()


def test_it_prints_a_line_a_round(pool, net):
    strategy = drawing(net, pool)
    strategy.query_and_update(5)
    strategy.query_and_update(5)
    lines = repr(strategy.monitor).splitlines()
    assert lines[0] == "Monitor of 2 queries"
    assert lines[1].startswith("round 1: Risk(0.")
    assert lines[2].startswith("round 2: Risk(")
