import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import alkit as al
from alkit import errors

EDIT = st.one_of(
    st.tuples(st.just("append")),
    st.tuples(st.just("prepend")),
    st.tuples(st.just("insert"), st.integers(-9, 9)),
    st.tuples(st.just("remove"), st.integers(-9, 9)),
    st.tuples(st.just("replace"), st.integers(-9, 9)),
)


@given(st.integers(0, 4), st.lists(EDIT, max_size=6))
def test_edits_match_those_of_a_python_list(length, edits):
    made = iter(range(100))

    def part():
        return al.Layer(nn.Linear, 1, next(made) + 1)

    reference = [part() for _ in range(length)]
    blocks = al.LayerList(*reference)
    for name, *index in edits:
        inside = not index or -len(reference) <= index[0] < len(reference)
        arguments = [*index] if name == "remove" else [*index, new := part()]
        if not inside:
            with pytest.raises(IndexError):
                getattr(blocks, name)(*arguments)
        else:
            getattr(blocks, name)(*arguments)
            if name == "append":
                reference.append(new)
            elif name == "prepend":
                reference.insert(0, new)
            elif name == "insert":
                reference.insert(index[0], new)
            elif name == "remove":
                del reference[index[0]]
            else:
                reference[index[0]] = new
    assert list(blocks) == reference
    assert len(blocks) == len(reference)
    assert list(blocks._modules) == [str(place) for place in range(len(reference))]
    assert [blocks[i] for i in range(-len(reference), len(reference))] == 2 * reference


@given(
    st.integers(0, 5),
    st.slices(7),
)
def test_a_slice_selects_the_elements_of_a_python_list_slice(length, where):
    reference = [al.Layer(nn.Linear, 1, 1) for _ in range(length)]
    assert list(al.LayerList(reference)[where]) == reference[where]


def test_a_chain_calls_its_named_parts_in_order():
    net = al.Sequential(nn.Flatten(), al.Layer(nn.Linear, 4, 2))
    net.append(al.Layer(nn.ReLU), name="out").insert("out", al.Layer(nn.Linear, 2, 3))
    net.prepend(nn.Identity(), name="start")
    assert list(net._modules) == ["start", "1", "2", "3", "out"]
    x = torch.linspace(-1, 1, 8).reshape(2, 2, 2)
    built = net.build()
    expected = torch.relu(built[3](built[2](x.flatten(1))))
    assert torch.equal(built(x), expected)
    assert built.out is built[-1]
    assert set(built.state_dict()) == {"2.weight", "2.bias", "3.weight", "3.bias"}


def test_an_empty_chain_returns_its_input():
    x = torch.ones(2)
    assert al.Sequential().build()(x) is x


def test_an_empty_module_counts_as_an_element():
    blocks = al.LayerList(nn.Sequential(), al.Sequential(), nn.ReLU())
    assert len(blocks) == len(list(blocks)) == len(blocks[:]) == 3


def test_a_list_of_modules_gives_the_same_chain():
    parts = [nn.ReLU(), nn.Tanh()]
    assert list(al.Sequential(parts)) == list(al.Sequential(*parts)) == parts


@pytest.mark.parametrize("wrong", [nn.ReLU, "relu", None])
def test_a_part_that_is_not_a_module_raises(wrong):
    net = al.Sequential(nn.ReLU())
    for edit in (net.append, net.prepend, lambda x: net.insert(0, x), lambda x: net.replace(0, x)):
        with pytest.raises(errors.ConfigurationError, match="must be a block or an nn"):
            edit(wrong)
    assert len(net) == 1


def test_a_name_that_is_taken_raises():
    block = al.blocks.LinearBlock(2, 2).append(al.Layer(nn.Dropout))
    with pytest.raises(errors.ConfigurationError, match="'dropout'"):
        block.append(al.Layer(nn.Dropout))
    block.append(al.Layer(nn.Dropout), name="another")
    for wrong in ("forward", "a.b", ""):
        with pytest.raises(errors.ConfigurationError, match="cannot name"):
            block.append(al.Layer(nn.Tanh), name=wrong)
    assert list(block._modules)[-2:] == ["dropout", "another"]


def test_an_unknown_name_raises_and_suggests_the_likely_one():
    with pytest.raises(errors.SelectionError, match=r"'activaton'.*'activation'"):
        al.blocks.LinearBlock(2, 2).remove("activaton")


def test_children_of_the_elements_are_accessible_through_the_list():
    blocks = al.LayerList(
        al.blocks.LinearBlock(2, 2, nn.ReLU), nn.Flatten(), al.blocks.LinearBlock(2, 2)
    )
    assert list(blocks.layer) == [blocks[0].layer, blocks[2].layer]
    blocks.pool.configure(nn.Identity)
    assert not blocks[0].pool.is_empty
    assert not hasattr(blocks, "weight")
    with pytest.raises(AttributeError):
        blocks.nothing


def test_an_unbuilt_part_given_to_several_is_copied_for_each():
    net = al.MultiLayerPerceptron(2, [2, 2], 2)
    net.blocks[:].append(al.Layer(nn.Linear, 2, 2), name="extra")
    built = net.build()
    assert len({id(block.extra) for block in built.blocks}) == 3
    assert len(list(built.parameters())) == 12
