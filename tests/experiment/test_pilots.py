"""Pilots: where choosing is known to help, to cost, or to do nothing; and what they read."""

import math
import random

import numpy as np
import pytest
import torch
from redundant import estimator, redundant
from sklearn.linear_model import LogisticRegression
from small import network
from torch.utils.data import Dataset, TensorDataset

import alkit as al
from alkit.errors import AnnotationError, ConfigurationError
from alkit.experiment import Pilot, pilot
from alkit.experiment.drawn_labels import Labeled
from alkit.experiment.pilots import more_labels
from alkit.querying.tailor import Tailor
from alkit.selectors import Frozen, Given, Inputs


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
    assert "no label is known to be drawn at random. Labels left out, since" in str(found)
    assert "at random: 40;" in str(found)


def test_a_strategy_that_draws_at_random_trains_nothing():
    found = pilot(estimator(*redundant(), None, al.Random()))
    assert (found.outcome, found.fits, found.labels) == ("unknown", 0, 100)
    assert "it draws them at random itself" in str(found)


def test_models_that_never_differ_are_no_interval_around_zero():
    x = np.repeat(np.eye(2, dtype=np.float32), 100, 0)
    found = pilot(estimator(x, x.argmax(1), None, al.KCenter(Inputs()), labels=60), resamples=3)
    assert found.outcome == "unknown"
    assert "accuracy is the same, 1.000, with every model on pools of 30 labels" in str(found)
    assert "+0.000" not in str(found)


def test_it_prints_as_its_sentence():
    found = pilot(estimator(*redundant(), al.Margin(), labels=20))
    assert repr(found) == str(found)
    assert str(found).startswith("It cannot be told yet")


def test_features_that_do_not_change_are_those_that_are_kept_for_the_pool():
    x, y = redundant()
    encoder = torch.nn.Linear(9, 4)
    for space in (Given(x), Frozen(encoder), al.Whitened(Given(x))):
        strategy = estimator(x, y, None, al.KCenter(space), labels=60)
        strategy.query(2)
        assert len(strategy.train_pool.features) == 1
        assert pilot(strategy, resamples=2).fits == 12
        assert len(strategy.train_pool.features) == 1


def test_each_replay_begins_without_the_queries_of_others():
    x, y = redundant(groups=4)
    asked = []

    class Watched(Tailor):
        def ask(self, context, n):
            asked.append((context.round, len(context.learner.monitor.state_dict()["asked"])))
            return super().ask(context, n)

    pool = al.ActiveLearningDataset(TensorDataset(torch.from_numpy(x), torch.from_numpy(y % 3)))
    pool.annotate_random(40, seed=0)
    strategy = al.Strategy(network(), pool, acquisition=Watched(), seed=0)
    pilot(strategy, max_steps=2, resamples=3)
    assert asked == [(1, 0), (2, 1)] * 3


class Noisy(Dataset):
    """Inputs with noise from the global generators, as augmentation draws it."""

    def __init__(self, x, y):
        self.x, self.y = torch.from_numpy(x), y

    def __len__(self):
        return len(self.y)

    def __getitem__(self, index):
        noise = np.random.normal() + random.random() + float(torch.randn(()))  # noqa: NPY002
        return self.x[index] + 0.01 * noise, int(self.y[index])


def test_global_generators_do_not_change_and_do_not_matter():
    x, y = redundant()
    strategy = estimator(x, y, None, al.KCenter(Given(x)), labels=60, dataset=Noisy(x, y))

    def states():
        numpy = np.random.get_state()[1].tolist()  # noqa: NPY002
        return random.getstate(), numpy, torch.get_rng_state().tolist()

    before = states()
    first = pilot(strategy, resamples=2)
    assert states() == before
    assert first.fits == 12
    random.seed(7)
    np.random.seed(7)  # noqa: NPY002
    assert pilot(strategy, resamples=2) == first


def test_a_query_with_fewer_samples_than_asked_for_is_refused():
    class Few(al.ActiveLearner):
        def query(self, n, **options):
            return self.train_pool.unannotated_indices[: n - 1]

    x, y = redundant()
    pool = al.ActiveLearningDataset(TensorDataset(torch.from_numpy(x), torch.from_numpy(y)))
    pool.annotate_random(60, seed=0)
    strategy = Few(al.Estimator(LogisticRegression()), pool, seed=0)
    with pytest.raises(ConfigurationError, match="was asked for 6 samples and chose 5"):
        pilot(strategy, resamples=2)


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


def test_wrong_arguments_are_named():
    strategy = estimator(*redundant(), al.Margin())
    with pytest.raises(ConfigurationError, match=r"takes a strategy.*project\.train"):
        pilot("margin")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="resamples"):
        pilot(strategy, resamples=1)
    data = TensorDataset(torch.randn(60, 4), torch.randn(60))
    pool = al.ActiveLearningDataset(data)
    pool.annotate_random(40, seed=0)
    values = al.Strategy(torch.nn.Linear(4, 1), pool, loss=torch.nn.MSELoss(), selector=al.Random())
    with pytest.raises(ConfigurationError, match=r"class numbers.*use al\.compare"):
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
