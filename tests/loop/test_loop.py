"""The loop equals a hand-written one, however it is stopped."""

import itertools

import lightning as L
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset
from torchmetrics.classification import MulticlassAccuracy

import alkit as al
from alkit.errors import (
    ConfigurationError,
    LabelError,
    QuerySizeError,
    UnbuiltError,
    UnreadableSampleError,
)

CPU = {"accelerator": "cpu"}
QUIET = {**CPU, "enable_progress_bar": False}


class Blobs(Dataset):
    """Three clusters; labels of unannotated samples may be poisoned or wrong."""

    def __init__(self, n=48, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.y = torch.arange(n) % 3
        centers = torch.tensor([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])
        self.x = centers[self.y] + torch.randn(n, 2, generator=generator)
        self.pool, self.unpaid = None, None

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        if self.pool is not None and self.pool.rounds[index] < 0:
            return self.x[index], self.unpaid(index)
        return self.x[index], int(self.y[index])


def make(kind="uncertainty", *, seed=7, unpaid=None, annotated=9, **options):
    data = Blobs()
    pool = al.ActiveLearningDataset(data)
    pool.annotate_random(annotated, seed=0)
    if unpaid is not None:
        data.pool, data.unpaid = pool, unpaid
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU())
        head, critic = nn.Linear(8, 3), nn.Linear(8, 1)
    options = {
        "test": Blobs(15, seed=1),
        "batch_size": 8,
        "test_metrics": [MulticlassAccuracy(3, average="micro")],
        "seed": seed,
        **options,
    }
    if kind == "adversarial":
        return al.AdversarialStrategy(body, head, critic, pool, **options).build()
    network = nn.Sequential(body, head)
    if kind == "uniform":
        return al.UniformStrategy(network, pool, **options).build()
    return al.UncertaintyStrategy(network, al.Margin(), pool, **options).build()


def loop(strategy, **options):
    options = {"query_size": 5, "rounds": 3, "max_steps": 4, "trainer": CPU, **options}
    return al.ActiveLearningLoop(strategy, **options)


def keeps_weights():
    """A list, and a callback that adds the weights at the end of each fit, before the reset."""
    kept = []  # no attribute: a callback begins each fit in its first state

    class KeepsWeights(L.Callback):
        def on_train_end(self, trainer, pl_module):
            kept.append({k: v.tolist() for k, v in pl_module.state_dict().items()})

    return kept, KeepsWeights()


def told(records):
    return [(record.metrics, record.query.indices.tolist(), record.annotated) for record in records]


def by_loop(strategy):
    kept, keep = keeps_weights()
    records = list(loop(strategy, trainer={**CPU, "callbacks": [keep]}))
    return kept, told(records)


def by_methods(strategy):
    (kept, keep), events = keeps_weights(), []
    for _ in range(3):
        annotated = strategy.train_pool.get_num_annotated()
        strategy.fit(max_steps=4, callbacks=[keep], **QUIET)
        metrics = strategy.test(**QUIET)
        events.append((metrics, strategy.query_and_update(5).indices.tolist(), annotated))
        strategy.reset_model()
    return kept, events


def by_hand(strategy):
    plain = {"logger": False, "enable_checkpointing": False, "enable_model_summary": False}
    (kept, keep), events = keeps_weights(), []
    pool = strategy.train_pool
    for _ in range(3):
        annotated = pool.get_num_annotated()
        trainer = L.Trainer(max_steps=4, callbacks=[keep], **plain, **QUIET)
        trainer.fit(strategy)
        (metrics,) = trainer.test(strategy, verbose=False)
        query = strategy.query(5)
        pool.annotate(query.indices)
        events.append((metrics, query.indices.tolist(), annotated))
        strategy.reset_model()
    return kept, events


