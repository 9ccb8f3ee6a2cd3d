"""Labels of data for validation and tests."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset, default_collate
from torchmetrics import Accuracy

import alkit as al
from alkit.errors import LabelError

X = torch.rand(12, 2, generator=torch.Generator().manual_seed(0))
Y = torch.arange(12) % 3
NAN = float("nan")


def strategy(y=Y, loss=None, outputs=3, classes=None, **data):
    pool = al.ActiveLearningDataset(TensorDataset(X.clone(), y), classes=classes)
    pool.annotate(range(6))
    torch.manual_seed(0)
    model = nn.Linear(2, outputs)
    return al.Strategy(model, pool, loss=loss, batch_size=4, seed=0, **data).build()


def changed(value):
    return [(x, value if k == 9 else y) for k, (x, y) in enumerate(zip(X, Y.tolist(), strict=True))]


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (TensorDataset(X, torch.where(torch.arange(12) == 9, -100, Y)), "-100"),
        (changed(None), "None"),
        (changed(-1), "-1"),
        (changed(NAN), "nan"),
        ([{"x": x, "label": y} for x, y in changed(-1)], "-1"),
        (TensorDataset(X, torch.where(torch.arange(12) == 9, -100, Y)[:, None]), r"\[-100\]"),
    ],
)
@pytest.mark.parametrize("workers", [0, 1])
def test_a_label_that_the_pool_would_refuse_is_named(data, value, workers, quiet):
    learner = strategy(test=data, val=data, loader={"num_workers": workers})
    with pytest.raises(LabelError, match=f"sample 9 of test= has the label {value}"):
        learner.test(**quiet)
    if not workers:
        with pytest.raises(LabelError, match=f"sample 9 of val= has the label {value}"):
            learner.fit(max_epochs=1, **quiet)


def test_values_measured_in_part_and_real_values_are_labels(quiet):
    part = torch.where(torch.arange(24).reshape(12, 2) == 3, NAN, 1.0)
    negative = TensorDataset(X, -torch.rand(12, 1))
    assert strategy(-torch.rand(12, 1), nn.MSELoss(), 1, test=negative).test(**quiet)
    learner = strategy(torch.rand(12, 2), lambda o, y: (o - y).nanmean(), 2)
    learner.test_data = TensorDataset(X, part)
    assert learner.test(**quiet)


def test_names_of_classes_are_numbers_as_in_the_pool(quiet):
    names = ["ant", "bee", "cat"]
    rows = [(x, names[y]) for x, y in zip(X, Y, strict=True)]
    accuracy = {"test_metrics": Accuracy("multiclass", num_classes=3)}
    expected = strategy(test=TensorDataset(X, Y), **accuracy).test(**quiet)
    assert strategy(classes=names, test=rows, **accuracy).test(**quiet) == expected
    dicts = [{"x": x, "label": y} for x, y in rows]
    assert strategy(classes=names, test=dicts, **accuracy).test(**quiet) == expected
    wrong = [*rows[:7], (X[7], "cow")]
    with pytest.raises(LabelError, match="sample 7 of test= has the label 'cow'"):
        strategy(classes=names, test=wrong).test(**quiet)


def test_a_pool_of_labeled_samples_is_data_too(quiet):
    whole = TensorDataset(X, Y)
    pool = al.ActiveLearningDataset(whole, among=[7, 9, 11], scoring_transform=lambda x: x)
    pool.annotate([7, 9, 11])
    expected = strategy(test=TensorDataset(X[[7, 9, 11]], Y[[7, 9, 11]])).test(**quiet)
    assert strategy(test=pool).test(**quiet) == expected
    strategy(val=pool).fit(max_epochs=1, **quiet)


def test_another_error_of_a_batch_stays_what_it_is(quiet):
    rows = [(torch.zeros(2 + (k == 5)), 0) for k in range(8)]
    with pytest.raises(RuntimeError, match="equal size"):
        strategy(test=rows).test(**quiet)


def test_a_collate_fn_of_the_user_makes_the_batches(quiet):
    seen = []

    def collate(items):
        seen.append(len(items))
        return default_collate(items)

    data = TensorDataset(X, Y)
    learner = strategy(test=data, loader={"collate_fn": collate})
    assert learner.test(**quiet) == strategy(test=data).test(**quiet)
    assert seen == [4, 4, 4]
    assert np.shape(learner.test_data[0][0]) == (2,)
