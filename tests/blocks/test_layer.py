import warnings

import pytest
import torch
from torch import nn

import alkit as al
from alkit import errors


def test_a_layer_makes_a_new_module_each_time_and_stays_a_recipe():
    layer = al.Layer(nn.Linear, 2, out_features=3)
    first, second = layer.build(), layer.create()
    assert first is not second
    assert (first.in_features, second.out_features) == (2, 3)
    assert not list(layer.parameters())
    torch.manual_seed(0)
    expected = nn.Linear(2, 3).weight
    torch.manual_seed(0)
    assert torch.equal(layer.build().weight, expected)


@pytest.mark.parametrize("wrong", ["biass", "in_feature", "otu_features", "bais"])
def test_a_misspelled_argument_raises_and_suggests_the_right_one(wrong):  # fault 44
    with pytest.raises(errors.ConfigurationError, match=f"Linear has no argument '{wrong}'.*Did"):
        al.Layer(nn.Linear, 4, 2, **{wrong: False})
    layer = al.Layer(nn.Linear, 4, 2)
    with pytest.raises(ValueError, match="Did you mean"):
        layer.configure(**{wrong: False})
    with pytest.raises(ValueError, match="Did you mean"):
        al.Layer(nn.ReLU).configure(nn.Linear, **{wrong: False})
    assert repr(layer) == "Layer(Linear, in_features=4, out_features=2)"


def test_an_argument_that_resembles_none_warns_once_at_build_and_is_ignored():  # fault 44
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net = al.Sequential(al.Layer(nn.Flatten, output_size=1))
    with pytest.warns(UserWarning, match="ignored") as caught:
        net.build()
    messages = [str(w.message) for w in caught]
    assert messages == ["0: Flatten has no argument 'output_size': ignored."]
    with pytest.raises(errors.ConfigurationError, match="start_dim, end_dim"):
        al.Layer(nn.Flatten).configure(output_size=1)


def test_a_change_of_class_keeps_common_arguments_and_restores_the_rest():
    layer = al.Layer(nn.Conv2d, 1, 4, kernel_size=3, padding_mode="zeros", groups=1)
    layer.configure(nn.MaxPool2d)
    assert layer.arguments() == {"kernel_size": 3}
    layer.configure(nn.Conv2d, kernel_size=5)
    made = layer.build()
    assert (made.in_channels, made.out_channels, made.kernel_size) == (1, 4, (5, 5))


def test_a_change_of_class_does_not_warn():
    layer = al.Layer(nn.LeakyReLU, negative_slope=0.3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(layer.configure(nn.Tanh).build(), nn.Tanh)
        assert layer.configure(nn.LeakyReLU).build().negative_slope == 0.3


def test_variable_arguments_are_passed_unchanged():
    made = al.Layer(nn.Sequential, nn.ReLU(), nn.Tanh()).build()
    assert [type(part) for part in made] == [nn.ReLU, nn.Tanh]
    gru = al.Layer(nn.GRU, 3, 4, batch_first=True).configure(num_layers=2).build()
    assert (gru.input_size, gru.num_layers, gru.batch_first) == (3, 2, True)
    net = al.Sequential(al.Layer(nn.LayerNorm, (2, 3)), al.Layer(nn.Dropout, 0.25)).build()
    assert net[0].normalized_shape == (2, 3)
    assert net[1].p == 0.25


def test_a_class_with_keyword_arguments_gets_only_those_that_were_given():
    class Norm(nn.Module):
        def __init__(self, num_features, **more):
            super().__init__()
            self.num_features, self.more = num_features, more

    block = al.blocks.LinearBlock(2, 3)
    block.normalization.configure(Norm, eps=1)
    norm = block.build().normalization
    assert (norm.num_features, norm.more) == (3, {"eps": 1})


def test_a_layer_can_wrap_a_block_or_a_function():
    def network(width):
        return al.MultiLayerPerceptron(2, [width], 1)

    net = al.Sequential(
        al.Layer(network, width=5), al.Layer(al.MultiLayerPerceptron, 1, [], 2)
    ).build()
    assert net(torch.zeros(3, 2)).shape == (3, 2)
    assert not list(net.new().parameters())


@pytest.mark.parametrize("wrong", [nn.ReLU(), "relu", 3])
def test_a_layer_of_something_that_makes_no_module_raises(wrong):
    with pytest.raises(errors.ConfigurationError, match="class of a module"):
        al.Layer(wrong)
    with pytest.raises(errors.ConfigurationError, match="class of a module"):
        al.Layer(nn.ReLU).configure(wrong)


def test_too_many_or_repeated_arguments_raise():
    with pytest.raises(errors.ConfigurationError, match="takes 2 arguments, start_dim, end_dim"):
        al.Layer(nn.Flatten, 1, 2, 3)
    with pytest.raises(errors.ConfigurationError, match="twice"):
        al.Layer(nn.Flatten, 1, start_dim=1)


def test_an_empty_slot_builds_nothing_until_it_is_filled():
    block = al.blocks.LinearBlock(2, 3)
    assert block.pool.is_empty
    with pytest.raises(errors.ConfigurationError, match="empty slot"):
        block.pool.configure(kernel_size=2)
    block.normalization.configure(nn.BatchNorm1d, momentum=0.5)
    built = block.build()
    assert built.pool is None
    assert (built.normalization.num_features, built.normalization.momentum) == (3, 0.5)
    assert built.new().normalization.configure(None).is_empty


def test_a_standalone_layer_is_initialized():
    layer = al.Layer(nn.Linear, 2, 2).initialize(al.initializers.Constant(weight=4))
    assert (layer.build().weight == 4).all()
    assert (layer.new().create().weight == 4).all()