@pytest.mark.parametrize("kind", ["uniform", "uncertainty", "adversarial"])
def test_loop_methods_and_a_loop_by_hand_are_the_same_bit_for_bit(kind):
    expected = by_loop(make(kind))
    assert by_methods(make(kind)) == expected
    torch.manual_seed(99)  # no result depends on this
    assert by_hand(make(kind)) == expected
    assert len({str(weights) for weights in expected[0]}) == 3
    assert by_loop(make(kind, seed=8)) != expected


class Poison:
    """Label that raises on any use."""

    def _raise(self, *_):
        raise AssertionError("the label of an unannotated sample was used")

    __bool__ = __int__ = __index__ = __float__ = __eq__ = __hash__ = __repr__ = _raise
    __array__ = __len__ = __iter__ = __getitem__ = __reduce__ = __deepcopy__ = _raise


@pytest.mark.parametrize("kind", ["uniform", "uncertainty", "adversarial"])
def test_labels_that_were_not_paid_for_change_nothing(kind):
    expected = by_loop(make(kind))
    assert by_loop(make(kind, unpaid=lambda index: Poison())) == expected
    assert by_loop(make(kind, unpaid=lambda index: (index * 7919) % 3)) == expected


def test_a_record_states_what_happened():
    strategy = make()
    first, second = itertools.islice(loop(strategy), 2)
    assert (first.round, second.round) == (0, 1)
    assert (first.annotated, second.annotated) == (9, 14)
    assert first.steps == second.steps == 4
    assert 0 <= first.metrics["testMulticlassAccuracy"] <= 1
    assert set(first.seconds) == {"train", "test", "score", "select"}
    assert all(seconds >= 0 for seconds in first.seconds.values())
    assert [first.query.round, second.query.round] == [1, 2]
    for record in first, second:
        rounds = strategy.train_pool.rounds[record.query.indices]
        assert (rounds == record.query.round).all()


@pytest.mark.parametrize("stop", ["break", "islice"])
def test_it_can_be_stopped_and_annotations_stay(stop):
    strategy = make()
    if stop == "break":
        for record in loop(strategy, rounds=50):
            if record.round == 1:
                break
    else:
        assert len(list(itertools.islice(loop(strategy, rounds=50), 2))) == 2
    assert strategy.train_pool.get_num_annotated() == 9 + 2 * 5


def test_nothing_is_trained_or_annotated_before_iteration():
    strategy = make()
    rounds = loop(strategy)
    assert len(rounds) == 3
    iterator = iter(rounds)
    assert strategy.train_pool.get_num_annotated() == 9
    next(iterator)
    assert strategy.train_pool.get_num_annotated() == 14


def test_it_ends_with_the_round_that_has_trained_on_everything():
    strategy = make(annotated=36)
    records = list(loop(strategy, rounds=10, query_size=5))
    assert [record.annotated for record in records] == [36, 41, 46, 48]
    assert [len(record.query or []) for record in records] == [5, 5, 2, 0]
    assert records[-1].query is None
    assert records[-1].metrics
    (only,) = loop(strategy, rounds=10)
    assert only.query is None
    assert only.annotated == 48


def test_the_model_is_reset_after_every_round():
    strategy = make()
    built = {name: value.clone() for name, value in strategy.state_dict().items()}
    for _ in itertools.islice(loop(strategy), 2):
        for name, value in strategy.state_dict().items():
            if not name.startswith("module.test_metrics"):
                assert torch.equal(value, built[name]), name


def test_labels_come_from_an_oracle_for_a_dataset_without_any():
    data = Blobs()
    pool = al.ActiveLearningDataset(list(data.x))
    pool.annotate(range(6), data.y[:6])
    asked = []

    def oracle(indices):
        asked.append(indices.tolist())
        return data.y[indices]

    network = nn.Linear(2, 3)
    strategy = al.UncertaintyStrategy(network, al.Margin(), pool, seed=0).build()
    records = list(loop(strategy, oracle=oracle))
    assert asked == [record.query.indices.tolist() for record in records]
    assert [record.metrics for record in records] == [{}, {}, {}]  # no test data
    for index in np.concatenate(asked):
        assert int(pool[index][1]) == int(data.y[index])
    with pytest.raises(LabelError):
        list(loop(strategy, oracle=lambda indices: [0]))
    assert pool.get_num_annotated() == 6 + 15


