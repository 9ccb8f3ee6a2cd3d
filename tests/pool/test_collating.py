"""Batches of items, whose labels may have any number of rows."""

import pytest
import torch

import alkit as al
from alkit.errors import ShapeError
from alkit.pool.loaders import train_loader


def pairs(x, y):
    return x, y


def dicts(x, y):
    return {"x": x, "label": y}


def boxes(k):
    """Boxes of sample ``k``: as many as its last digit modulo 3."""
    return {"boxes": torch.tensor([[0.0, 0, 2, 2]] * (k % 3)), "labels": torch.ones(k % 3).long()}


def labeled(labels, form=pairs):
    return [form(torch.full((3, 4, 4), k + 0.0), label) for k, label in enumerate(labels)]


def first_batch(dataset, given=None, size=6):
    pool = al.ActiveLearningDataset(dataset)
    pool.annotate(range(6), given)
    samples = pool.annotated
    return next(iter(train_loader(samples, size, list(range(6))))), pool


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("counts", [[0, 1, 2, 3, 4, 5], [1, 1, 1, 1, 1, 1]])
@pytest.mark.parametrize("form", [pairs, dicts])
def test_boxes_stay_a_list_even_if_all_images_have_as_many(form, counts, given):
    labels = [boxes(k) for k in counts]
    batch, _ = first_batch(labeled(labels, form), labels if given else None)
    x, y = batch if form is pairs else (batch["x"], batch["label"])
    assert x[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert [len(target["boxes"]) for target in y] == [k % 3 for k in counts]
    assert all(target["boxes"].shape[1:] == (4,) for target in y if len(target["boxes"]))


@pytest.mark.parametrize("form", [pairs, dicts])
def test_lists_of_numbers_are_one_array_and_not_one_per_column(form):
    labels = [[k % 2, 1, 0] for k in range(6)]
    batch, pool = first_batch(labeled(labels, form))
    y = batch[1] if form is pairs else batch["label"]
    assert y.tolist() == labels
    pool.relabel([2], [[1, 1, 1]])
    batch = next(iter(train_loader(pool.annotated, 6, list(range(6)))))
    y = batch[1] if form is pairs else batch["label"]
    assert y.tolist() == [*labels[:2], [1, 1, 1], *labels[3:]]


def test_arrays_of_different_shapes_are_an_error_that_names_the_remedy():
    rows = [torch.zeros(k % 3, 5) for k in range(6)]
    with pytest.raises(ShapeError, match="collate_fn"):
        first_batch(labeled(rows))
