"""MCDropout: K fixed sets of masks, the outputs of K naive passes, and no side effects."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import alkit as al
from alkit.blocks.posterior.masks import Masks
from alkit.errors import ConfigurationError

K = 5


def perceptron():
    return nn.Sequential(
        nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 12), nn.Dropout(0.2), nn.Tanh(),
        nn.Linear(12, 3),
    )  # fmt: skip


def channels():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.Dropout2d(0.5), nn.MaxPool2d(2), nn.ReLU(inplace=True),
        nn.Conv2d(8, 12, 3, padding=1), nn.LeakyReLU(0.1), nn.Dropout2d(0.3), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(12 * 4, 10), nn.ReLU(), nn.Dropout(0.5), nn.Linear(10, 3),
    )  # fmt: skip


class Functional(nn.Module):
    """A dropout CNN as written in papers, with functions and views; one layer is used twice."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 8, 3), nn.Conv2d(8, 4, 3, bias=False)
        self.drop, self.fc1, self.fc2 = nn.Dropout2d(0.4), nn.Linear(16, 10), nn.Linear(10, 3)
        self.last = nn.Dropout(0.4)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.drop(self.conv1(x)), 2))
        x = F.relu(F.max_pool2d(self.drop(self.conv2(x)), 2)).view(-1, 16)
        return self.fc2(self.last(F.relu(self.fc1(x))))


def normalized():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3), nn.Dropout2d(0.5), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.3),
        nn.Conv2d(8, 8, 3, groups=2), nn.Dropout2d(0.5), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3),
    )  # fmt: skip


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Linear(6, 8), nn.BatchNorm1d(8)
        self.inner = nn.Sequential(nn.Linear(8, 8), nn.ReLU(inplace=True), nn.Dropout(0.5))
        self.drop, self.last = nn.Dropout(0.3), nn.Linear(16, 3)

    def forward(self, x):
        x = self.norm(self.first(x))
        y = x + self.inner(x)
        y += self.inner(y)
        return self.last(torch.cat([self.drop(y), y], 1)[:, :16].clone().relu_())


class Nested(nn.Module):
    """Nested user modules with a branch on a shape and a separate parameter."""

    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleDict({"body": perceptron(), "head": nn.Sequential(nn.Dropout(0.5))})
        self.gate = nn.Parameter(torch.randn(3))

    def forward(self, x):
        x = self.parts["body"](x if x.shape[1] == 6 else x[:, :6])
        left, right = (self.gate * x).split([1, 2], dim=1)
        return self.parts["head"](torch.cat([right, left * right.max(1, keepdim=True).values], 1))


class Afterwards(nn.Module):
    """The input of a dropout is changed in place after the dropout."""

    def __init__(self):
        super().__init__()
        self.body, self.drop, self.head = nn.Linear(6, 6), nn.Dropout(0.5), nn.Linear(6, 3)

    def forward(self, x):
        x = self.body(x)
        y = self.drop(x)
        x.mul_(-3).relu_()
        return self.head(y + x)


class InPlace(nn.Module):
    """Changes a shared tensor in place: only full passes give the right result."""

    def __init__(self):
        super().__init__()
        self.body, self.drop, self.head = nn.Linear(6, 6), nn.Dropout(0.5), nn.Linear(6, 3)

    def forward(self, x):
        y = self.body(x)
        kept = y
        y += self.drop(y)
        return self.head(kept)


class Branching(nn.Module):
    """Its computation depends on the values in a sample."""

    def __init__(self):
        super().__init__()
        self.body, self.drop, self.head = nn.Linear(6, 6), nn.Dropout(0.5), nn.Linear(6, 3)

    def forward(self, x):
        x = self.drop(self.body(x))
        return self.head(x if (x[0] == 0).sum() > 2 else -2 * x)


