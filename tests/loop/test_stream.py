"""A stream asks within its budget, looks at no label before, and learns from those it is given."""

import os
from itertools import islice

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import alkit as al
from alkit.criteria import Criterion
from alkit.errors import ConfigurationError, LabelError, SampleIndexError, UnbuiltError
from alkit.loop import Decider, Stream
from alkit.loop.rules import FixedUncertainty, RandomSampling, VariableUncertainty

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*was not trained since:alkit.errors.SelectionWarning"
)
CPU = {"accelerator": "cpu"}
CENTERS = torch.tensor([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])


def blobs(n=30, seed=0, classes=3):
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, classes, (n,), generator=generator)
    return TensorDataset(CENTERS[y] + torch.randn(n, 2, generator=generator), y)


class Source(IterableDataset):
    """Samples one after the other."""

    def __init__(self, data):
        self.data = data

    def __iter__(self):
        return (self.data[k] for k in range(len(self.data)))


def make(criterion=None, *, pool=None, annotated=9, kind=al.Strategy, **options):
    if pool is None:
        pool = al.ActiveLearningDataset(blobs())
        pool.annotate_random(annotated, seed=0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3))
    if criterion is not None:
        options["criterion"] = criterion
    return kind(net, pool, seed=7, batch_size=8, **options).build()


def stream_of(strategy, budget=0.2, rule=None, **options):
    if "retrain_every" in options:
        options = {"max_steps": 5, "trainer": CPU, **options}
    return Stream(strategy, budget, rule, **options)


def run(stream, data, **options):
    """All decisions about a dataset, as one array of booleans."""
    parts = [decisions.asked for decisions in stream.over(Source(data), **options)]
    return np.concatenate(parts)


def weights(strategy):
    return {name: value.tolist() for name, value in strategy.module.state_dict().items()}


# --- decisions --------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 7, 500])
@pytest.mark.parametrize("rule", [None, VariableUncertainty()], ids=["quantile", "variable"])
def test_decisions_are_those_of_the_scores_by_hand(rule, batch_size):
    strategy, data = make(), blobs(120, 1)
    with torch.no_grad():
        p = strategy.module(data.tensors[0]).softmax(1).sort(descending=True).values
    expected = Decider(0.2, rule, seed=7)((1 - p[:, 0] + p[:, 1]).double().numpy())
    stream = stream_of(strategy, rule=rule)
    assert run(stream, data, batch_size=batch_size).tolist() == expected.tolist()
    assert stream.rate == expected.mean()
    assert stream.seen == 120


