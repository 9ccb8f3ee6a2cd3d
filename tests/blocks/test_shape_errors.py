import pytest
import torch
from torch import nn

import alkit as al
from alkit import errors


def test_a_mismatch_of_backbone_and_head_names_the_path_and_both_shapes():
    net = al.Sequential(al.MultiLayerPerceptron(4, [3], 8), al.MultiLayerPerceptron(128, [], 10))
    with pytest.raises(errors.ShapeError) as caught:
        net.build()(torch.zeros(5, 4))
    text = str(caught.value)
    assert text.startswith("1.blocks.0.layer: Linear(in_features=128, out_features=10")
    assert "takes (..., 128), got (5, 8)" in text
    assert isinstance(caught.value, (RuntimeError, ValueError))
    assert type(caught.value.__cause__) is RuntimeError


MISFITS = {
    "channels": (al.Layer(nn.Conv2d, 1, 2, 3), (2, 3, 8, 8), r"takes \(N, 1, ...\), got \(2, 3, 8"),
    "axes": (al.Layer(nn.Conv2d, 1, 2, 3), (2, 8), r"takes \(N, 1, ...\), got \(2, 8\)"),
    "norm": (al.Layer(nn.BatchNorm2d, 4), (2, 3, 4, 4), r"takes \(N, 4, ...\), got \(2, 3, 4, 4\)"),
    "norm axes": (al.Layer(nn.BatchNorm2d, 4), (2, 4), r"takes \(N, 4, ...\), got \(2, 4\)"),
    "pool": (al.Layer(nn.MaxPool2d, 4), (2, 3, 2, 2), r"MaxPool2d.*got \(2, 3, 2, 2\)"),
    "one sample": (al.Layer(nn.BatchNorm1d, 4), (1, 4), r"got \(1, 4\). Expected more than 1"),
}


@pytest.mark.parametrize(("layer", "shape", "says"), MISFITS.values(), ids=MISFITS.keys())
def test_a_shape_that_does_not_fit_is_located(layer, shape, says):  # fault 32: one sample
    net = al.Sequential(al.Sequential(nn.Identity(), layer)).build()
    with pytest.raises(errors.ShapeError, match=r"^0\.1: .*" + says):
        net(torch.zeros(shape))


def test_a_shape_error_in_a_custom_forward_is_located():
    class Mine(al.blocks.Block):
        def forward(self, x):
            return x @ torch.zeros(7, 7)

    with pytest.raises(errors.ShapeError, match=r"0: Mine\(\), got \(2, 3\)"):
        al.Sequential(Mine()).build()(torch.zeros(2, 3))


@pytest.mark.parametrize("kind", [ValueError, RuntimeError, KeyError, ZeroDivisionError])
def test_other_errors_are_raised_unchanged(kind):
    class Mine(al.blocks.Block):
        def forward(self, x):
            raise kind("something else")

    with pytest.raises(kind, match="something else") as caught:
        al.Sequential(Mine()).build()(torch.zeros(1))
    assert type(caught.value) is kind


def test_dtype_and_out_of_memory_errors_are_not_shape_errors():
    class Full(al.blocks.Block):
        def forward(self, x):
            raise torch.OutOfMemoryError("tried to allocate a size of 1 GiB")

    with pytest.raises(torch.OutOfMemoryError):
        al.Sequential(Full()).build()(torch.zeros(1))
    with pytest.raises(RuntimeError) as caught:
        al.Sequential(nn.Linear(1, 1)).build()(torch.zeros(1, 1, dtype=torch.float64))
    assert not isinstance(caught.value, errors.ShapeError)
