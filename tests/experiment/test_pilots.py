"""Pilots: where choosing is known to help, to cost, or to do nothing; and what they read."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from small import network
from torch.utils.data import Dataset, TensorDataset

import alkit as al
from alkit.errors import AnnotationError, ConfigurationError
from alkit.experiment import Pilot, pilot
from alkit.experiment.pilots import more_labels, weights_of
from alkit.experiment.small_replays import Labeled
from alkit.querying.risk import Terms
from alkit.selectors import Inputs, Power


def redundant(seed=0, size=600, groups=9):
    """Six of ten samples are in one group, so random labels repeat it: each group is a class."""
    draws = np.random.default_rng(seed)
    group = draws.choice(groups, size, p=[0.6] + [0.4 / (groups - 1)] * (groups - 1))
    x = np.eye(groups)[group] * 4 + draws.normal(0, 0.3, size=(size, groups))
    return x.astype(np.float32), group


def estimator(x, y, *query, labels=100, model=None, seed=0, dataset=None):
    dataset = dataset or TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    pool = al.ActiveLearningDataset(dataset)
    pool.annotate_random(labels, seed=seed)
    model = al.Estimator(model or KNeighborsClassifier(1))
    return al.Strategy(model, pool, *query, seed=seed, test_batch_size=1000)


def test_choosing_is_found_to_save_where_the_pool_repeats_itself():
    found = pilot(estimator(*redundant(), None, al.KCenter(Inputs())), resamples=10)
    assert found.outcome == "saves"
    assert 0 < found.low < found.gain < found.high
    assert found.saved > 0
    assert found.saved_low <= found.saved <= found.saved_high
    assert (found.labels, found.left_out, found.fits, found.at) == (100, 0, 60, 25)
    said = str(found)
    assert "is estimated to raise accuracy by 0." in said
    assert said.startswith("KCenter(space=Inputs()) is estimated")
    assert "so 25 chosen labels are worth " in said
    assert "pools of 50 labels" in said
    assert "nan" not in said
    assert "inf" not in said


def test_random_labels_tell_nothing_and_state_no_savings():
    x, y = redundant()
    noise = np.random.default_rng(1).integers(0, 3, len(y))
    found = pilot(estimator(x, noise, None, al.KCenter(Inputs())), resamples=10)
    assert found.outcome == "unknown"
    assert found.low < 0 < found.high
    assert str(found).startswith("It cannot be told yet whether KCenter(")
    assert "accuracy differs by" in str(found)


def test_choosing_that_harms_is_found_to_cost():
    def alike(prediction):  # the group that is most frequent, again and again
        return prediction.mean_probabilities[:, 0]

    strategy = estimator(*redundant(), alike, model=LogisticRegression())
    found = pilot(strategy, resamples=10)
    assert found.outcome == "costs"
    assert found.high < 0
    assert "is estimated to lower accuracy by 0." in str(found)
    assert "so 25 chosen labels are worth " in str(found)
    assert found.saved < 0


def test_a_network_is_trained_within_its_budget_and_nothing_changes():
    x, y = redundant(size=600, groups=4)
    data = TensorDataset(torch.from_numpy(x), torch.from_numpy(y % 3))
    pool = al.ActiveLearningDataset(data, among=range(500))
    val = al.ActiveLearningDataset(data, among=range(500, 600))
    pool.annotate_random(40, seed=0)
    strategy = al.Strategy(network(), pool, al.Margin(), val_pool=val, seed=3, batch_size=8).build()
    val.annotate([505])
    strategy.fit(max_steps=2, enable_progress_bar=False)
    query = strategy.query(5)

    def everything():
        weights = {name: value.clone() for name, value in strategy.state_dict().items()}
        held = [pool.state_dict(), val.state_dict(), strategy.monitor.state_dict()]
        return weights, [*held, strategy.fits, strategy.seed, torch.get_rng_state().tolist()]

    weights, before = everything()
    first = pilot(strategy, max_steps=3, resamples=2)
    after, same = everything()
    assert same == before
    assert all(torch.equal(weights[name], after[name]) for name in weights)
    assert strategy.query(5).indices.tolist() == query.indices.tolist()
    assert pilot(strategy, max_steps=3, resamples=2) == first
    assert first.fits == 12


class Poison:
    def __getattribute__(self, name):
        raise AssertionError("a label was read that was not paid for")


class Poisoned(Dataset):
    """Labels of samples that are not paid for raise if they are touched."""

    def __init__(self, x, y, paid):
        self.x, self.y, self.paid = torch.from_numpy(x), y, set(paid)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, index):
        return self.x[index], int(self.y[index]) if index in self.paid else Poison()


def test_only_paid_labels_are_read():
    x, y = redundant()
    clean = estimator(x, y, None, al.KCenter(Inputs()), labels=50)
    paid = clean.train_pool.annotated_indices.tolist()
    data = Poisoned(x, y, paid)
    poisoned = estimator(x, y, None, al.KCenter(Inputs()), labels=50, dataset=data)
    assert pilot(poisoned, resamples=3) == pilot(clean, resamples=3)


def test_labels_that_people_gave_are_those_that_count():
    x, y = redundant()
    strategy = estimator(x, y, None, al.KCenter(Inputs()), labels=60)
    other = estimator(x, 8 - y, None, al.KCenter(Inputs()), labels=60)
    ids = other.train_pool.annotated_indices
    other.train_pool.relabel(ids, y[ids].tolist())
    assert pilot(other, resamples=3) == pilot(strategy, resamples=3)


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


@pytest.mark.parametrize(
    ("labels", "classes", "said"),
    [(20, 2, "count as 20"), (60, 20, "at least 100"), (40, 1, "fewer than two classes")],
)
def test_too_few_labels_train_nothing(labels, classes, said):
    x, _ = redundant()
    y = np.arange(len(x)) % classes
    found = pilot(estimator(x, y, al.Margin(), labels=labels))
    assert (found.outcome, found.fits) == ("unknown", 0)
    assert math.isnan(found.gain)
    assert said in str(found)


def test_chosen_labels_alone_tell_nothing():
    strategy = estimator(*redundant(), al.Margin(), labels=40, model=LogisticRegression())
    strategy.fit(enable_progress_bar=False)
    chosen = strategy.query_and_update(40)
    found = pilot(strategy, chosen.indices)
    assert (found.labels, found.left_out) == (0, 40)
    assert "no label was drawn uniformly" in str(found)


def test_labels_can_be_some_of_them_and_must_be_annotated():
    strategy = estimator(*redundant(), None, al.KCenter(Inputs()), labels=100)
    ids = strategy.train_pool.annotated_indices[:60]
    assert pilot(strategy, ids, resamples=2).labels == 60
    with pytest.raises(AnnotationError, match="not annotated"):
        pilot(strategy, strategy.train_pool.unannotated_indices[:60])


def test_a_rare_class_trains_models_of_two_classes_at_least():
    y = np.zeros(40, dtype=np.int64)
    y[:5] = 1
    labeled = Labeled(np.arange(40), y, np.ones(40))
    draws = np.random.default_rng(0)
    for _ in range(200):
        inside, test = labeled.split(draws)
        assert len(np.unique(y[inside[: labeled.sizes[0]]])) == 2
        assert sorted([*inside, *test]) == list(range(40))
    strategy = estimator(
        np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32), y, labels=40,
        model=LogisticRegression(),
    )  # fmt: skip
    assert pilot(strategy, resamples=5).fits == 30


def test_heavy_labels_are_drawn_first():
    weights = np.r_[np.full(20, 4.0), np.ones(20)]
    labeled = Labeled(np.arange(40), np.arange(40) % 2, weights)
    draws = np.random.default_rng(0)
    first = [labeled.split(draws)[0][0] < 20 for _ in range(2000)]
    assert np.mean(first) == pytest.approx(0.8, abs=0.03)


def test_wrong_arguments_are_named():
    strategy = estimator(*redundant(), al.Margin())
    with pytest.raises(ConfigurationError, match="takes a strategy"):
        pilot("margin")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="resamples"):
        pilot(strategy, resamples=1)
    data = TensorDataset(torch.randn(60, 4), torch.randn(60))
    pool = al.ActiveLearningDataset(data)
    pool.annotate_random(40, seed=0)
    values = al.Strategy(torch.nn.Linear(4, 1), pool, loss=torch.nn.MSELoss(), selector=al.Random())
    with pytest.raises(ConfigurationError, match="class numbers"):
        pilot(values.build(), max_steps=1)
    with pytest.raises(ConfigurationError, match="training needs a budget"):
        pilot(values)


@pytest.mark.parametrize(
    ("saved", "worth"),
    [
        ((10.0, 5.0, math.inf), "worth 35 random ones (at least 30)"),
        ((math.inf, 5.0, math.inf), "worth more than 50 random ones;"),
        ((-math.inf, -math.inf, -3.0), "worth fewer than 10 random ones;"),
        ((-8.0, -math.inf, -3.0), "worth 17 random ones (at most 22)"),
        ((10.0, 5.0, 15.0), "worth 35 random ones (30 to 40)"),
    ],
)
def test_the_sentence_goes_no_further_than_the_curve_that_was_measured(saved, worth):
    outcome = "saves" if saved[0] > 0 else "costs"
    found = Pilot(outcome, 0.1, 0.05, 0.15, 25, *saved, labels=100, by="Margin()")
    assert f"so 25 chosen labels are {worth}" in str(found)


def test_savings_are_read_from_the_curve_of_random_labels():
    sizes, curve = np.array([10, 20, 30, 50]), np.array([0.2, 0.4, 0.6, 0.8])
    found = [more_labels(sizes, curve, 25, gain) for gain in (0.1, 0.2, -0.1, 0.31, -0.4)]
    assert found[:3] == pytest.approx([5, 15, -5])
    assert found[3:] == [math.inf, -math.inf]
