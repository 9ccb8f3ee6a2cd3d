import numpy as np
import pytest
import torch
from torch import nn

import alkit as al
from alkit.errors import PicksError, QuerySizeError, SampleIndexError

pytestmark = pytest.mark.filterwarnings("ignore::alkit.errors.SelectionWarning")


@pytest.fixture
def pool(blobs):
    pool = al.ActiveLearningDataset(blobs(40))
    pool.annotate_random(6, seed=0)
    return pool


def learner(pool, cls=al.Strategy, **options):
    torch.manual_seed(0)
    return cls(nn.Linear(2, 3), pool, seed=0, **options).build()


def test_several_open_queries_do_not_overlap_and_are_the_best_of_what_is_left(pool):
    strategy = learner(pool)
    first = strategy.query(10)
    second = strategy.query(10, exclude=first)
    third = strategy.query(14, exclude=[first, second])
    everything = [*first, *second, *third]
    assert sorted(everything) == pool.unannotated_indices.tolist()
    assert everything == list(strategy.query(34))  # one order of scores
    assert list(strategy.query(10)) == list(first)  # nothing has changed
    assert second.trace.candidates == 24


@pytest.mark.parametrize(
    "selector", [al.Random(), al.KMeansPlusPlus(space=al.GradientEmbedding()), al.Power(2.0)]
)
def test_any_selector_leaves_excluded_samples_out(pool, selector):
    torch.manual_seed(0)
    net = al.MultiLayerPerceptron(2, [8], 3)
    strategy = al.Strategy(net, pool, selector=selector, seed=0).build()
    first = strategy.query(10)
    assert not set(first) & set(strategy.query(24, exclude=first))
    assert not {0, 1, 2} & set(strategy.query(10, exclude=[0, 1, 2]))


def test_answers_to_open_queries_come_in_any_order(pool):
    strategy = learner(pool)
    first = strategy.query(5)
    second = strategy.query(5, exclude=first)
    pool.annotate(second)
    third = strategy.query(5, exclude=[first, second])  # one of them is answered
    pool.annotate(first)
    pool.annotate(third)
    assert pool.get_num_annotated() == 21


def test_open_queries_do_not_overlap_in_the_validation_pool(pool, blobs):
    val_pool = al.ActiveLearningDataset(blobs(20, seed=1))
    strategy = learner(pool, val_pool=val_pool, val_share=0.4)
    first = strategy.query(10)
    second = strategy.query(10, exclude=first)
    assert len(first.validation) == len(second.validation) == 4
    assert not set(first.validation) & set(second.validation)
    assert not set(first) & set(second)


def test_too_many_samples_and_wrong_exclusions_are_errors(pool):
    strategy = learner(pool)
    first = strategy.query(10)
    with pytest.raises(QuerySizeError, match="25 samples were requested, but only 24 are"):
        strategy.query(25, exclude=first)
    with pytest.raises(SampleIndexError):
        strategy.query(1, exclude=[40])


def test_a_query_strategy_of_the_user_cannot_return_what_is_excluded(pool):
    class First(al.Strategy):
        def query_strategy(self, pool, n):
            return pool.unannotated_indices[:n]

    class Stubborn(al.Strategy):
        def query_strategy(self, pool, n):
            return self.train_pool.unannotated_indices[:n]

    strategy = learner(pool, First)
    first = strategy.query(3)
    assert np.array_equal(strategy.query(3, exclude=first), pool.unannotated_indices[3:6])
    with pytest.raises(PicksError, match="exclude= leaves out"):
        learner(pool, Stubborn).query(3, exclude=first)


def test_excluded_samples_of_the_pool_are_never_queried_or_trained_on(pool, quiet):
    broken = pool.unannotated_indices[:20]
    pool.exclude(broken, "broken")
    pool.exclude(pool.annotated_indices[:2], "unsure")
    strategy = learner(pool, batch_size=4, steps_per_epoch=1)
    strategy.fit(max_steps=2, **quiet)
    assert len(pool.annotated) == 4
    assert not set(strategy.query(14)) & set(pool.excluded)
    with pytest.raises(QuerySizeError, match="only 14"):
        strategy.query(15)

    class Wrong(al.Strategy):
        def query_strategy(self, pool, n):
            return broken[:n]

    with pytest.raises(PicksError, match="is excluded"):
        learner(pool, Wrong).query(2)
