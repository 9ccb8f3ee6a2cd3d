"""How a model is called with what a batch holds."""

import pytest
import torch
from torch import nn

import alkit as al
from alkit.errors import ConfigurationError
from alkit.training.calls import output_for

A, B = torch.randn(2, 3), torch.randn(2, 3)


class One(nn.Module):
    def forward(self, x):
        return x


class Two(nn.Module):
    def forward(self, a, b):
        return a, b


class Optional(nn.Module):
    def forward(self, a, b=None, *, c=None):
        return a, b, c


class Rest(nn.Module):
    def forward(self, a, **rest):
        return a, rest


class Named(nn.Module):
    def forward(self, **batch):
        return (), batch


class Anything(nn.Module):
    def forward(self, *args, **named):
        return args, named


PAIR, DICT = (A, B), {"a": A, "b": B}


@pytest.mark.parametrize(
    ("module", "x", "returned"),
    [
        (One(), A, A),
        (Two(), PAIR, PAIR),
        (Two(), [A, B], PAIR),  # a collated tuple is a list
        (Two(), DICT | {"id": 3}, PAIR),
        (Optional(), A, (A, None, None)),
        (Optional(), PAIR, (A, B, None)),
        (Optional(), {"a": A, "c": B, "id": 3}, (A, None, B)),
        (Rest(), DICT, (A, {"b": B})),
        (Anything(), DICT, ((), DICT)),
        (Named(), DICT, ((), DICT)),
        (Anything(), PAIR, (PAIR, {})),
        (One(), DICT, DICT),  # one parameter takes the whole
        (One(), PAIR, PAIR),
        (One(), [A, B], [A, B]),
        (One(), {"x": A}, A),
        (One(), {"x": A, "mask": B}, {"x": A, "mask": B}),
        (One(), (A,), A),
    ],
)
def test_inputs_go_to_forward_by_name_or_in_their_order(module, x, returned):
    got = output_for(module, x)
    same = got is returned or (type(got) is type(returned) and got == returned)
    assert same or all(map(torch.equal, got.values(), returned.values()))


def test_a_wrapper_that_passes_everything_on_is_called_by_the_names_of_what_is_inside():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop, self.head = nn.Dropout(0.5), nn.Linear(3, 2)

        def forward(self, a, b):
            return self.head(self.drop(a + b))

    wrappers = [
        al.Classifier(Net()).build(),
        al.MCDropout(Net(), 2).build(),
        al.Ensemble([Net(), Net()]).build(),
        al.Classifier(al.MCDropout(al.Ensemble([Net(), Net()]))).build(),
        torch.compile(Net(), backend="eager"),
    ]
    for wrapper in wrappers:
        wrapper.eval()
        with torch.no_grad():
            assert torch.equal(output_for(wrapper, DICT | {"id": 1}), wrapper(A, B))
            assert torch.equal(output_for(wrapper, PAIR), wrapper(A, B))


@pytest.mark.parametrize(
    ("x", "what"),
    [
        (A, "one argument"),
        ((A, B, A), "a tuple of 3"),
        ([A, B, A], "a list of 3"),
        ({"a": A, "c": B}, "a dict of 'a', 'c'"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_parameters_of_forward(x, what):
    with pytest.raises(ConfigurationError, match=rf"forward\(a, b\) of Two .* with {what}\. Let"):
        output_for(Two(), x)


def test_an_error_inside_of_forward_is_not_taken_for_a_wrong_call():
    class Broken(nn.Module):
        def forward(self, x):
            raise TypeError("inside")

    with pytest.raises(TypeError, match="inside"):
        output_for(Broken(), A)


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_scripted_networks_get_their_parameters_by_name_and_in_order():
    scripted = torch.jit.script(Two())
    for x in (DICT | {"id": 1}, PAIR):
        a, b = output_for(scripted, x)
        assert a is A
        assert b is B