class Numpy(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop, self.head = nn.Dropout(0.5), nn.Linear(6, 3)

    def forward(self, x):
        return self.head(torch.from_numpy(self.drop(x).numpy()))


class Viewed(nn.Module):
    """A view of a dropout's output is changed in place, then the output itself is used."""

    def __init__(self):
        super().__init__()
        self.conv, self.drop, self.head = nn.Conv2d(1, 6, 8), nn.Dropout2d(0.5), nn.Linear(6, 3)

    def forward(self, x):
        x = self.drop(self.conv(x))
        x.view(len(x), -1).mul_(-3)
        return self.head(x.flatten(1))


class Sequence(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.3, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.recurrent = nn.LSTM(8, 8, batch_first=True)
        self.drop, self.head = nn.Dropout1d(0.5), nn.Linear(8, 3)

    def forward(self, x):
        x = self.encoder(x.unflatten(1, (6, 1)).expand(-1, -1, 8))
        return self.head(self.recurrent(self.drop(x))[0].mean(1))


def selu():
    return nn.Sequential(
        nn.Linear(6, 12), nn.SELU(), nn.AlphaDropout(0.4), nn.Linear(12, 12),
        nn.Unflatten(1, (3, 4)), nn.FeatureAlphaDropout(0.5), nn.Conv1d(3, 3, 2),
        nn.Dropout1d(0.5), nn.Flatten(), nn.Linear(9, 3),
    )  # fmt: skip


def volumes():
    return nn.Sequential(
        nn.Unflatten(1, (1, 1)), nn.Conv3d(1, 4, (1, 3, 3)), nn.Dropout3d(0.5),
        nn.MaxPool3d((1, 2, 2)), nn.Conv3d(4, 4, 1), nn.Dropout3d(0.5), nn.Flatten(),
        nn.Linear(36, 3),
    )  # fmt: skip


IMAGES, ROWS = (1, 10, 10), (6,)
AT_ONCE = {
    perceptron: ROWS,
    channels: IMAGES,
    Functional: (1, 14, 14),
    normalized: IMAGES,
    Residual: ROWS,
    Nested: ROWS,
    Afterwards: ROWS,
    Sequence: ROWS,
    selu: ROWS,
    volumes: (1, 8, 8),
}
PASS_BY_PASS = {InPlace: ROWS, Branching: ROWS, Numpy: ROWS, Viewed: (1, 8, 8)}
NETWORKS = [*AT_ONCE.items(), *PASS_BY_PASS.items()]


def drawn(make, shape, rows=7, seed=0):
    """A network in eval mode with random BatchNorm statistics, and inputs for it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net, x = make(), torch.randn(rows, *shape)
        for part in net.modules():
            if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
                nn.init.normal_(part.running_mean)
                nn.init.uniform_(part.running_var, 0.5, 2)
                nn.init.normal_(part.bias)
    return net.eval(), x


def naive(net, x, samples, seed):
    """Independent reference: one pass per sample, with each dropout as a product with its mask."""
    net, masks, outputs = copy.deepcopy(net).eval(), Masks(seed, samples), []

    class Fixed(nn.Module):
        def __init__(self, path, layer):
            super().__init__()
            self.path, self.layer, self.calls, self.k = path, layer, 0, 0

        def forward(self, x):
            keep = masks.keep(self.path, self.calls, self.layer, x)[self.k].expand(x.shape)
            self.calls += 1
            p = self.layer.p
            if isinstance(self.layer, nn.AlphaDropout | nn.FeatureAlphaDropout):
                low = -1.0507009873554805 * 1.6732632423543772
                a = (1 / ((1 - p) * (1 + p * low**2))) ** 0.5
                return a * torch.where(keep, x, low) - a * low * p
            return torch.where(keep, x / (1 - p), 0)

    fixed = []
    for path, layer in list(net.named_modules()):
        if "Dropout" in type(layer).__name__:
            fixed.append(Fixed(path, layer))
            holder, _, name = path.rpartition(".")
            setattr(net.get_submodule(holder), name, fixed[-1])
    torch.backends.mha.set_fastpath_enabled(False)
    for k in range(samples):
        for layer in fixed:
            layer.calls, layer.k = 0, k
        with torch.no_grad():
            outputs.append(net(x))
    torch.backends.mha.set_fastpath_enabled(True)
    return torch.stack(outputs, 1)


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize(("make", "shape"), NETWORKS)
def test_the_samples_match_naive_passes_with_the_same_masks(make, shape, seed):
    net, x = drawn(make, shape, seed=seed)
    block = al.MCDropout(net, samples=K, seed=seed).build().eval()
    for turn in range(2):
        with torch.no_grad() if turn else torch.inference_mode():
            outputs = block(x)
        assert outputs.shape == (7, K, 3)
        assert type(outputs) is torch.Tensor
        torch.testing.assert_close(outputs, naive(net, x, K, seed), atol=1e-5, rtol=1e-5)
        assert block._at_once == (make in AT_ONCE)
    assert len(outputs[0].unique(dim=0)) > 1


@pytest.mark.parametrize(("make", "shape"), NETWORKS)
def test_a_forward_pass_has_no_side_effects(make, shape):
    net, x = drawn(make, shape)
    block = al.MCDropout(net, samples=K).build().eval()
    net.train()  # another mode within the block: BatchNorm still stays in eval mode
    modes = [part.training for part in block.modules()]
    state, rng = copy.deepcopy(block.state_dict()), torch.get_rng_state()
    given = x.clone()
    with torch.no_grad():
        block(x)
    assert [part.training for part in block.modules()] == modes
    assert all(torch.equal(state[name], value) for name, value in block.state_dict().items())
    assert torch.equal(torch.get_rng_state(), rng)
    assert torch.equal(given, x)
    assert not any(part._forward_hooks for part in block.modules())


@pytest.mark.parametrize(("make", "shape"), NETWORKS)
def test_masks_are_the_same_for_every_row_and_batch(make, shape):
    net, x = drawn(make, shape, rows=9)
    if make is Branching:
        return  # its rows depend on each other
    block = al.MCDropout(net, samples=K).build().eval()
    with torch.no_grad():
        whole, order = block(x), torch.tensor([3, 1, 8, 0, 2, 7, 5, 4, 6])
        parts = torch.cat([block(x[order[:2]]), block(x[order[2:]])])
        again = al.MCDropout(net, samples=K).build().eval()(x)
        fewer = al.MCDropout(net, samples=2).build().eval()(x)
    torch.testing.assert_close(parts, whole[order], atol=1e-5, rtol=1e-5)
    assert torch.equal(again, whole)
    torch.testing.assert_close(fewer, whole[:, :2], atol=1e-5, rtol=1e-5)


def test_chunks_of_rows_do_not_affect_the_output(monkeypatch):
    net, x = drawn(channels, IMAGES, rows=9)
    block, seen = al.MCDropout(net, samples=K).build().eval(), []
    net[0].register_forward_hook(lambda module, args, y: seen.append(len(y)))
    with torch.no_grad():
        whole = block(x)
        monkeypatch.setattr("alkit.blocks.posterior.mcdropout.ROWS", 4 * K)
        torch.testing.assert_close(block(x), whole, atol=1e-6, rtol=1e-5)
    assert seen == [9, 3, 3, 3]


def test_another_seed_and_another_call_of_a_layer_give_other_masks():
    net, x = drawn(perceptron, ROWS)
    with torch.no_grad():
        one, other = (al.MCDropout(net, K, seed=s).build().eval()(x) for s in (0, 1))
    assert not torch.allclose(one, other)
    masks, layer = Masks(0, 1), nn.Dropout(0.5)
    first, second = (masks.keep("drop", call, layer, torch.ones(2, 64))[0] for call in (0, 1))
    assert not torch.equal(first, second)


def test_parts_before_a_dropout_are_computed_once_and_dropped_channels_never():
    net, x = drawn(channels, IMAGES)
    calls = []
    watch = nn.modules.module.register_module_forward_hook(
        lambda module, args, y: calls.append(type(module).__name__)
    )
    try:
        block = al.MCDropout(net, samples=K).build().eval()
        with torch.no_grad(), torch.profiler.profile(record_shapes=True) as profile:
            block(x)
    finally:
        watch.remove()
    assert calls.count("Conv2d") == 2
    weights = [event.input_shapes[1] for event in profile.events() if event.name == "aten::conv2d"]
    assert weights[0] == [8, 1, 3, 3]
    kept = [
        [
            int(mask.sum())
            for mask in Masks(0, K).keep(path, 0, net[int(path)], torch.ones(1, c, 1, 1))
        ]
        for path, c in (("1", 8), ("6", 12))
    ]
    ran = [shape[:2] for shape in weights[1:] if shape[:2] != [12, 8]]  # the call without rows
    assert ran == [[out, into] for into, out in zip(*kept, strict=True)]


def test_in_training_it_is_the_model():
    net, x = drawn(perceptron, ROWS)
    block = al.MCDropout(net, samples=K).build().train()
    torch.manual_seed(1)
    output = block(x)
    torch.manual_seed(1)
    assert torch.equal(output, net(x))
    output.sum().backward()
    assert all(weight.grad is not None for weight in net.parameters())


def test_gradients_flow_through_the_samples():
    net, x = drawn(channels, IMAGES)
    block = al.MCDropout(net, samples=K).build().eval()
    with torch.inference_mode():
        block(x)  # the second call reuses the masks
    block(x).sum().backward()
    assert all(weight.grad.abs().sum() > 0 for weight in net.parameters())
    with torch.no_grad():
        torch.testing.assert_close(block(x), block(x).detach())


def test_one_output_per_row_and_samples_of_samples():
    x = torch.randn(4, 6)
    single = nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 1), nn.Flatten(0))
    assert al.MCDropout(single, 3).build().predict(x).shape == (4, 3, 1)
    assert al.MCDropout(perceptron(), 3).build().predict(x[:0]).shape == (0, 3, 3)
    members = al.MCDropout(al.Ensemble(perceptron(), members=2), samples=3).build()
    assert members.predict(x).shape == (4, 6, 3)
    assert len(members.predict(x)[0].unique(dim=0)) == 6


def test_a_sample_that_keeps_nothing_and_a_rate_of_one():
    net = nn.Sequential(nn.Linear(6, 1), nn.Dropout(0.5), nn.Linear(1, 3))
    x = torch.randn(4, 6)
    with torch.no_grad():
        outputs = al.MCDropout(net.eval(), samples=8).build().eval()(x)
    torch.testing.assert_close(outputs, naive(net, x, 8, 0))
    assert (outputs == net[2].bias).all(2).all(0).any()  # a sample that keeps nothing
    net = nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 2), nn.Dropout(1.0), nn.Linear(2, 3))
    outputs = al.MCDropout(net, samples=2).build().predict(x)
    torch.testing.assert_close(outputs, net[3].bias.expand(4, 2, 3))


def test_a_last_layer_that_starts_at_zero_does_not_raise():
    net = nn.Sequential(nn.Linear(6, 4), nn.Dropout(0.5), nn.Linear(4, 3))
    nn.init.zeros_(net[2].weight)
    assert al.MCDropout(net, samples=3).build().predict(torch.randn(4, 6)).unique().numel() <= 3


class Discarded(nn.Module):
    """Calls its dropout but discards the output."""

    def __init__(self):
        super().__init__()
        self.drop, self.head = nn.Dropout(0.5), nn.Linear(6, 3)

    def forward(self, x):
        self.drop(x)
        return self.head(x)


class Own(nn.Dropout):
    """Drops in a custom way that no mask describes."""

    def forward(self, x):
        return x


class Uncalled(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.drop = nn.Linear(6, 3), nn.Dropout(0.5)

    def forward(self, x):
        return self.drop(self.body(x)) if self.training else self.body(x)


class Off(nn.Module):
    """Drops with a function call, which cannot be detected."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(6, 3)

    def forward(self, x):
        return F.dropout(self.body(x), 0.5, self.training)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Linear(6, 3), r"finds no dropout layer in Linear. Add nn.Dropout"),
        (Off(), r"F.dropout\(x, training=self.training\) is not detected: make it a layer"),
        (nn.Sequential(Own(0.5), nn.Linear(6, 3)), "finds no dropout layer"),
        (nn.Sequential(nn.Dropout(0.0), nn.Dropout(1.0)), r"\(0: p=0.0, 1: p=1.0\)"),
        (nn.Sequential(al.MCDropout(perceptron())), "one of them is enough"),
    ],
)
def test_a_model_whose_samples_cannot_differ_raises_in_the_constructor(model, message):
    with pytest.raises(ConfigurationError, match=message):
        al.MCDropout(model)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Uncalled(), "None of the dropout layers drop was called in eval mode"),
        (nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3), nn.Dropout(0.5), Own()), None),
        (nn.Sequential(nn.Flatten(0), nn.Dropout(0.5), nn.Unflatten(0, (-1, 6))), "first axis"),
        (nn.Sequential(nn.Dropout1d(0.5), nn.Linear(6, 3)), "batch .N, C, .... of 3 axes"),
        (Discarded(), "agree on every row"),
    ],
)  # fmt: skip
def test_a_problem_that_a_forward_pass_reveals_raises_there(model, message):
    block = al.MCDropout(model, samples=4).build()
    if message is None:
        block.predict(torch.randn(4, 6))
        return
    for at_once in (True, False):
        block._at_once = at_once
        with pytest.raises(ConfigurationError, match=message):
            block.predict(torch.randn(4, 6))
    assert not any(part._forward_hooks for part in block.modules())


