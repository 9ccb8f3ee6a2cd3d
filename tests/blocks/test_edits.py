"""Invariant 8: changed constructor arguments keep the edits of children, or raise and name one."""

import pytest
import torch
from torch import nn

import alkit as al
from alkit import errors


def test_every_kind_of_edit_is_reapplied():
    net = al.MultiLayerPerceptron(2, [3, 3], 1)
    net.blocks[0].activation.configure(nn.Tanh)
    net.blocks[1].activation = al.Layer(nn.Sigmoid)
    net.blocks[1].append(al.Layer(nn.Dropout, 0.25))
    net.blocks[2].normalization.configure(nn.BatchNorm1d)
    net.blocks[0].initialize(al.initializers.Constant(weight=3))
    net[..., "layer#:1"].log_output("first")
    assert net.configure(hidden_features=[4, 5], out_features=6) is net
    built = net.build()
    assert isinstance(built.blocks[0].activation, nn.Tanh)
    assert isinstance(built.blocks[1].activation, nn.Sigmoid)
    assert built.blocks[1].dropout.p == 0.25
    assert built.blocks[2].normalization.num_features == 6
    assert (built.blocks[0].layer.weight == 3).all()
    assert built(torch.zeros(7, 2)).shape == (7, 6)
    assert [layer.out_features for layer in built.layer] == [4, 5, 6]


def test_edits_of_the_list_itself_are_reapplied_in_order():
    net = al.MultiLayerPerceptron(2, [3, 3], 3)
    net.blocks[0].activation.configure(nn.Tanh)
    net.blocks.prepend(nn.Flatten())
    net.blocks.remove(2)
    net.blocks[1].layer.configure(bias=False)
    net.blocks.append(al.Layer(nn.Softmax, dim=1))
    before = repr(net)
    net.configure(in_features=9)
    assert repr(net) == before.replace("in_features=2", "in_features=9")
    net.configure(in_features=2)
    assert repr(net) == before


def test_edits_survive_several_changes_on_several_levels():
    net = al.Sequential(al.MultiLayerPerceptron(2, [3], 4), al.Discriminator(4))

    class Outer(al.blocks.Block):
        def __init__(self, width, depth=1):
            super().__init__()
            self.net = al.MultiLayerPerceptron(2, [width] * depth, 1)
            self.net.blocks[0].append(al.Layer(nn.Dropout, 0.5))
            self.net.configure(flatten_input=False)

    outer = Outer(3)
    outer.net.blocks[0].activation.configure(nn.Tanh)
    outer.net.configure(out_features=2)
    outer.net.blocks[-1].append(al.Layer(nn.Softmax, dim=1))
    outer.configure(depth=1).configure(width=5)
    outer = outer.new()
    outer.configure(width=6)
    built = outer.build()
    assert built.net.flatten_input is False
    assert [layer.out_features for layer in built.net.layer] == [6, 2]
    assert isinstance(built.net.blocks[0].activation, nn.Tanh)
    assert built.net.blocks[0].dropout.p == 0.5
    assert isinstance(built.net.blocks[1].softmax, nn.Softmax)
    net[1].blocks[0].layer.configure(bias=False)
    net[1].configure(hidden_features=[8])
    assert net[1].build().blocks[0].layer.bias is None
    assert isinstance(net[1].blocks[0].activation, nn.LeakyReLU)


def test_an_edit_that_no_longer_applies_raises_and_changes_nothing():
    net = al.MultiLayerPerceptron(2, [3, 3, 3], 1)
    net.blocks[3].append(al.Layer(nn.Dropout, 0.5))
    before = repr(net)
    with pytest.raises(
        errors.ConfigurationError, match=r"blocks\.3\.append\(Layer\(Dropout, p=0\.5\)\)"
    ):
        net.configure(hidden_features=[3])
    assert repr(net) == before
    net = al.MultiLayerPerceptron(2, [3, 3], 1)
    net.blocks[2].layer.configure(bias=False)
    with pytest.raises(errors.ConfigurationError, match=r"blocks\.2\.layer\.configure\(bias=Fal"):
        net.configure(hidden_features=[])
    net = al.MultiLayerPerceptron(2, [3, 3], 1)
    net.blocks.remove(2)
    with pytest.raises(errors.ConfigurationError, match=r"blocks\.remove\(2\)"):
        net.configure(hidden_features=[])


def test_a_removed_child_without_edits_does_not_raise():
    net = al.MultiLayerPerceptron(2, [3, 3, 3], 1)
    net.blocks[0].activation.configure(nn.Tanh)
    net.configure(hidden_features=[3])
    assert len(net.blocks) == 2


def test_children_given_as_arguments_keep_their_edits_without_duplicates():
    class Around(al.blocks.Block):
        def __init__(self, inner, scale=1):
            super().__init__()
            self.inner, self.scale = inner, scale

        def forward(self, x):
            return self.inner(x) * self.scale

    inner = al.MultiLayerPerceptron(2, [3], 1)
    outer = Around(inner)
    outer.inner.blocks[0].append(al.Layer(nn.Dropout, 0.5))
    outer.inner.blocks[1].activation.configure(nn.Tanh)
    outer.configure(scale=3)
    assert outer.inner is inner
    assert list(inner.blocks[0]._modules).count("dropout") == 1
    trained = al.MultiLayerPerceptron(2, [], 1).build()
    again = Around(trained).configure(scale=2).build()
    assert again.inner is trained


def test_changed_arguments_draw_no_random_numbers_for_the_comparison():
    class Plain(al.blocks.Block):
        def __init__(self, width):
            super().__init__()
            self.linear = nn.Linear(2, width)

    torch.manual_seed(0)
    expected = [nn.Linear(2, 3), nn.Linear(2, 4)][1].weight
    torch.manual_seed(0)
    assert torch.equal(Plain(3).configure(width=4).linear.weight, expected)


def test_a_constructor_with_keyword_arguments_accepts_any_name():
    class Open(al.blocks.Block):
        def __init__(self, first, *more, key=0, **rest):
            super().__init__()
            self.given = (first, more, key, rest)

    block = Open(1, 2, 3, other=4).configure(first=5, key=6, another=7)
    assert block.given == (5, (2, 3), 6, {"other": 4, "another": 7})


def test_a_change_in_a_torch_container_is_not_lost_silently():
    class Plain(al.blocks.Block):
        def __init__(self, width):
            super().__init__()
            self.parts = nn.ModuleList([al.Layer(nn.Linear, 2, width)])

    block = Plain(3)
    block.parts.append(al.Layer(nn.ReLU))
    with pytest.raises(errors.ConfigurationError, match="Cannot tell what was edited in Plain"):
        block.configure(width=4)


def test_attributes_set_by_the_user_are_kept():
    net = al.MultiLayerPerceptron(2, [3], 1)
    net.note = "mine"
    assert net.configure(out_features=2).note == "mine"
