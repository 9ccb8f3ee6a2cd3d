"""A loop ends with a reason, and a criterion that does not stop it changes nothing."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset
from torchmetrics.classification import MulticlassAccuracy

import alkit as al
from alkit.errors import ConfigurationError
from alkit.loop.stopping import Budget, ExpectedGain, Plateau, StablePredictions
from alkit.oracles import Abstaining, Costly, Reveal

X = torch.randn(48, 2, generator=torch.Generator().manual_seed(0))
DATA = TensorDataset(X, (X[:, 0] > 0).long() + (X[:, 1] > 0).long())


def make(annotated=9, rounds=4, **options):
    pool = al.ActiveLearningDataset(DATA)
    pool.annotate_random(annotated, seed=0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Linear(2, 3)
    strategy = al.UncertaintyStrategy(
        net, al.Margin(), pool, test=DATA, seed=1, batch_size=8,
        test_metrics=[MulticlassAccuracy(3, average="micro")],
    ).build()  # fmt: skip
    options = {"max_steps": 4, "trainer": {"accelerator": "cpu"}, **options}
    return al.ActiveLearningLoop(strategy, 5, rounds, **options)


def test_the_reason_is_in_the_last_record_alone():
    for loop, count, reason in [
        (make(), 4, "all 4 rounds are done"),
        (make(annotated=41), 3, "no sample is left to query"),
        (make(stop=Budget(19)), 3, "19 of 19 labels are used"),
        (make(stop=[Budget(40), lambda records, strategy: "enough"]), 1, "enough"),
        (make(oracle=Abstaining(Reveal(DATA), 1)), 1,
         "the oracle has answered none of the 5 samples of the query"),
    ]:  # fmt: skip
        records = list(loop)
        assert len(records) == count
        assert [record.stopped for record in records] == [None] * (count - 1) + [reason]


def test_a_criterion_stops_before_labels_are_bought_and_the_model_is_reset():
    loop = make(stop=Budget(14))
    built = {name: value.clone() for name, value in loop.strategy.module.state_dict().items()}
    records = list(loop)
    assert [record.annotated for record in records] == [9, 14]
    assert records[-1].query is None
    assert records[-1].metrics
    assert loop.strategy.train_pool.get_num_annotated() == 14
    for name, value in loop.strategy.module.state_dict().items():
        assert name.startswith("test_metrics") or torch.equal(value, built[name])
    warm = make(stop=Budget(14), warm_start=True)
    list(warm)
    assert any(
        not torch.equal(value, built[name])
        for name, value in warm.strategy.module.state_dict().items()
    )


def test_criteria_that_do_not_stop_it_change_nothing():
    told = [
        [(record.annotated, record.metrics, record.query.indices.tolist()) for record in loop]
        for loop in (
            make(),
            make(stop=[Budget(99), Plateau(9e-9), StablePredictions(rounds=9), ExpectedGain(1, 9)]),
        )
    ]
    assert told[0] == told[1]


def test_a_criterion_may_be_given_to_several_loops():
    stop = StablePredictions(0.5, rounds=1, samples=30)
    counts = [len(list(make(stop=stop, rounds=8))) for _ in range(2)]
    assert counts[0] == counts[1] < 8
    loop = make(stop=Budget(19))
    assert [len(list(loop)), len(list(loop))] == [3, 1]  # annotations stay


def test_a_budget_counts_what_a_costly_oracle_has_spent():
    oracle = Costly(Reveal(DATA), np.full(48, 2.5))
    records = list(make(oracle=oracle, stop=Budget(25, lambda: oracle.spent), rounds=9))
    assert oracle.spent == 25
    assert records[-1].stopped == "25 of 25 are used"
    assert [record.annotated for record in records] == [9, 14, 19]


def test_the_records_so_far_are_given_with_the_present_one_last():
    seen = []

    def stop(records, strategy):
        seen.append([(record.round, record.query is None) for record in records])
        assert strategy.train_pool.get_num_annotated() == records[-1].annotated

    list(make(stop=stop, rounds=3))
    assert seen == [
        [(0, True)],
        [(0, False), (1, True)],
        [(0, False), (1, False), (2, True)],
    ]


def test_unanswered_samples_are_counted_in_the_records():
    oracle = Abstaining(Reveal(DATA), np.arange(48) % 2)
    records = list(make(oracle=oracle))
    bought = [len(record.query) - len(record.query.unanswered) for record in records]
    assert np.diff([record.annotated for record in records]).tolist() == bought[:-1]
    assert all((record.query.unanswered % 2 == 1).all() for record in records)
    assert any(len(record.query.unanswered) for record in records)


def test_regression_has_no_classes_to_be_stable():
    pool = al.ActiveLearningDataset(TensorDataset(X, X[:, :1]))
    pool.annotate_random(9, seed=0)
    training = al.Regressor(nn.Linear(2, 1))
    strategy = al.ActiveLearner(training, pool, selector=al.Random(), seed=0).build()
    options = {"max_steps": 2, "trainer": {"accelerator": "cpu"}}
    loop = al.ActiveLearningLoop(strategy, 5, 2, stop=StablePredictions(), **options)
    with pytest.raises(ConfigurationError, match="compares predicted classes"):
        list(loop)


def test_what_is_not_a_criterion_is_refused():
    for wrong in 3, "plateau", [Budget(3), None], Budget:
        with pytest.raises(ConfigurationError, match="stop must be a criterion"):
            make(stop=wrong)
    with pytest.raises(ConfigurationError, match=r"Did you mean Plateau\(\.\.\.\)"):
        make(stop=Plateau)
    with pytest.raises(ConfigurationError, match="returned True"):
        list(make(stop=lambda records, strategy: True))