def test_an_axis_before_the_batch_raises():
    class TimeFirst(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop, self.head = nn.Dropout(0.5), nn.Linear(2, 3)

        def forward(self, x):
            return self.head(self.drop(x.transpose(0, 1))).mean(0)

    with pytest.raises(ConfigurationError, match=r"\(3, 4, 2\) for 4 samples: its first axis"):
        al.MCDropout(TimeFirst()).build().predict(torch.randn(4, 3, 2))


@pytest.mark.parametrize("samples", [0, -1, 2.0, True, "20"])
def test_an_invalid_number_of_samples_raises(samples):
    with pytest.raises(ConfigurationError, match="samples must be an integer of at least 1"):
        al.MCDropout(perceptron(), samples=samples)


def test_an_error_of_the_network_is_raised_and_does_not_disable_the_single_pass():
    net, _ = drawn(channels, IMAGES)
    block = al.MCDropout(net, samples=K).build().eval()
    with torch.no_grad(), pytest.raises(RuntimeError, match=r"mat1 and mat2|model\.9"):
        block(torch.randn(2, 1, 11, 14))
    assert block._at_once


@pytest.mark.parametrize("at_once", [True, False])
def test_inputs_may_come_by_name_and_logits_go_by_name(at_once):
    class Answers(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop, self.head = nn.Dropout(0.5), nn.Linear(6, 3)

        def forward(self, x, mask=None):
            y = self.head(self.drop(x if mask is None else x * mask))
            return {"hidden": x, "logits": y}

    block, x, mask = al.MCDropout(Answers(), samples=K).build(), torch.randn(5, 6), torch.ones(5, 6)
    assert block.train()(x=x, mask=mask).keys() == {"hidden", "logits"}
    block.eval()._at_once = at_once
    with torch.no_grad():
        outputs = block(x=x, mask=mask)
        assert torch.equal(outputs, block(x, mask))
        torch.testing.assert_close(outputs, block(x))
    assert outputs.shape == (5, K, 3)
    assert not torch.equal(outputs[:, 0], outputs[:, 1])


def test_it_is_a_block():
    recipe = al.MCDropout(
        al.Sequential(
            al.Layer(nn.Linear, 6, 9), al.Layer(nn.Dropout, 0.5), al.Layer(nn.Linear, 9, 3)
        ),
        samples=4,
    )
    x = torch.randn(5, 6)
    assert not recipe.built
    block = recipe.create()
    wider = recipe.new().configure(samples=7)
    wider.model[1].configure(p=0.1)
    assert (block.predict(x).shape, wider.build().predict(x).shape) == ((5, 4, 3), (5, 7, 3))
    with torch.no_grad():
        outputs = block.eval()(x)
        for twin in (copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
            assert torch.equal(twin(x), outputs)
        other = recipe.create().eval()
        assert not torch.equal(other(x), outputs)
        other.load_state_dict(block.state_dict())
        assert torch.equal(other(x), outputs)
    assert set(block.state_dict()) == {f"model.{i}.{w}" for i in (0, 2) for w in ("weight", "bias")}
    assert "samples=4, seed=0" in repr(block)
    empty = al.MCDropout(al.Sequential(al.Layer(nn.Linear, 6, 3))).build()
    with pytest.raises(ConfigurationError, match="no dropout layer"):
        empty(x)


def test_samples_may_be_changed_later():
    net, x = drawn(perceptron, ROWS)
    block = al.MCDropout(net, samples=2).build()
    before, block.samples = block.predict(x), 4
    assert block.predict(x).shape[1] == 4
    torch.testing.assert_close(block.predict(x)[:, :2], before)


def test_a_dropout_inside_of_a_recurrent_layer_is_said_to_stay_off():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.gru = nn.GRU(3, 4, num_layers=2, dropout=0.5, batch_first=True)
            self.drop, self.last = nn.Dropout(0.5), nn.Linear(4, 2)

        def forward(self, x):
            return self.last(self.drop(self.gru(x)[0][:, -1]))

    network = al.MCDropout(Recurrent(), samples=3).build().eval()
    with pytest.warns(UserWarning, match=r"leaves off the dropout inside of gru"):
        network(torch.randn(5, 6, 3))