def test_the_strategy_its_pool_and_the_random_state_stay_as_they_were():
    strategy = make()
    pool = strategy.train_pool
    before = (weights(strategy), pool.state_dict(), strategy.query(3).indices.tolist())
    state = torch.get_rng_state()
    run(stream_of(strategy), blobs(60, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert (weights(strategy), pool.state_dict(), strategy.query(3).indices.tolist()) == before
    assert strategy.train_pool is pool
    assert not strategy.trained


def test_only_labels_that_were_asked_for_are_looked_at():
    class Label:
        def __init__(self, value, allowed):
            self.value, self.allowed = value, allowed

        def __getattribute__(self, name):
            get = object.__getattribute__
            if name != "__class__" and not get(self, "allowed"):
                raise AssertionError(f"a label that was not asked for was looked at: {name}")
            return get(self, name)

    data = blobs(100, 1)
    asked = run(stream_of(make()), data)
    hidden = [(x, int(y) if asked[k] else Label(y, False)) for k, (x, y) in enumerate(data)]
    stream = stream_of(make())
    assert run(stream, hidden, batch_size=5).tolist() == asked.tolist()
    assert stream.labeled == asked.sum()
    assert run(stream_of(make()), TensorDataset(data.tensors[0])).tolist() == asked.tolist()


def test_the_budget_holds_at_any_time_with_retraining_and_a_drift():
    calm, new = blobs(300, 1, classes=2), blobs(300, 2)
    data = [*calm, *new]
    stream = stream_of(make(), 0.1, retrain_every=10)
    asked = run(stream, data, batch_size=4)
    total = np.concatenate([[0], np.cumsum(asked)])
    for length in (1, 5, 20, 100, 300, 600):
        allowed = (0.1 + 0.9 / 100) * (length + 99)
        assert (total[length:] - total[:-length]).max() < allowed


def test_a_stream_learns_a_class_that_appears_later_within_its_budget():
    calm, new = blobs(300, 1, classes=2), blobs(500, 2)
    data, test = [*calm, *new], blobs(300, 3)
    accuracy = {}
    for name, rule in (("chosen", VariableUncertainty(delta=0)), ("never", FixedUncertainty(2))):
        pool = al.ActiveLearningDataset(blobs(30, 0, classes=2))
        pool.annotate(range(30))
        module = al.Estimator(LogisticRegression(), num_classes=3)
        strategy = al.Strategy(module, pool, al.LeastConfidence(), test=test, seed=0).build()
        strategy.fit(accelerator="cpu", enable_progress_bar=False)
        stream = Stream(strategy, 0.1, rule, retrain_every=8, trainer=CPU)
        run(stream, data)
        accuracy[name] = strategy.test(accelerator="cpu")["testMulticlassAccuracy"]
        assert stream.decider.asked < (0.1 + 0.9 / 100) * (800 + 99)
    assert accuracy["never"] < 0.7
    assert accuracy["chosen"] > 0.85


def test_a_rule_without_scores_makes_no_forward_pass():
    strategy = make(kind=al.UniformStrategy)

    def refuse(*_):
        raise AssertionError("a forward pass")

    strategy.module.register_forward_hook(refuse)
    asked = run(stream_of(strategy, rule=RandomSampling()), blobs(400, 1))
    assert asked.tolist() == Decider(0.2, RandomSampling(), seed=7)(np.zeros(400)).tolist()


def test_a_criterion_is_bound_again_after_each_training():
    class Rounds(Criterion):
        bound = []

        def at(self, context):
            self.bound.append(context.round)
            return self

        def score(self, prediction):
            return al.Margin().score(prediction)

    run(stream_of(make(Rounds()), retrain_every=6), blobs(150, 1))
    assert Rounds.bound == [*range(1, len(Rounds.bound) + 1)]
    assert len(Rounds.bound) > 3


def test_samples_with_several_rows_are_scored_as_in_a_query():
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(40, 3, 4, 4, generator=generator)
    masks = torch.randint(0, 2, (40, 4, 4), generator=generator)
    pool = al.ActiveLearningDataset(TensorDataset(images, masks))
    pool.annotate_random(5, seed=0)
    net = nn.Conv2d(3, 2, 1)
    strategy = al.Strategy(net, pool, al.Entropy(), task="segmentation", seed=0).build()
    query = strategy.query(35)
    stream = stream_of(strategy, 1, retrain_every=3)
    decisions = stream.offer([images[k] for k in query.indices])
    np.testing.assert_allclose(decisions.scores, query.scores, rtol=1e-6)
    stream.label([0, 5, 9], masks[:3])
    assert strategy.train_pool.annotated[-1][1].tolist() == masks[2].tolist()


def test_no_worker_is_started_for_a_mini_batch():
    processes = set()

    def note(x):
        processes.add(os.getpid())
        return x

    pool = al.ActiveLearningDataset(blobs(), scoring_transform=note)
    pool.annotate_random(9, seed=0)
    strategy = make(pool=pool, loader={"num_workers": 2, "persistent_workers": True})
    stream_of(strategy).offer(list(blobs(5, 1)))
    assert processes == {os.getpid()}
    assert strategy.loader == {"num_workers": 2, "persistent_workers": True}


def test_a_collate_fn_of_the_user_collates_what_arrives():
    def collate(items):
        return torch.stack([x for x, _ in items]), torch.tensor([int(y) for _, y in items])

    data = blobs(80, 1)
    plain, own = (
        run(stream_of(make(**o)), data) for o in ({}, {"loader": {"collate_fn": collate}})
    )
    assert plain.tolist() == own.tolist()


# --- labels and training ----------------------------------------------------------------------


@pytest.mark.parametrize("warm_start", [False, True])
def test_a_training_is_that_on_a_pool_of_all_labels(warm_start):
    data = blobs(100, 1)
    strategy = make()
    stream = stream_of(strategy, retrain_every=6, warm_start=warm_start)
    asked = np.flatnonzero(run(stream, data))
    new = strategy.train_pool.annotated_indices[9:]
    assert len(new) == len(asked) // 6 * 6 >= 12

    first = al.ActiveLearningDataset(blobs())
    ids = first.annotate_random(9, seed=0)
    items = [*blobs(), *(data[k] for k in asked)]
    other = make(pool=first)
    for count in range(6, len(new) + 1, 6):
        other.train_pool = al.ActiveLearningDataset(items)
        other.train_pool.annotate([*ids, *range(30, 30 + count)])
        if not warm_start:
            other.reset_model()
        other.fit(5, accelerator="cpu", enable_progress_bar=False)
    assert weights(strategy) == weights(other)
    assert [len(stream._new), stream.labeled] == [len(asked) % 6, len(asked)]


def test_the_same_seed_gives_the_same_run_and_another_one_does_not():
    runs = []
    for seed in (None, None, 8):
        strategy = make()
        stream = stream_of(strategy, rule=VariableUncertainty(), retrain_every=6, seed=seed)
        runs.append((run(stream, blobs(100, 1)).tolist(), weights(strategy)))
    assert runs[0] == runs[1]
    assert runs[0][0] != runs[2][0]


def test_labels_may_come_later_in_any_order():
    data = blobs(80, 1)
    now, later = make(), make()
    asked = np.flatnonzero(run(stream_of(now), data))
    stream = stream_of(later)
    run(stream, TensorDataset(data.tensors[0]))
    assert sorted(stream.waiting) == asked.tolist()
    assert torch.equal(stream.waiting[asked[2]], data[asked[2]][0])
    stream.label(asked[:1:-1], data.tensors[1][asked[:1:-1].copy()])
    stream.label([asked[0]], [1])
    assert [*stream.waiting] == [asked[1]]
    stream.forget([asked[1]])
    assert not stream.waiting
    assert stream.labeled == len(asked) - 1


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_samples_that_arrived_before_an_error_of_the_source_are_decided_about(batch_size):
    def broken():
        yield from islice(iter(Source(data)), 17)
        raise OSError("the sensor is gone")

    data = blobs(60, 1)
    stream, found = stream_of(make()), []
    decisions = stream.over(broken(), batch_size=batch_size)
    with pytest.raises(OSError, match="sensor is gone"):
        found.extend(part.asked for part in decisions)
    assert stream.seen == 17
    rest = stream.over(islice(iter(Source(data)), stream.seen, None), batch_size=batch_size)
    found.extend(part.asked for part in rest)
    assert np.concatenate(found).tolist() == run(stream_of(make()), data).tolist()


def test_what_the_pool_declares_as_missing_waits_as_a_sample_without_label_does():
    pool = al.ActiveLearningDataset(blobs(), missing=-1)
    pool.annotate_random(9, seed=0)
    stream = stream_of(make(pool=pool), 1)
    x, y = blobs(6, 1).tensors
    y[[1, 4]] = -1
    run(stream, TensorDataset(x, y))
    assert list(stream.waiting) == [1, 4]
    assert stream.labeled == 4


def test_an_oracle_gets_the_numbers_and_may_leave_some_for_later():
    data, calls = blobs(80, 1), []

    def oracle(numbers):
        calls.append(numbers)
        return [None if number % 2 else int(data[number][1]) for number in numbers]

    strategy = make()
    stream = stream_of(strategy, retrain_every=1000)
    asked = np.flatnonzero(run(stream, data, oracle=oracle, batch_size=8))
    assert np.concatenate(calls).tolist() == asked.tolist()
    assert sorted(stream.waiting) == [number for number in asked if number % 2]
    assert stream.labeled == (asked % 2 == 0).sum()
    stream.retrain()
    pool = strategy.train_pool
    assert pool.labels_of(range(30, len(pool))) == [int(data[k][1]) for k in asked if k % 2 == 0]
    assert strategy.trained


def test_what_a_query_adds_to_the_pool_in_between_is_kept():
    strategy = make()
    stream = stream_of(strategy, retrain_every=6)
    run(stream, blobs(60, 1))
    strategy.query_and_update(4)
    run(stream, blobs(60, 2))
    annotated = strategy.train_pool.annotated_indices
    assert (annotated < 30).sum() == 13
    assert (annotated >= 30).sum() == stream.labeled // 6 * 6


def test_classes_are_named_as_in_the_pool():
    pool = al.ActiveLearningDataset(blobs(), classes=["a", "b", "c"])
    pool.annotate_random(9, seed=0)
    stream = stream_of(make(pool=pool), retrain_every=2)
    stream.offer(list(blobs(40, 1)))
    first, second, third = islice(stream.waiting, 3)
    with pytest.raises(LabelError, match=f"sample {third} of the stream"):
        stream.label([first, third], ["a", "d"])
    assert stream.labeled == 0
    stream.label([first, second], ["b", 2])
    assert stream.strategy.train_pool.labels_of([30, 31]) == [1, 2]


@pytest.mark.parametrize("numbers", [[0, 10**6], [-1], [0.5], 3, ["a"]])
def test_a_number_that_does_not_wait_is_refused(numbers):
    stream = stream_of(make(), 1)
    stream.offer(list(blobs(3, 1)))
    with pytest.raises(SampleIndexError):
        stream.label(numbers, [0] * np.size(numbers))
    with pytest.raises(SampleIndexError, match="given twice"):
        stream.label([1, 1], [0, 0])
    assert [*stream.waiting] == [0, 1, 2]


# --- refusals ---------------------------------------------------------------------------------


class Chooses(al.Strategy):
    def query_strategy(self, pool, n):
        return pool.unannotated_indices[:n]


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (lambda: make(selector=al.KCenter()), "chooses among candidates"),
        (lambda: make(kind=al.UniformStrategy), "RandomSampling"),
        (lambda: make(al.Rank(al.Margin())), "compares all candidates"),
        (lambda: make(kind=Chooses), "query_strategy"),
        (lambda: nn.Linear(2, 2), "Stream needs a strategy"),
    ],
)
def test_what_cannot_score_a_sample_by_itself_is_refused(strategy, message):
    with pytest.raises(ConfigurationError, match=message):
        stream_of(strategy())


