import pytest
import torch
from torch.utils.data import TensorDataset

import alkit as al
from alkit.querying.validation import validation_query


def pool(size, annotated=()):
    made = al.ActiveLearningDataset(TensorDataset(torch.zeros(size, 1), torch.zeros(size).long()))
    made.annotate(list(annotated))
    return made


@pytest.mark.parametrize(
    ("n", "share", "size"), [(10, 0.2, 2), (10, 0.25, 2), (10, 0.26, 3), (10, 0.99, 9), (2, 0.9, 1)]
)
def test_a_share_of_the_query_is_drawn_and_one_is_left_for_training(n, share, size):
    query = validation_query(pool(30, [0, 1]), n, share, seed=0, round=0)
    assert len(set(query.indices.tolist())) == size
    assert not {0, 1} & set(query.indices.tolist())


def test_there_is_no_query_without_a_pool_or_if_nothing_is_left_to_draw():
    assert validation_query(None, 10, 0.5, seed=0, round=0) is None
    assert validation_query(pool(3, [0, 1, 2]), 10, 0.5, seed=0, round=0) is None
    assert validation_query(pool(3), 1, 0.5, seed=0, round=0) is None
    assert validation_query(pool(3), 4, 0.1, seed=0, round=0) is None


def test_at_most_the_samples_left_are_drawn_uniformly_by_seed_and_round():
    assert len(validation_query(pool(3), 100, 0.5, seed=0, round=0).indices) == 3
    drawn = [
        tuple(validation_query(pool(50), 10, 0.5, seed=seed, round=round).indices)
        for seed in (0, 1)
        for round in (0, 0, 1)
    ]
    assert drawn[0] == drawn[1]
    assert len({drawn[0], drawn[2], drawn[3], drawn[5]}) == 4
