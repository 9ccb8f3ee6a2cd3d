"""Members of an ensemble start different, train in turns, and predict together."""

import copy
import pickle

import pytest
import torch
from torch import nn

import alkit as al
from alkit.errors import ConfigurationError, ModelOutputError

X = torch.randn(6, 4)


def recipe():
    return al.MultiLayerPerceptron(4, [8], 3)


def module():
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


class Free(nn.Module):
    """A module with a weight that no layer can redraw."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3))

    def forward(self, x):
        return x @ self.weight


def attention():
    return nn.Sequential(nn.Unflatten(1, (1, 4)), nn.TransformerEncoderLayer(4, 2, 8), nn.Flatten())


KINDS = {
    "recipe": recipe,
    "built block": lambda: recipe().build(),
    "module": module,
    "layer": lambda: al.Layer(Free),
    "attention": attention,
    "list": lambda: [Free(), Free(), nn.Linear(4, 3)],
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS.keys())
def test_members_start_with_different_weights_and_outputs_are_stacked(make):
    ensemble = al.Ensemble(make(), members=3).build()
    outputs = ensemble.predict(X)
    assert outputs.shape[:2] == (6, 3)
    ensemble.eval()
    for k, member in enumerate(ensemble.members):
        assert torch.equal(outputs[:, k], member(X))
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not torch.allclose(outputs[:, one], outputs[:, other])


def test_each_member_is_drawn_like_a_single_network():
    torch.manual_seed(3)
    ensemble = al.Ensemble(recipe(), members=2).build()
    torch.manual_seed(3)
    for member in ensemble.members:
        for ours, theirs in zip(member.parameters(), recipe().build().parameters(), strict=True):
            assert torch.equal(ours, theirs)
    net = module()
    before = copy.deepcopy(net.state_dict())
    torch.manual_seed(4)
    ensemble = al.Ensemble(net, members=2).build()
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    torch.manual_seed(4)
    again = al.Ensemble(net, members=2).build()
    assert torch.equal(again.predict(X), ensemble.predict(X))
    assert not torch.equal(ensemble.members[0][0].weight, net[0].weight)


def test_in_training_the_members_take_turns_and_a_step_moves_only_one():
    ensemble = al.Ensemble(module(), members=3).build().train()
    optimizer = torch.optim.AdamW(ensemble.parameters(), lr=0.1, weight_decay=0.5)
    for step in range(7):
        before = [copy.deepcopy(member.state_dict()) for member in ensemble.members]
        optimizer.zero_grad()
        output = ensemble(X)
        output.square().sum().backward()
        optimizer.step()
        assert output.shape == (6, 3)
        moved = [
            not all(torch.equal(old[name], value) for name, value in member.state_dict().items())
            for old, member in zip(before, ensemble.members, strict=True)
        ]
        assert moved == [k == step % 3 for k in range(3)]


def test_a_prediction_between_two_steps_takes_no_turn_and_the_turn_is_saved():
    ensemble = al.Ensemble(module(), members=3).build().train()
    first = ensemble(X)
    ensemble.predict(X)
    ensemble.train()
    assert torch.equal(ensemble(X), ensemble.members[1](X))
    twin = al.Ensemble(module(), members=3).build().train()
    twin.load_state_dict(ensemble.state_dict())
    assert torch.equal(twin(X), ensemble.members[2](X))
    assert not torch.equal(first, twin.members[2](X))


def test_samples_of_samples_share_one_axis():
    net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))
    ensemble = al.Ensemble(al.MCDropout(net, samples=5), members=2)
    with pytest.raises(ConfigurationError, match=r"same weights in 'model\.0\.weight'"):
        ensemble.build().predict(X)
    parts = [al.Layer(nn.Linear, 4, 8), al.Layer(nn.Dropout, 0.5), al.Layer(nn.Linear, 8, 3)]
    ensemble = al.Ensemble(al.MCDropout(al.Sequential(parts), samples=5), members=2).build()
    assert ensemble.predict(X).shape == (6, 10, 3)


def test_members_that_share_weights_raise():
    shared, one = nn.Linear(4, 4), nn.Linear(4, 3)
    for modules in ([one, one], [nn.Sequential(shared, one), nn.Sequential(shared, Free())]):
        with pytest.raises(ConfigurationError, match=r"\[Net\(\) for _ in range\(5\)\]"):
            al.Ensemble(modules)
    with pytest.raises(ConfigurationError, match="same weights in 'weight'"):
        al.Ensemble([one, copy.deepcopy(one)]).build().predict(X)
    with pytest.raises(ConfigurationError, match=r"The module \(Free\) has weights \(weight\)"):
        al.Ensemble(Free(), members=2).build()
    came_built = al.Sequential(module(), al.Layer(nn.Linear, 3, 2))
    with pytest.raises(ConfigurationError, match=r"same weights in '0\.0\.weight'"):
        al.Ensemble(came_built, members=2).build()(X)


def test_members_may_share_a_frozen_part():
    frozen = nn.Linear(4, 4).requires_grad_(False)
    ensemble = al.Ensemble(al.Sequential(frozen, al.Layer(nn.Linear, 4, 3)), members=3).build()
    assert ensemble.predict(X).shape == (6, 3, 3)


@pytest.mark.parametrize(
    ("model", "members"),
    [(module(), 1), (module(), 0), (module(), 2.0), (module(), True), ([Free()], None),
     ([Free(), Free()], 3)],
)  # fmt: skip
def test_an_invalid_number_of_members_raises(model, members):
    with pytest.raises(ConfigurationError, match="members"):
        al.Ensemble(model, members)


class Answers(nn.Linear):
    """A network that returns what ``answer`` makes of its outputs, for inputs given by name."""

    answer = staticmethod(lambda y: {"logits": y, "hidden": None})

    def forward(self, x, scale=1.0):
        return self.answer(scale * super().forward(x))


def test_outputs_without_a_tensor_raise():
    class Hidden(Answers):
        answer = staticmethod(lambda y: {"hidden": y})

    with pytest.raises(ModelOutputError, match="got dict with 'hidden'"):
        al.Ensemble(Hidden(4, 3), members=2).build().predict(X)


def test_members_may_return_logits_by_name_and_take_inputs_by_name():
    ensemble = al.Ensemble(Answers(4, 3), members=2).build().eval()
    expected = torch.stack([member(X, 2.0)["logits"] for member in ensemble.members], 1)
    assert torch.equal(ensemble(x=X, scale=2.0), expected)
    ensemble.train()
    assert ensemble(x=X, scale=2.0).keys() == {"logits", "hidden"}  # one member, unchanged


def test_it_is_a_block():
    ensemble = al.Ensemble(recipe(), members=3)
    assert not ensemble.built
    wider = ensemble.new().configure(members=4)
    wider.members[0].blocks[0].activation.configure(nn.Tanh)
    assert wider.build().predict(X).shape == (6, 4, 3)
    built = ensemble.create()
    outputs = built.predict(X)
    for twin in (copy.deepcopy(built), pickle.loads(pickle.dumps(built))):
        assert torch.equal(twin.predict(X), outputs)
    other = ensemble.create()
    other.load_state_dict(built.state_dict())
    assert torch.equal(other.predict(X), outputs)
    assert "turn" in built.state_dict()
    assert len(al.Ensemble(module()).members) == 5
