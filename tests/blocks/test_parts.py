import pytest
import torch
from torch import nn

import alkit as al
from alkit import errors


class Pair(al.blocks.Block):
    def __init__(self):
        super().__init__()
        self.encoder = al.MultiLayerPerceptron(2, [3, 3], 4)
        self.decoder = al.MultiLayerPerceptron(4, [5], 2)
        self.activation = al.Layer(nn.Tanh)


NAMES = [
    ("encoder", ["encoder"]),
    ("encoder|activation", ["encoder", "activation"]),
    ("activation, encoder", ["activation", "encoder"]),
    (("encoder", "blocks", 0), ["encoder.blocks.0"]),
    (("encoder", "blocks", -1, "layer"), ["encoder.blocks.2.layer"]),
    (("encoder", "blocks", [0, 2], "layer"), ["encoder.blocks.0.layer", "encoder.blocks.2.layer"]),
    (
        ("encoder", "blocks", slice(None, -1), "activation"),
        [
            "encoder.blocks.0.activation",
            "encoder.blocks.1.activation",
        ],
    ),
    (("encoder|decoder", "blocks", "0|1#1:"), ["encoder.blocks.1", "decoder.blocks.1"]),
    (("encoder, decoder", "blocks", slice(1, 2)), ["encoder.blocks.1", "decoder.blocks.1"]),
    ((..., "activation#0:2"), ["encoder.blocks.0.activation", "encoder.blocks.1.activation"]),
    ((..., "activation#-1"), ["activation"]),
    ((..., "activation#-2:"), ["decoder.blocks.1.activation", "activation"]),
    (
        ("decoder", ..., "layer|activation"),
        [
            "decoder.blocks.0.layer",
            "decoder.blocks.0.activation",
            "decoder.blocks.1.layer",
            "decoder.blocks.1.activation",
        ],
    ),
    ((..., "blocks", 0), ["encoder.blocks.0", "decoder.blocks.0"]),
    ((..., "decoder", "blocks", 0, "layer"), ["decoder.blocks.0.layer"]),
]


@pytest.mark.parametrize(("key", "names"), NAMES)
@pytest.mark.parametrize("built", [False, True])
def test_a_selector_returns_these_parts_before_and_after_build(key, names, built):
    pair = Pair().build() if built else Pair()
    selected = pair[key]
    assert selected.list_names() == names
    assert list(selected) == [pair.get_submodule(name) for name in names]


def test_a_trailing_ellipsis_selects_the_whole_subtree():
    names = Pair()["decoder", ...].list_names()
    assert names[:4] == ["decoder", "decoder.blocks", "decoder.blocks.0", "decoder.blocks.0.pool"]
    assert len(names) == 2 + 2 * 5


def test_selections_can_be_chained():  # fault 55
    pair = Pair()
    chained = pair["encoder"]["blocks"][..., "layer#:1"]
    assert chained.list_names() == ["encoder.blocks.0.layer"]
    net = al.Sequential(nn.ReLU(), al.blocks.LinearBlock(1, 1))
    assert net["1"].list_names() == net[...][1:2].list_names() == ["1"]
    assert net[1:]["layer"].first is net[1].layer


def test_a_selection_is_a_sequence_of_its_parts():
    selected = Pair()[..., "layer"]
    assert len(selected) == 5
    assert selected[0] is selected.first is next(iter(selected))
    assert list(selected[1:]) == list(selected)[1:]
    assert repr(selected[:2]) == "Selection(encoder.blocks.0.layer, encoder.blocks.1.layer)"


def test_parts_are_filtered_by_class_attribute_and_function():
    pair = Pair()
    assert pair[...].isinstance(nn.Tanh).list_names() == ["activation"]
    assert len(pair[...].isinstance((nn.Linear, nn.ReLU))) == 5 + 3
    assert len(pair[...].isinstance(al.blocks.LinearBlock)) == 5
    assert pair[...].hasattr("flatten_input").list_names() == ["encoder", "decoder"]
    kept = pair[...].filter(lambda name, part: name.startswith("dec") and name.endswith("layer"))
    assert kept.list_names() == ["decoder.blocks.0.layer", "decoder.blocks.1.layer"]


def test_attributes_and_methods_apply_to_each_part_that_has_them():
    pair = Pair().build()
    layers = pair[..., "layer"]
    assert layers.in_features == [2, 3, 3, 4, 5]
    assert [w.shape[0] for w in layers.weight] == [3, 3, 4, 5, 2]
    handles = layers.register_forward_hook(lambda *args: None)
    assert len(handles) == 5
    assert pair[..., "layer|activation"].in_features == [2, 3, 3, 4, 5]
    assert not hasattr(layers, "_private")


def test_lists_within_a_selection_are_expanded():
    pair = Pair()
    lifted = pair["encoder|decoder"].blocks.activation
    assert len(lifted) == 5
    lifted.configure(nn.Sigmoid)
    assert len(pair[...].isinstance(nn.Sigmoid)) == 5


def test_an_edit_that_one_part_cannot_accept_raises_before_any_change():
    net = al.Sequential(
        al.blocks.LinearBlock(1, 1, nn.ReLU), al.blocks.LinearBlock(1, 1, nn.ReLU())
    )
    before = repr(net)
    with pytest.raises(errors.BuiltError, match=r"1\.activation"):
        net[..., "activation"].configure(nn.Tanh)
    assert repr(net) == before


def test_torch_modules_in_a_selection_are_initialized_immediately():
    pair = Pair().build()
    pair[..., "layer"].all.initialize(al.initializers.Constant(weight=2))
    assert all((weight == 2).all() for weight in pair[..., "layer"].weight)


@pytest.mark.parametrize("key", ["layer#", "layer#a", "layer#1:2:3:4", 1.5, None])
def test_an_invalid_selector_raises(key):
    pair = Pair()
    if key == "layer#":
        assert len(pair[..., key]) == 5  # nothing after '#': all parts
    else:
        with pytest.raises(errors.AlkitError):
            pair[..., key]


def test_configure_takes_names_indices_slices_and_lists():
    pair = Pair()
    pair.configure("encoder", "blocks", 0, "activation", nn.Tanh)
    pair.configure("encoder", "blocks", slice(1, None), "layer", bias=False)
    pair.configure("decoder", "blocks", [0, -1], "normalization", nn.BatchNorm1d)
    pair.configure("decoder", hidden_features=[7])
    built = pair.build()
    assert isinstance(built.encoder.blocks[0].activation, nn.Tanh)
    assert [block.layer.bias is None for block in built.encoder.blocks] == [False, True, True]
    assert [block.normalization.num_features for block in built.decoder.blocks] == [7, 2]


def test_one_part_is_logged_under_one_name():
    net = al.Sequential(al.blocks.LinearBlock(1, 2), al.blocks.LinearBlock(2, 3))
    with pytest.raises(errors.SelectionError, match="Exactly one part is logged"):
        net[..., "layer"].log_output("both")
    net[..., "layer#0"].log_output("first")
    net[1:]["layer"].log_output("second")
    net[1].pool.configure(nn.Identity)
    net.build()(torch.zeros(4, 1))
    assert {name: tuple(out.shape) for name, out in net.logs.items()} == {
        "first": (4, 2),
        "second": (4, 3),
    }
