"""A pool as it would be with fewer annotations, which changes nothing."""

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import AnnotationError
from alkit.pool.as_if import as_if


@pytest.fixture
def pool():
    pool = al.ActiveLearningDataset(
        TensorDataset(torch.eye(8), torch.arange(8) % 3), among=range(7)
    )
    pool.annotate([0, 1, 2, 3], round=0)
    pool.annotate([4], [2], round=1)
    return pool


def test_samples_are_annotated_in_their_rounds_and_others_are_excluded(pool):
    past = as_if(pool, [[3, 0], [4]], [1])
    assert past.rounds.tolist() == [0, -1, -3, 0, 1, -3, -3, -2]
    assert past.annotated_indices.tolist() == [0, 3, 4]
    assert past.unannotated_indices.tolist() == [1]
    assert past.next_round == 2
    assert past.labels_of([0, 4]) == [0, 2]  # also a label from outside of the dataset
    assert [int(y) for _, y in past.annotated] == [0, 0, 2]
    assert torch.equal(past[1], torch.eye(8)[1])  # without its label


def test_the_pool_does_not_change_and_shares_its_features(pool):
    before = pool.state_dict()
    past = as_if(pool, [[0]], [1, 2])
    assert pool.state_dict() == before
    assert past.features is pool.features


def test_a_sample_without_a_label_is_refused(pool):
    with pytest.raises(AnnotationError, match="not annotated"):
        as_if(pool, [[0]], [5])
    with pytest.raises(AnnotationError, match="not annotated"):
        as_if(pool, [np.array([5])], [1])