def test_epochs_are_passes_over_the_annotated_samples():
    records = list(loop(make(), max_steps=None, max_epochs=2, rounds=2))
    assert [record.steps for record in records] == [2 * 2, 2 * 2]  # 9, then 14, in batches of 8


def test_labels_for_validation_are_counted():
    val = al.ActiveLearningDataset(Blobs(20, seed=3))
    strategy = make(val_pool=val, val_share=0.4)
    records = list(loop(strategy, rounds=2))
    assert [record.annotated for record in records] == [9, 14]
    assert val.get_num_annotated() == 4


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"rounds": 0}, ConfigurationError),
        ({"rounds": True}, ConfigurationError),
        ({"rounds": 2.0}, ConfigurationError),
        ({"max_steps": None}, ConfigurationError),
        ({"max_steps": 0}, ConfigurationError),
        ({"query_size": 0}, QuerySizeError),
        ({"query_size": 49}, QuerySizeError),
        ({"query_size": 2.5}, QuerySizeError),
    ],
)
def test_wrong_arguments_raise_at_once(wrong, error):
    strategy = make()
    with pytest.raises(error):
        loop(strategy, **wrong)


def test_an_unbuilt_strategy_cannot_loop():
    pool = al.ActiveLearningDataset(TensorDataset(torch.randn(4, 2), torch.arange(4) % 2))
    with pytest.raises(UnbuiltError):
        loop(al.UniformStrategy(nn.Linear(2, 2), pool))


def test_a_warm_start_is_the_loop_by_hand_without_a_reset():
    by_hand, looped = make(), make()
    expected = []
    for _ in range(3):
        by_hand.fit(max_steps=5, **QUIET)
        expected.append(by_hand.test(**CPU))
        by_hand.query_and_update(4)
    loop = al.ActiveLearningLoop(looped, 4, 3, max_steps=5, warm_start=True, trainer=CPU)
    assert [record.metrics for record in loop] == expected
    cold = al.ActiveLearningLoop(make(), 4, 3, max_steps=5, trainer=CPU)
    assert [record.metrics for record in cold] != expected


def test_what_a_loop_cannot_run_is_refused_before_it_starts():
    for wrong in None, 3, "uniform", torch.nn.Linear(2, 3):
        with pytest.raises(ConfigurationError, match="needs a strategy"):
            al.ActiveLearningLoop(wrong, 3, 2, max_steps=1)
    with pytest.raises(ConfigurationError, match="oracle must be a function"):
        loop(make("uniform"), oracle=[1, 2])
    for wrong in 3, lambda: 3:
        with pytest.raises(ConfigurationError, match="trainer must be a dict"):
            list(loop(make("uniform"), trainer=wrong))


class Damaged(Blobs):
    """Samples of which three cannot be read."""

    def __getitem__(self, index):
        if index in (10, 20, 30):
            raise OSError("truncated")
        return super().__getitem__(index)


@pytest.mark.parametrize("query_size", [10, 12, 20])
@pytest.mark.filterwarnings("ignore::alkit.errors.SelectionWarning")
def test_a_loop_that_skips_unreadable_samples_ends_with_the_last_one_that_can_be_read(query_size):
    pool = al.ActiveLearningDataset(Damaged())
    pool.annotate(range(9))
    strategy = al.Strategy(nn.Linear(2, 3), pool, on_error="skip", seed=0).build()
    loop = al.ActiveLearningLoop(strategy, query_size, 9, max_steps=1, trainer=QUIET)
    *_, last = loop
    assert last.stopped == "no sample is left to query"
    assert pool.unannotated_indices.tolist() == [10, 20, 30]
    assert sorted(strategy.unreadable) == [10, 20, 30]
    strategy.on_error = "raise"
    with pytest.raises(UnreadableSampleError, match="sample 10 cannot be read"):
        loop.acquire(last)
