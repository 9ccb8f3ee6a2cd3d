"""Weights of classes, counted in labels."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset, TensorDataset

import alkit as al
from alkit.criteria import ClassWeight, Context, Each
from alkit.errors import ConfigurationError, PredictionError

pytestmark = pytest.mark.filterwarnings("ignore::alkit.errors.SelectionWarning")

P = torch.rand(6, 3, generator=torch.Generator().manual_seed(0)).softmax(1)
GIVEN = al.Prediction(P, kind="probabilities")


class Labels(Context):
    """A context with these labels."""

    def __init__(self, labels):
        super().__init__(0, 0)
        self._labels = labels

    def labels(self):
        return self._labels


def test_a_guess_has_the_weight_of_its_class():
    counts = np.array([20, 0, 5])
    scores = ClassWeight(3, [20, 0, 5])(GIVEN)
    expected = [(25 + 3) / (counts[p.argmax()] + 1) for p in P]
    assert scores.tolist() == pytest.approx(expected)


def test_a_weight_depends_on_its_own_row_alone():
    criterion = ClassWeight(3, [20, 0, 5])
    whole, order = criterion(GIVEN), torch.tensor([3, 5, 0, 1, 4, 2])
    assert criterion(GIVEN[order]).equal(whole[order])
    assert torch.cat([criterion(GIVEN[k : k + 1]) for k in range(6)]).equal(whole)


def test_none_of_these_is_no_guess():
    scores = torch.tensor([0.3, 0.1, 0.9])
    boxes = [{"scores": scores, "labels": torch.tensor([1, 2, 0])}]
    weights = ClassWeight(3, [3, 1, 0])
    total = Each(weights, "sum")(al.Prediction.detection(boxes, 3))
    assert float(total) == pytest.approx(7 / 2 + 7 / 1 + 7 / 4)


@pytest.mark.parametrize(
    "labels",
    [
        [0, 2, 2, 2],
        [[0, 2], [2, 2]],
        [np.array([[0, 2], [2, 2]])],
        [np.array([[0, 2], [-100, -100]]), torch.tensor([2, -1, 2])],
        [{"labels": torch.tensor([0, 2])}, {"labels": torch.empty(0)}, {"labels": [2, 2]}],
    ],
    ids=["classes", "tokens", "pixels", "ignored", "boxes"],
)
def test_classes_are_counted_in_all_kinds_of_labels(labels):
    assert ClassWeight(3).at(Labels(labels)).counts == [1, 0, 3]


def test_without_labels_all_classes_weigh_the_same():
    counted = ClassWeight(3).at(Labels([]))
    assert counted(GIVEN).tolist() == [3] * 6


def test_given_counts_stay_and_a_strategy_counts_anew_for_each_query():
    assert ClassWeight(2, [1, 2]).at(Labels([0])).counts == [1, 2]
    x, y = torch.randn(30, 2), torch.tensor([0] * 10 + [1] * 20)
    pool = al.ActiveLearningDataset(TensorDataset(x, y))
    pool.annotate([0, 1, 2, 10])
    criterion = ClassWeight(2)
    strategy = al.Strategy(nn.Linear(2, 2), pool, criterion, seed=0).build()
    assert {round(float(w), 4) for w in strategy.query(26).scores} <= {1.5, 3}
    pool.annotate([11, 12, 13, 14])
    assert {round(float(w), 4) for w in strategy.query(22).scores} <= {2.5, 1.6667}
    assert criterion.counts is None


class Boxes(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, k):
        return torch.zeros(3), {"boxes": torch.zeros(k, 4), "labels": torch.full((k,), k % 2)}


def test_the_labels_of_boxes_in_a_pool_are_counted():
    pool = al.ActiveLearningDataset(Boxes())
    pool.annotate([0, 2, 3])
    strategy = al.Strategy(nn.Linear(3, 2), pool, seed=0).build()
    assert ClassWeight(2).at(strategy.context).counts == [2, 3]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ClassWeight(0), ConfigurationError, "num_classes"),
        (lambda: ClassWeight(3, [1, 2]), ConfigurationError, "3 numbers, one for each class"),
        (lambda: ClassWeight(2, [1, -2]), ConfigurationError, "counts"),
        (
            lambda: ClassWeight(3)(GIVEN),
            ConfigurationError,
            "no counts yet",
        ),
        (lambda: ClassWeight(3).at(Context(0)), ConfigurationError, "only a strategy has"),
        (lambda: ClassWeight(3).at(Labels([3])), ConfigurationError, "0 .. 2, .* got 3"),
        (lambda: ClassWeight(3).at(Labels([-1])), ConfigurationError, "got -1"),
        (lambda: ClassWeight(3).at(Labels(["cat"])), ConfigurationError, "got 'cat'"),
        (lambda: ClassWeight(3).at(Labels([{"boxes": 1}])), ConfigurationError, "'boxes'"),
        (
            lambda: ClassWeight(5, [1] * 5)(GIVEN),
            PredictionError,
            r"needs 5 columns.* got 3.* outputs=",
        ),
    ],
)
def test_other_arguments_and_labels_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
