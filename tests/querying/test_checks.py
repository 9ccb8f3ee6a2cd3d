import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import ConfigurationError, PicksError
from alkit.querying.checks import checked_picks, class_numbers, numbers_of_labels
from alkit.training.budget import check_budget, check_counts


@pytest.fixture
def pool():
    made = al.ActiveLearningDataset(TensorDataset(torch.zeros(9, 1), torch.zeros(9).long()))
    made.annotate([4, 7])
    return made


@pytest.mark.parametrize("wrong", [0, -1, 1.0, "2", True])
def test_a_count_is_an_integer_of_at_least_one(wrong):
    with pytest.raises(ConfigurationError, match="batch_size must be an integer of at least 1"):
        check_counts(batch_size=wrong)
    check_counts(batch_size=1, other=None)


def test_training_needs_a_budget():
    with pytest.raises(ConfigurationError, match="needs a budget"):
        check_budget(None, None)
    check_budget(3, None)
    check_budget(None, 3)


@pytest.mark.parametrize("form", [list, np.array, torch.tensor])
def test_picks_of_any_form_come_as_dataset_indices_in_their_order(pool, form):
    assert checked_picks(form([8, 0, 3]), 3, pool).tolist() == [8, 0, 3]


@pytest.mark.parametrize(
    ("picks", "told"),
    [
        ([0, 0, 1], "distinct"),
        ([0, 1], "must return 3 dataset indices, got 2"),
        ([0, 1, 4], "sample 4, which is annotated already"),
        ([0, 1, 9], "distinct dataset indices"),
        ([0.5, 1, 2], "distinct dataset indices"),
    ],
)
def test_picks_that_would_be_wrong_are_refused(pool, picks, told):
    with pytest.raises(PicksError, match=told):
        checked_picks(picks, 3, pool)
    assert pool.annotated_indices.tolist() == [4, 7]


def test_labels_of_classes_are_integers():
    assert class_numbers([2, np.int64(0)]).tolist() == [2, 0]
    assert class_numbers([[1.0], [0.0]]).tolist() == class_numbers([1.0, 0]).tolist() == [1, 0]
    for values in ([0.5, 1.0], [2.0, 0.0], [[1.0, 0.0]], [[1.0], [0.0, 1.0]]):
        with pytest.raises(ConfigurationError, match="not integers"):
            class_numbers(values)
    with pytest.raises(ConfigurationError, match="such as 'cat'"):
        class_numbers(["cat", "dog"])


def test_one_class_number_has_one_meaning_in_both_pools():
    def pools(*names):
        data = TensorDataset(torch.rand(20, 2), torch.zeros(20).long())
        return [
            al.ActiveLearningDataset(data, among=part, classes=classes)
            for part, classes in zip((range(10), range(10, 20)), names, strict=True)
        ]

    for names in ((["a", "b"], ["a", "b"]), (["a", "b"], None)):
        train, validation = pools(*names)
        al.Strategy(torch.nn.Linear(2, 2), train, val_pool=validation)
    train, validation = pools(["a", "b"], ["b", "a"])
    with pytest.raises(ConfigurationError, match="two meanings"):
        al.Strategy(torch.nn.Linear(2, 2), train, val_pool=validation)


def test_labels_are_values_where_the_outputs_are():
    values = al.Prediction(torch.zeros(2, 1), kind="values")
    assert numbers_of_labels([1, torch.tensor(2.5)], values).tolist() == [1.0, 2.5]
    assert numbers_of_labels([torch.tensor([1.0, 2]), [3, 4]], values).tolist() == [[1, 2], [3, 4]]
    features = al.Prediction(kind="values", features=torch.zeros(2, 3))
    for other in (None, features, al.Prediction(torch.zeros(2, 3))):
        assert numbers_of_labels([0, 2], other).dtype == torch.int64
        with pytest.raises(ConfigurationError, match="not integers"):
            numbers_of_labels([0.5, 2.0], other)
    with pytest.raises(ConfigurationError, match="not numbers, such as 'warm'"):
        numbers_of_labels(["warm", "cold"], values)
