"""The invariants of the block protocol, one section each."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import alkit as al
from alkit import errors


def network() -> al.Sequential:
    backbone = al.ConvolutionalNeuralNetwork(1, [4, 4], 6)
    backbone.blocks[1:].pool.configure(nn.MaxPool2d, kernel_size=2)
    backbone.blocks[-1].append(al.Layer(nn.AdaptiveAvgPool2d, output_size=1))
    backbone.blocks[-1].append(al.Layer(nn.Flatten))
    return al.Sequential(backbone, al.MultiLayerPerceptron(6, [5], 3))


def same_weights(a: nn.Module, b: nn.Module) -> bool:
    first, second = list(a.parameters()), list(b.parameters())
    return len(first) == len(second) > 0 and all(map(torch.equal, first, second))


# --- 1: an edit after build raises, and so does calling an unbuilt block (faults 51, 53) --------

EDITS = {
    "configure": lambda net: net.configure(anything=1),
    "configure a child": lambda net: net[1].configure(in_features=2),
    "configure by path": lambda net: net.configure(1, "blocks", 0, "activation", nn.Tanh),
    "append": lambda net: net.append(al.Layer(nn.ReLU)),
    "append to a list": lambda net: net[0].blocks.append(al.Layer(nn.ReLU)),
    "append to a block": lambda net: net[0].blocks[0].append(al.Layer(nn.ReLU)),
    "prepend": lambda net: net.prepend(al.Layer(nn.ReLU)),
    "insert": lambda net: net.insert(0, al.Layer(nn.ReLU)),
    "remove": lambda net: net.remove(0),
    "replace": lambda net: net.replace(0, nn.ReLU()),
    "slice": lambda net: net[0].blocks[1:].activation.configure(nn.Tanh),
    "slice append": lambda net: net[0].blocks[1:].append(al.Layer(nn.ReLU)),
    "selector": lambda net: net[..., "activation"].configure(nn.Tanh),
    "assignment": lambda net: setattr(net[0].blocks[0], "activation", al.Layer(nn.Tanh)),
    "build": lambda net: net.build(),
    "build of a child": lambda net: net[0].blocks.build(),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_an_edit_of_a_built_block_raises_and_changes_nothing(edit):
    net = network().build()
    before, names = repr(net), list(net.state_dict())
    with pytest.raises(errors.BuiltError) as caught:
        edit(net)
    assert isinstance(caught.value, RuntimeError)
    assert repr(net) == before
    assert list(net.state_dict()) == names


def test_the_error_names_the_path_of_the_built_part():
    net = network().build()
    with pytest.raises(errors.BuiltError, match=r"'0\.blocks\.2'"):
        net[0].blocks[2].append(al.Layer(nn.ReLU))


def test_calling_an_unbuilt_block_raises_and_names_the_unbuilt_parts():
    with pytest.raises(errors.UnbuiltError, match=r"MultiLayerPerceptron.*blocks"):
        al.MultiLayerPerceptron(2, [], 1)(torch.zeros(1, 2))
    with pytest.raises(RuntimeError):
        al.Layer(nn.Linear, 2, 2)(torch.zeros(1, 2))
    with pytest.raises(errors.UnbuiltError):
        al.blocks.Add()(torch.zeros(1), torch.zeros(1))


# --- 2: new() shares nothing mutable, except data sets ------------------------------------------


def test_edits_of_a_copy_and_of_its_source_are_independent():
    source = network()
    copied = source.new()
    before = repr(source)
    copied[..., "activation"].configure(nn.Tanh)
    copied[0].blocks[0].append(al.Layer(nn.Dropout))
    copied.append(nn.Softmax(dim=1))
    assert repr(source) == before
    changed = repr(copied)
    source[0].blocks[1].layer.configure(kernel_size=5)
    source.initialize(al.initializers.Constant())
    assert repr(copied) == changed
    assert not any((p == 1).all() for p in copied.build().parameters() if p.ndim > 1)


def test_a_copy_shares_data_sets_and_nothing_else():
    class Holder(al.blocks.Block):
        def __init__(self, data, notes):
            super().__init__()
            self.data, self.notes = data, notes
            self.generator = torch.Generator().manual_seed(3)

    data = torch.utils.data.TensorDataset(torch.zeros(3))
    holder = Holder(data, notes := {"loader": torch.utils.data.DataLoader(data), "names": ["a"]})
    twin = holder.new()
    assert twin.data is data
    assert twin.notes["loader"] is notes["loader"]
    assert twin.notes is not notes
    assert twin.notes["names"] is not notes["names"]
    assert twin.generator is not holder.generator
    expected = torch.rand(2, generator=torch.Generator().manual_seed(3))
    assert torch.equal(torch.rand(2, generator=twin.generator), expected)
    assert torch.equal(torch.rand(2, generator=holder.generator), expected)
    assert twin.configure(notes={}).data is data


def test_a_child_keeps_edits_that_were_made_on_it_inside_a_parent():  # fault 54
    head = al.MultiLayerPerceptron(4, [3], 2)
    parent = al.Sequential(head)
    other = al.Sequential(nn.Flatten(), head)  # a child of two parents
    parent[0].blocks[0].activation = al.Layer(nn.Tanh)
    other[1].blocks[1].append(al.Layer(nn.Softmax, dim=1))
    alone = head.new().build()
    assert isinstance(alone.blocks[0].activation, nn.Tanh)
    assert isinstance(alone.blocks[1].softmax, nn.Softmax)


# --- 3: new() of a built block is unbuilt; modules passed in with weights keep them -------------


def test_a_copy_of_a_built_block_is_unbuilt_and_draws_its_own_weights():
    net = network()
    net[..., "activation#:2"].configure(nn.Tanh)
    recipe = repr(net)
    net.build()
    twin = net.new()
    assert repr(twin) == recipe
    assert not list(twin.parameters())
    assert not same_weights(twin.build(), net)
    assert [type(part) for part in twin[..., "activation"]][:2] == [nn.Tanh, nn.Tanh]
    assert net.new().new().build().state_dict().keys() == net.state_dict().keys()


def test_a_copy_can_fill_slots_that_were_empty_when_the_source_was_built():
    twin = network().build().new()
    twin[0].blocks[0].pool.configure(nn.AvgPool2d, kernel_size=2)
    twin[0].blocks[0].normalization.configure(nn.BatchNorm2d)
    first = twin.build()[0].blocks[0]
    assert next(iter(first._modules)) == "pool"
    assert first.normalization.num_features == 4


@pytest.mark.parametrize("made", ["built block", "created block", "plain module", "inside"])
def test_modules_passed_in_with_weights_keep_them(made):  # fault 52
    backbone = {
        "built block": lambda: al.MultiLayerPerceptron(4, [], 3).build(),
        "created block": lambda: al.MultiLayerPerceptron(4, [], 3).create(),
        "plain module": lambda: nn.Linear(4, 3),
        "inside": lambda: nn.Sequential(nn.Linear(4, 3), nn.ReLU()),
    }[made]()
    weights = copy.deepcopy(backbone)
    net = al.Sequential(backbone, al.MultiLayerPerceptron(3, [], 2))
    copies = [net.new().build(), net.create(), net.create().new().build()]
    copies.append(net.build())
    assert net[0] is backbone
    for each in copies:
        assert same_weights(each[0], weights)
    assert copies[0][0] is not backbone
    assert not same_weights(copies[0][1], copies[1][1])


# --- 4: build() draws exactly the random numbers of torch's constructors (fault 50) -------------


def by_hand() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 5),
        nn.ReLU(),
        nn.Linear(5, 3),
    )


@given(st.integers(0, 2**31))
def test_the_same_seed_gives_the_weights_of_hand_written_torch(seed):
    torch.manual_seed(seed)
    expected, after = by_hand(), torch.rand(3)
    recipe = network()
    torch.manual_seed(seed)
    net = recipe.new().build()
    assert torch.equal(torch.rand(3), after)
    assert same_weights(net, expected)
    x = torch.linspace(-1, 1, 2 * 64).reshape(2, 1, 8, 8)
    assert torch.equal(net(x), expected(x))


def test_only_build_draws_random_numbers():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    net = network()
    net[0].configure(hidden_channels=[3, 3])
    net[1].blocks[0].layer.configure(bias=False)
    net.new()
    repr(net)
    assert torch.equal(torch.get_rng_state(), state)
    built = net.build()
    state = torch.get_rng_state()
    built.new()
    copy.deepcopy(built)
    built.eval().predict(np.zeros((3, 1, 8, 8)))
    assert torch.equal(torch.get_rng_state(), state)


def test_explicit_sizes_are_never_inferred_again():  # fault 50
    net = al.Sequential(al.Layer(nn.Linear, 2, 2), al.Layer(nn.Linear, 3, 3)).build()
    assert net[1].in_features == 3


# --- 5: build is in place, create returns a new object (fault 53) -------------------------------


def test_build_is_in_place_and_keeps_the_objects_that_were_passed_in():
    net, activation = network(), nn.Softmax(dim=1)
    backbone, head, blocks = net[0], net[1], net[0].blocks
    net.append(activation)
    assert net.build() is net
    assert (net[0], net[1], net[2]) == (backbone, head, activation)
    assert net[0].blocks is blocks


def test_create_always_returns_a_new_object_and_keeps_the_recipe():
    recipe = network()
    text = repr(recipe)
    first = recipe.create()
    again = first.create()
    assert repr(recipe) == text
    assert len({id(recipe), id(first), id(again)}) == 3
    assert not same_weights(first, again)


# --- 6: optimizers, see tests/training/test_optimizers.py ---------------------------------------
# --- 7: a selector without matches raises, every edit returns self (faults 44, 56, 58) ----------

NOTHING = {
    "a name": lambda net: net["lyaer"],
    "a name at any depth": lambda net: net[..., "lyaer"],
    "all of it": lambda net: net[..., "lyaer"].all.configure(nn.Tanh),
    "a slice of names": lambda net: net[..., "activation#99:"],
    "a slice": lambda net: net[0].blocks[9:].pool.configure(nn.MaxPool2d, kernel_size=2),
    "an index": lambda net: net[0].blocks[9],
    "an index in a selector": lambda net: net[0]["blocks", 9],
    "a lift": lambda net: net[0].blocks[1:].lyaer.configure(nn.Tanh),
    "a negative index in a selector": lambda net: net[0]["blocks", -9],
    "a path": lambda net: net.configure(0, "blocs", 0, "activation", nn.Tanh),
    "a filter": lambda net: net[..., "layer"].filter(lambda name, part: False),
    "a kind": lambda net: net[...].isinstance(nn.GRU),
    "a method": lambda net: net[..., "activation"].all.confgure(nn.Tanh),
}


@pytest.mark.parametrize("nothing", NOTHING.values(), ids=NOTHING.keys())
def test_a_selector_that_matches_nothing_raises(nothing):
    net = network()
    before = repr(net)
    with pytest.raises(errors.SelectionError):
        nothing(net)
    assert repr(net) == before


def test_a_selector_that_matches_nothing_suggests_a_similar_name():
    with pytest.raises(errors.SelectionError, match=r"'lyaer'.*'layer'"):
        network()[..., "lyaer"]


RETURNS_SELF = {
    "configure": lambda net: (net[1], net[1].configure(out_features=4)),
    "configure a child": lambda net: (net, net.configure(1, out_features=4)),
    "configure a layer": lambda net: (a := net[1].blocks[0].activation, a.configure(nn.Tanh)),
    "append": lambda net: (net, net.append(nn.ReLU())),
    "prepend": lambda net: (net, net.prepend(nn.ReLU())),
    "insert": lambda net: (net, net.insert(1, nn.ReLU())),
    "remove": lambda net: (net, net.remove(0)),
    "replace": lambda net: (net, net.replace(0, nn.ReLU())),
    "initialize": lambda net: (net, net.initialize(al.initializers.Kaiming())),
    "build": lambda net: (net, net.build()),
    "slice": lambda net: (s := net[0].blocks[1:].pool, s.configure(nn.AvgPool2d, kernel_size=2)),
    "selector": lambda net: (s := net[..., "activation"], s.all.configure(nn.Tanh)),
    "selector initialize": lambda net: (
        s := net[..., "layer"],
        s.initialize(al.initializers.Kaiming()),
    ),
}


@pytest.mark.parametrize("edit", RETURNS_SELF.values(), ids=RETURNS_SELF.keys())
def test_every_edit_returns_the_edited_object(edit):
    edited, returned = edit(network())
    assert returned is edited


def test_an_unknown_argument_of_a_block_raises_and_suggests_the_likely_one():
    net = al.MultiLayerPerceptron(2, [3], 1)
    before = repr(net)
    with pytest.raises(errors.ConfigurationError, match=r"'out_feature'.*'out_features'"):
        net.configure(out_feature=2)
    with pytest.raises(ValueError, match="available: in_features, hidden_features"):
        net.configure(zzz=2)
    assert repr(net) == before
