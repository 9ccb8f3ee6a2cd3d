import gc
import weakref

import pytest
import torch
from torch import nn

import alkit as al
from alkit import errors


class Two(al.blocks.Block):
    """A layer, and layers in torch containers."""

    def __init__(this, width, depth=1):
        super().__init__()
        this.first = al.Layer(nn.Linear, 2, width)
        this.inner = nn.ModuleList([al.Layer(nn.Linear, width, width) for _ in range(depth)])
        this.last = al.Layer(nn.Linear, width, 1)

    def forward(self, x):
        x = self.first(x)
        for layer in self.inner:
            x = layer(x)
        return self.last(x)


def test_layers_in_torch_containers_are_built_in_definition_order():
    torch.manual_seed(0)
    expected = [nn.Linear(2, 3), nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 1)]
    torch.manual_seed(0)
    built = Two(3, depth=2).build()
    made = [built.first, *built.inner, built.last]
    for layer, other in zip(made, expected, strict=True):
        assert torch.equal(layer.weight, other.weight)
    assert not list(built.new().parameters())
    assert built.new().create()(torch.zeros(4, 2)).shape == (4, 1)


def test_configure_works_whatever_the_first_parameter_of_the_constructor_is_named():  # fault 57
    assert Two(3).configure(width=5).build().last.in_features == 5


def test_a_part_used_in_two_places_is_one_module():
    shared = al.Layer(nn.Linear, 2, 2)
    block = al.MultiLayerPerceptron(2, [], 2)
    net = al.Sequential(shared, nn.ReLU(), shared, block, block)
    for built in (net.create(), net.build(), net.new().build()):
        assert built[0] is built[2]
        assert built[3] is built[4]
        assert len(list(built.parameters())) == 4
    torch.manual_seed(0)
    expected = [nn.Linear(2, 2), nn.Linear(2, 2)]
    torch.manual_seed(0)
    built = net.create()
    assert torch.equal(built[3].output.layer.weight, expected[1].weight)  # each is drawn once
    filled = []
    net.new().initialize(filled.append).build()
    assert len(filled) == len(set(filled))  # and initialized once


def test_a_part_that_cannot_be_made_leaves_the_block_unbuilt():
    net = al.Sequential(al.Layer(nn.Linear, 2, 2), al.Layer(nn.Linear, 2))
    before = repr(net)
    message = r"^1: Layer\(Linear, in_features=2\) cannot be built: TypeError: .*out_features"
    with pytest.raises(errors.ConfigurationError, match=message) as caught:
        net.build()
    assert isinstance(caught.value, TypeError)
    assert repr(net) == before
    net[1].configure(out_features=3)
    assert net.build()(torch.zeros(1, 2)).shape == (1, 3)


def test_a_block_is_freed_with_its_last_reference():
    net = al.Sequential(al.MultiLayerPerceptron(2, [3], 1)).build()
    gone = weakref.ref(net[0].blocks[0].layer.weight), weakref.ref(net)
    gc.disable()
    try:
        del net
        assert [ref() for ref in gone] == [None, None]  # no reference cycle keeps the weights alive
    finally:
        gc.enable()


def test_the_initializer_of_a_part_overrides_that_of_the_whole():
    net = al.MultiLayerPerceptron(2, [3], 1)
    net.blocks[0].initialize(al.initializers.Constant(weight=5))
    net.initialize(al.initializers.Constant(weight=1, bias=2))
    for built in (net.create(), net.create().new().build()):
        assert (built.blocks[0].layer.weight == 5).all()
        assert (built.blocks[1].layer.weight == 1).all()
        assert (built.blocks[1].layer.bias == 2).all()


def test_an_initializer_keeps_weights_that_were_passed_in():
    trained = nn.Linear(2, 2)
    before = trained.weight.clone()
    net = al.Sequential(trained, al.Layer(nn.Linear, 2, 2))
    net.initialize(al.initializers.Constant(weight=7)).build()
    assert torch.equal(net[0].weight, before)
    assert (net[1].weight == 7).all()


def test_an_initializer_fills_a_built_block_immediately_and_stays_in_the_recipe():
    net = al.Sequential(nn.Linear(2, 2), al.Layer(nn.Linear, 2, 2)).build()
    net.initialize(al.initializers.Constant(weight=7))
    assert (net[0].weight == 7).all()
    assert (net[1].weight == 7).all()
    assert (net.new().build()[1].weight == 7).all()


def test_an_initializer_that_finds_nothing_warns():
    net = al.Sequential(nn.Linear(2, 2)).initialize(al.initializers.Kaiming())
    with pytest.warns(UserWarning, match="found nothing to fill in Sequential"):
        net.build()


def test_a_plain_module_but_not_a_recipe_can_replace_a_child_of_a_built_block():
    net = al.Sequential(al.Layer(nn.Linear, 2, 2), al.Layer(nn.Linear, 2, 2)).build()
    head = nn.Linear(2, 5)
    setattr(net, "1", head)
    assert net(torch.zeros(1, 2)).shape == (1, 5)
    assert torch.equal(net.new().build()[1].weight, head.weight)
    with pytest.raises(errors.BuiltError, match="set '1' of Sequential"):
        setattr(net, "1", al.Layer(nn.Linear, 2, 2))


def test_a_module_removed_from_a_built_block_is_absent_from_its_copies():
    class Skip(al.blocks.Block):
        def __init__(self):
            super().__init__()
            self.a, self.b = al.Layer(nn.Linear, 1, 1), al.Layer(nn.Linear, 1, 1)

    built = Skip().build()
    built.b = None
    assert [name for name, _ in built.new().build().named_children()] == ["a"]


def test_assigning_a_child_survives_copies_and_configuration():  # fault 54
    net = al.MultiLayerPerceptron(2, [3, 3], 1)
    net.blocks[0].activation = al.Layer(nn.Tanh)
    for again in (net.new(), net.configure(out_features=2), net.new().create()):
        assert "Tanh" in repr(again.blocks[0])
        assert "Tanh" not in repr(again.blocks[1])


def test_a_copy_of_a_built_block_has_the_modes_of_a_fresh_block():
    frozen = nn.BatchNorm1d(2).eval()
    net = al.Sequential(al.MultiLayerPerceptron(2, [], 2), frozen).build().eval()
    again = net.new().build()
    assert again.training
    assert again[0].training
    assert not again[1].training


def test_a_block_can_be_combined_with_another_module_base_class():
    class Other(nn.Module):
        def __init__(self):
            super().__init__()
            self.ready = True

    class Both(al.blocks.Block, Other):
        def __init__(self, model, note="a"):
            super().__init__()
            self.model, self.note = model, note

        def forward(self, x):
            return self.model(x)

    both = Both(al.MultiLayerPerceptron(2, [], 1)).configure(note="b").create()
    assert both.ready
    assert both.note == "b"
    assert both(torch.zeros(1, 2)).shape == (1, 1)
