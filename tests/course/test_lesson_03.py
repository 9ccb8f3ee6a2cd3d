from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import alkit as al


def test_the_solutions_of_the_lesson_are_right(solutions, capsys):
    names = solutions("03", al=al, nn=nn)
    al.course.check("03-a", names["make_backbone"])
    al.course.check("03-b", names["twins"])
    al.course.check("03-c", names["make_critic"])
    assert capsys.readouterr().out.count(" is correct. ") == 3


def backbone(channels=(8, 16), pools=slice(1, None), activations=slice(-1), activation=nn.Tanh):
    net = al.ConvolutionalNeuralNetwork(1, list(channels), 24)
    net.blocks[pools].pool.configure(nn.MaxPool2d, kernel_size=2)
    net.blocks[activations].activation.configure(activation)
    return net


def featured(net):
    net.blocks[-1].append(al.Layer(nn.AdaptiveAvgPool2d, output_size=1))
    net.blocks[-1].append(al.Layer(nn.Flatten))
    return net


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda: featured(backbone()).build(), "it is built; return the recipe"),
        (lambda: backbone(channels=(16, 8)), "8, 16 and 24 channels, not"),
        (lambda: backbone(pools=slice(None)), "two of the blocks should have a MaxPool2d; 3 have"),
        (lambda: backbone(pools=slice(-1)), "Which blocks have a pool"),
        (lambda: backbone(activation=nn.ReLU), "2 activations are still a ReLU"),
        (lambda: backbone(activations=slice(None)), "should have a Tanh; 3 have"),
        (lambda: backbone(), r"\(2, 24, 2, 2\), not features"),
        (lambda: nn.Linear(1, 1), "expected an alkit block, got Linear"),
        (lambda: None, "is a return statement missing"),
    ],
    ids=[
        "built",
        "channels",
        "pools",
        "wrong pools",
        "relu",
        "last",
        "no features",
        "torch",
        "none",
    ],
)
def test_a_wrong_backbone_gets_its_hint(refused, answer, hint):
    refused("03-a", answer, hint)


def test_twins_by_a_copy_or_by_a_seed_are_right():
    def copied(net):
        first = net.create()
        return first, copy.deepcopy(first)

    def seeded(net):
        with torch.random.fork_rng():
            torch.manual_seed(3)
            first = net.create()
            torch.manual_seed(3)
            return [first, net.create()]

    al.course.check("03-b", copied)
    al.course.check("03-b", seeded)


def built_in_place(net):
    net.build()
    return net, copy.deepcopy(net)


def shared(net):
    first, second = net.create(), net.create()
    for mine, other in zip(first.parameters(), second.parameters()):
        other.data = mine.data
    return first, second


def zeros(net):
    first, second = net.create(), net.create()
    for weight in (*first.parameters(), *second.parameters()):
        nn.init.zeros_(weight)
    return first, second


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda net: (net.create(), net.create()), "they were drawn separately"),
        (lambda net: (net.create(),) * 2, "one and the same"),
        (shared, "one and the same"),
        (built_in_place, "the recipe itself was built"),
        (lambda net: (net.new(), net.new()), "not built yet"),
        (zeros, "all weights are 0"),
        (lambda net: net.create(), "should be two networks, not Multi"),
    ],
    ids=["drawn", "same", "shared", "in place", "unbuilt", "zeros", "one"],
)
def test_wrong_twins_get_their_hint(refused, answer, hint):
    refused("03-b", answer, hint)


def test_a_critic_of_torch_and_a_discriminator_are_right():
    torch.manual_seed(0)
    al.course.check("03-c", lambda: nn.Sequential(nn.Linear(24, 8), nn.ELU(), nn.Linear(8, 1)))
    al.course.check("03-c", lambda: al.Discriminator(24, [16]))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda: al.MultiLayerPerceptron(24, [16], 2), r"become \(6, 2\), not \(6, 1\)"),
        (lambda: al.MultiLayerPerceptron(24, [], 1), "linear function"),
        (lambda: critic_with(nn.BatchNorm1d(16)), "on the other samples of its batch"),
        (lambda: critic_with(nn.Dropout(0.5)), "a different number each time"),
        (lambda: "critic", "should be an nn.Module, not str"),
        (lambda: None, "is a return statement missing"),
    ],
    ids=["two", "linear", "batchnorm", "dropout", "text", "none"],
)
def test_a_wrong_critic_gets_its_hint(refused, answer, hint):
    torch.manual_seed(0)
    refused("03-c", answer, hint)


def critic_with(part):
    return nn.Sequential(nn.Linear(24, 16), part, nn.ReLU(), nn.Linear(16, 1))
