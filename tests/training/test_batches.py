import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import alkit as al
from alkit.errors import ModelOutputError, ShapeError
from alkit.training.batches import as_classes, as_values, split_batch

x, y = torch.randn(4, 2), torch.arange(4)


@pytest.mark.parametrize(
    "batch",
    [
        (x, y),
        [x, y],
        {"x": x, "y": y},
        {"image": x, "label": y, "id": 3},
        {"input": x, "target": y},
    ],
)
def test_a_batch_is_a_pair_or_a_dict(batch):
    first, second = split_batch(batch)
    assert first is x
    assert second is y


@pytest.mark.parametrize("batch", [x, (x,), [x], {"x": x}])
def test_a_batch_may_have_no_targets(batch):
    assert split_batch(batch) == (x, None)


@pytest.mark.parametrize("batch", [(x, y, y), [], {"pixels": x, "y": y}])
def test_any_other_batch_raises_an_error_that_states_what_to_do(batch):
    with pytest.raises(ModelOutputError, match="training_step"):
        split_batch(batch)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.bool, torch.int64])
@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_classes_become_long(dtype, shape):
    classes = torch.tensor([0, 1, 1, 0]).to(dtype).reshape(shape)
    target = as_classes(torch.randn(4, 3), classes)
    assert target.dtype == torch.int64
    assert target.tolist() == [0, 1, 1, 0]


def test_classes_of_pixels_keep_their_shape():
    assert as_classes(torch.randn(2, 3, 5, 5), torch.zeros(2, 5, 5).int()).shape == (2, 5, 5)
    assert as_classes(torch.randn(2, 3, 5, 5), torch.zeros(2, 1, 5, 5).int()).shape == (2, 5, 5)


def test_probabilities_of_classes_stay_as_they_are():
    soft = torch.full((4, 3), 1 / 3)
    assert as_classes(torch.randn(4, 3), soft) is soft


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.data())
def test_targets_take_the_shape_of_the_outputs_and_keep_their_order(shape, data):
    values = torch.arange(float(np.prod(shape)))
    outer = list(shape)
    for _ in range(data.draw(st.integers(0, 2))):
        outer.insert(data.draw(st.integers(0, len(outer))), 1)
    for inner, wanted in ((shape, outer), (outer, shape)):
        target = as_values(torch.zeros(wanted), values.reshape(inner))
        assert target.shape == tuple(wanted)
        assert torch.equal(target.flatten(), values)


@pytest.mark.parametrize(
    ("returned", "targets"), [((4, 1), (4, 2)), ((4, 2), (4,)), ((4, 2), (2, 4)), ((6,), (2, 3))]
)
def test_shapes_that_do_not_fit_raise_an_error_that_names_both(returned, targets):
    with pytest.raises(ShapeError) as error:
        as_values(torch.zeros(returned), torch.zeros(targets))
    assert str(returned) in str(error.value)
    assert str(targets) in str(error.value)


def test_targets_take_the_type_of_the_outputs_but_never_lose_range():
    assert as_values(torch.zeros(2), torch.tensor([1, 2])).dtype == torch.float32
    assert as_values(torch.zeros(2), torch.zeros(2).double()).dtype == torch.float32
    assert as_values(torch.zeros(2).double(), torch.zeros(2)).dtype == torch.float64
    assert as_values(torch.zeros(1).half(), torch.tensor([1e5])).item() == 1e5


def test_anything_but_a_tensor_is_passed_to_the_loss_unchanged():
    pair = (x, x)
    assert as_values(pair, y) is y
    assert as_classes(pair, y) is y
    assert as_values(x, pair) is pair


@pytest.mark.filterwarnings("ignore:You are trying to `self.log")  # there is no Trainer
@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.L1Loss(), lambda a, b: (a - b).abs().mean()])
@pytest.mark.parametrize("own", [False, True])
def test_a_column_of_outputs_never_broadcasts_against_a_row_of_targets(loss, own):
    """(B, 1) against (B,) would be (B, B), with another mean."""

    class Own(al.Regressor):
        def compute_loss(self, y_hat, y):
            return self.loss(y_hat, y)

    model = (Own if own else al.Regressor)(nn.Linear(2, 1), loss=loss).build()
    values = torch.randn(4)
    with torch.no_grad():
        expected = loss(model(x)[:, 0], values)
    assert model.training_step((x, values), 0).item() == pytest.approx(expected.item(), rel=1e-6)
