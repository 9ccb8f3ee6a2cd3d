import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import alkit as al
from alkit.errors import ConfigurationError, ModelOutputError, ShapeError
from alkit.training.batches import Places, as_classes, as_values, split_batch

x, y = torch.randn(4, 2), torch.arange(4)


@pytest.mark.parametrize(
    "batch",
    [
        (x, y),
        [x, y],
        {"x": x, "y": y},
        {"image": x, "label": y, "id": 3},
        {"input": x, "target": y},
        {"x": x, "labels": y},
    ],
)
def test_a_batch_is_a_pair_or_a_dict(batch):
    first, second = split_batch(batch)
    assert first is x
    assert second is y


def test_declared_keys_come_before_common_names_and_the_strategy_before_the_pool():
    batch = {"x": 1, "a": x, "label": 2, "kind": y}
    assert Places(None, "a", "kind").split(batch) == (x, y)
    assert Places("x", "a", "kind").split(batch) == (1, y)
    first, second = Places(lambda b: (b["a"], sorted(b)), None, "kind").split(batch)
    assert first == (x, ["a", "label", "x"])  # the label is not among the inputs
    assert second is y
    assert Places(None, "a", "kind").input_of({"a": x, "b": y}) is x
    assert Places(None, None, "kind").label_of({"labels": y}) is y
    assert Places(None, None, "kind").label_of((x, y)) is y
    assert Places().label_of({"x": x}) is None
    assert Places().label_of(x) is None


@pytest.mark.parametrize(
    ("places", "batch", "message"),
    [
        (Places("b"), {"a": x}, "inputs='b' does not name .* among 'a'"),
        (Places(None, "b"), {"a": x}, "input_key='b' does not name"),
        (Places("b"), x, "'b' is a key, but the items .* are not dicts"),
        (Places(1), x, "position 0"),
    ],
)
def test_an_input_that_is_not_there_is_an_error(places, batch, message):
    for read in (places.input_of, places.split):
        with pytest.raises(ConfigurationError, match=message):
            read(batch)


def test_dicts_are_read_by_the_parameters_of_a_module_before_common_names():
    class Net(nn.Module):
        def forward(self, image, age=None):
            return image

    batch = {"x": 1, "image": x, "id": 3, "y": y}
    assert Places().split(batch, Net()) == ({"image": x}, y)
    assert Places().split(batch | {"age": 5}, Net()) == ({"image": x, "age": 5}, y)
    assert Places().split(batch, nn.Identity()) == (1, y)


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
