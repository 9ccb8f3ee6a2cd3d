import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import alkit as al
from alkit import errors


class Double(al.blocks.Block):
    """A block without parameters, for any dtype."""

    def forward(self, x):
        return 2 * x


def net() -> al.Sequential:
    layers = nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2)
    return al.Sequential(*layers).build()


@given(st.integers(0, 12), st.integers(1, 5))
def test_batches_give_the_same_output_as_one_forward_pass(length, batch_size):
    model = net()
    x = torch.linspace(-1, 1, 3 * length).reshape(length, 3)
    model.eval()
    expected = model(x)
    model.train()
    out = model.predict(x, batch_size=batch_size)
    torch.testing.assert_close(out, expected.detach())
    assert not out.requires_grad


def test_predictions_are_deterministic_and_modes_are_restored():  # fault 49
    model = net()
    model[1].eval()  # a frozen normalization
    mean = model[1].running_mean.clone()
    x = np.linspace(-1, 1, 30).reshape(10, 3)
    assert torch.equal(model.predict(x), model.predict(x))
    assert [part.training for part in model] == [True, False, True, True]
    assert model.training
    assert torch.equal(model[1].running_mean, mean)


def test_modes_are_restored_after_an_error():
    model = net()
    with pytest.raises(errors.ShapeError):
        model.predict(torch.zeros(4, 9))
    assert all(part.training for part in model.modules())


def test_dtypes_are_kept():  # fault 49
    double = Double().build()
    assert double.predict(np.arange(5)).dtype == torch.int64
    assert double.predict(torch.arange(5, dtype=torch.int16)).dtype == torch.int16
    assert double.predict(np.zeros(3)).dtype == torch.float64
    assert net().predict(np.zeros((3, 3))).dtype == torch.float32
    assert net().double().predict(np.zeros((3, 3), np.float32)).dtype == torch.float64


def test_an_empty_input_gives_an_empty_output():  # fault 49
    assert net().predict(np.zeros((0, 3))).shape == (0, 2)
    assert Double().build().predict(torch.zeros(0, 5)).shape == (0, 5)


@pytest.mark.parametrize("length", [999, 1000, 2500])
def test_all_inputs_are_batched_together(length):  # fault 48
    numbers = torch.arange(length)
    out = (
        al.blocks.Cat().build().predict(numbers[:, None], numbers[:, None].numpy(), batch_size=100)
    )
    assert torch.equal(out, torch.stack([numbers, numbers], dim=1))


def test_inputs_of_different_length_and_other_bad_input_raise():
    model = al.blocks.Add().build()
    with pytest.raises(errors.ConfigurationError, match=r"\[3, 4\]"):
        model.predict(torch.zeros(3), torch.zeros(4))
    with pytest.raises(errors.ConfigurationError, match="batch_size"):
        model.predict(torch.zeros(3), batch_size=0)
    with pytest.raises(errors.ConfigurationError, match="list"):
        model.predict([1, 2])
    with pytest.raises(errors.UnbuiltError):
        al.blocks.Add().predict(torch.zeros(3))


def test_several_outputs_are_joined_separately():
    class Several(al.blocks.Block):
        def forward(self, x):
            return {"pair": (x, x + 1), "sum": x.sum(dim=1)}

    x = torch.arange(14).reshape(7, 2)
    out = Several().build().predict(x, batch_size=3)
    assert torch.equal(out["pair"][1], x + 1)
    assert torch.equal(out["sum"], x.sum(dim=1))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_prediction_on_another_device_moves_the_weights_back():
    model = net()
    x = torch.zeros(5, 3)
    out = model.predict(x, device="cuda")
    assert out.device == x.device
    assert {p.device.type for p in model.parameters()} == {"cpu"}
    torch.testing.assert_close(out, model.predict(x))