def test_wrong_arguments_are_refused():
    strategy = make()
    with pytest.raises(ConfigurationError, match="max_steps"):
        Stream(strategy, 0.1, retrain_every=5)
    with pytest.raises(ConfigurationError, match="max_steps"):
        Stream(strategy, 0.1).retrain()
    with pytest.raises(ConfigurationError, match="retrain_every"):
        Stream(strategy, 0.1, retrain_every=0, max_steps=5)
    with pytest.raises(UnbuiltError):
        Stream(al.Strategy(al.MultiLayerPerceptron(2, [4], 3), strategy.train_pool), 0.1)


@pytest.mark.parametrize("source", [DataLoader(blobs(), batch_size=4), blobs(), 3])
def test_what_is_not_an_iterable_of_samples_is_refused_at_once(source):
    with pytest.raises(ConfigurationError, match="single samples"):
        stream_of(make()).over(source)


def test_a_loader_without_batches_is_a_source():
    stream = stream_of(make())
    loader = DataLoader(Source(blobs(20, 1)), batch_size=None)
    assert sum(len(decisions.numbers) for decisions in stream.over(loader, batch_size=6)) == 20


def test_a_sample_of_another_form_than_those_of_the_pool_is_refused_before_it_is_asked_for():
    stream = stream_of(make(), 1)
    with pytest.raises(ConfigurationError, match=r"sample 0 .* type dict, .* are not dicts"):
        stream.offer([{"x": torch.zeros(2), "label": 0}])
    pool = al.ActiveLearningDataset([{"input": x, "label": y} for x, y in blobs()])
    pool.annotate(range(9))
    stream = stream_of(make(pool=pool), 1)
    with pytest.raises(ConfigurationError, match=r"type Tensor, .* are dicts"):
        stream.offer([(torch.zeros(2), 0)])
    stream.offer([{"input": torch.zeros(2)}])
    assert list(stream.waiting) == [0]


def test_targets_that_the_pool_does_not_have_are_named():
    pool = al.ActiveLearningDataset(blobs())
    pool.annotate(range(30))
    with pytest.raises(ConfigurationError, match=r"targets .* it has none: .*EPIG\(targets=data"):
        stream_of(make(al.EPIG(), pool=pool)).offer([torch.zeros(2)])


@pytest.mark.parametrize("samples", [[], torch.zeros(3, 2), 3])
def test_offer_takes_a_list_of_samples(samples):
    with pytest.raises(ConfigurationError, match="list of at least one sample"):
        stream_of(make()).offer(samples)


def test_a_bad_output_decides_nothing():
    stream = stream_of(make())
    with pytest.raises(al.errors.NonFiniteError):
        stream.offer([torch.tensor([0.0, 1.0]), torch.tensor([0.0, float("nan")])])
    assert stream.seen == 0
    assert not stream.waiting
