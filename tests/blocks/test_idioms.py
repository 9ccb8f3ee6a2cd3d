"""Idioms from courses, copied from there except for the imports."""

import copy
import pickle

import pytest
import torch

import alkit as dl


def test_the_open_loop_of_the_course_builds_its_network():
    backbone = dl.ConvolutionalNeuralNetwork(1, [64] * 4, 128)
    backbone.blocks[1:].pool.configure(torch.nn.MaxPool2d, kernel_size=2)
    backbone.blocks[-1].append(dl.Layer(torch.nn.AdaptiveAvgPool2d, output_size=1))
    backbone.blocks[-1].append(dl.Layer(torch.nn.Flatten, output_size=1))
    head = dl.MultiLayerPerceptron(128, [], 10)
    classifier = dl.Sequential(backbone, head)
    message = r"0\.blocks\.4\.flatten: Flatten has no argument 'output_size'"
    with pytest.warns(UserWarning, match=message):
        model = classifier.new().build()
    assert sum(p.numel() for p in model.parameters()) == 186_570
    assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert [block.pool is not None for block in model[0].blocks] == [False] + 4 * [True]


def test_a_perceptron_with_an_output_activation_is_created():
    mlp = dl.MultiLayerPerceptron(
        in_features=28 * 28,
        hidden_features=[32, 32],
        out_features=10,
        out_activation=torch.nn.Sigmoid,
    ).create()
    x = torch.linspace(-1, 1, 2 * 28 * 28).reshape(2, 1, 28, 28)
    out = mlp(x)  # flattens its input
    hidden = x.flatten(1)
    for block in mlp.hidden:
        hidden = torch.relu(block.layer(hidden))
    assert torch.equal(out, torch.sigmoid(mlp.output.layer(hidden)))
    assert out.shape == (2, 10)


class DotProductAttention(dl.DeeplayModule):
    """Attention over tokens."""

    def __init__(self):
        super().__init__()

    def forward(self, queries, keys, values):
        scores = queries @ keys.transpose(-2, -1) / keys.size(-1) ** 0.5
        matrix = torch.softmax(scores, dim=-1)
        return matrix @ values, matrix


class Attention(dl.DeeplayModule):
    """A block with layers, one of them configured in the constructor."""

    def __init__(self, num_features):
        super().__init__()
        self.num_features = num_features
        self.query = dl.Layer(torch.nn.Linear, num_features, num_features)
        self.out = dl.Layer(torch.nn.Linear, num_features, num_features, bias=False)
        self.attention = DotProductAttention()
        self.norm = dl.Layer(torch.nn.LayerNorm, num_features)
        self.add = dl.blocks.Add()

    def forward(self, x):
        attended, _ = self.attention(self.query(x), x, x)
        return self.norm(self.add(self.out(attended), x))


class Encoder(dl.DeeplayModule):
    """A block that appends to a list in its constructor."""

    def __init__(self, num_features, num_layers, classes=3):
        super().__init__()
        self.blocks = dl.LayerList()
        for _ in range(num_layers):
            self.blocks.append(Attention(num_features))
        self.dropout = dl.Layer(torch.nn.Dropout, 0.1)
        self.dense = dl.MultiLayerPerceptron(num_features, [8], classes)
        self.dense.blocks[:-1].activation.configure(torch.nn.GELU)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.dense(self.dropout(x).mean(dim=1))


def test_a_custom_block_is_created_configured_and_called():
    encoder = Encoder(num_features=4, num_layers=2)
    model = encoder.create()
    assert model(torch.zeros(5, 7, 4)).shape == (5, 3)
    encoder.configure(num_layers=3)
    encoder["blocks", :, "norm"].configure(torch.nn.Identity)
    encoder["dense"]["blocks", :-1, "activation"].configure(torch.nn.Tanh)
    deeper = encoder.build()
    assert len(deeper.blocks) == 3
    assert isinstance(deeper.blocks[2].norm, torch.nn.Identity)
    assert isinstance(deeper.dense.blocks[0].activation, torch.nn.Tanh)
    assert deeper(torch.zeros(5, 7, 4)).shape == (5, 3)


def test_selectors_change_all_activations_but_the_last():
    net = dl.Sequential(
        dl.ConvolutionalNeuralNetwork(1, [4], 4), dl.MultiLayerPerceptron(4, [3], 2)
    )
    net[..., "activation#:-1"].configure(torch.nn.LeakyReLU, negative_slope=0.2)
    kinds = [type(activation).__name__ for activation in net.build()[..., "activation"]]
    assert kinds == 3 * ["LeakyReLU"] + ["Identity"]


def test_layers_are_initialized_by_a_selector():
    net = dl.ConvolutionalNeuralNetwork(1, [4], 4)
    net[..., "layer"].all.initialize(dl.initializers.Normal(mean=3.0, std=0.01))
    net.normalization.configure(torch.nn.BatchNorm2d)
    net.build()
    assert all((block.layer.weight - 3).abs().max() < 0.1 for block in net.blocks)
    assert all((block.normalization.weight == 1).all() for block in net.blocks)


def test_hooks_reach_the_layers_of_a_built_model():
    model = dl.Sequential(dl.ConvolutionalNeuralNetwork(1, [4, 5], 6), torch.nn.Flatten()).create()
    seen = {}
    for i in range(3):
        layer = model[0].blocks[i].layer
        layer.register_forward_hook(lambda m, x, y, i=i: seen.update({i: y.shape[1]}))
    model(torch.zeros(1, 1, 8, 8))
    assert seen == {0: 4, 1: 5, 2: 6}


def test_outputs_of_a_part_are_logged_by_name():
    encoder = Encoder(4, 2)
    encoder["blocks", 0, "attention"].log_output("first")
    encoder.build()
    encoder["blocks", 1, "query"].log_output("query")
    encoder(torch.zeros(5, 7, 4))
    assert encoder.logs["first"][1].shape == (5, 7, 7)
    assert encoder.logs["query"].shape == (5, 7, 4)
    assert not encoder.new().logs
    twin = encoder.create()
    assert not twin.logs
    twin(torch.zeros(2, 7, 4))
    assert set(twin.logs) == {"first", "query"}
    assert twin.logs["first"][1].shape == (2, 7, 7)
    assert encoder.logs["first"][1].shape == (5, 7, 7)


def test_a_pretrained_torch_module_can_be_part_of_a_chain():
    trunk = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
    model = dl.Sequential([trunk, dl.MultiLayerPerceptron(3, [], 2)]).create()
    assert torch.equal(model[0][0].weight, trunk[0].weight)
    assert model(torch.zeros(2, 4)).shape == (2, 2)


def test_layers_are_swapped_through_the_lists_of_a_network():
    mlp = dl.MultiLayerPerceptron(4, [5, 6], 2)
    mlp.hidden.normalization.configure(torch.nn.BatchNorm1d)
    mlp.output.activation.configure(torch.nn.Softmax, dim=1)
    mlp.input.append(dl.Layer(torch.nn.Dropout, 0.5), name="drop")
    mlp.layer.configure(bias=False)
    mlp.blocks.activation[0].configure(torch.nn.Tanh)
    mlp.build()
    assert [block.normalization.num_features for block in mlp.hidden] == [5, 6]
    assert mlp.input.drop.p == 0.5
    assert all(layer.bias is None for layer in mlp.layer)
    assert torch.allclose(mlp.eval()(torch.zeros(1, 4)).sum(), torch.ones(()))
    assert isinstance(mlp.blocks[0].activation, torch.nn.Tanh)


def test_a_built_block_is_an_ordinary_module():
    net = dl.Sequential(dl.ConvolutionalNeuralNetwork(1, [3], 4), torch.nn.Flatten()).create()
    x = torch.ones(2, 1, 4, 4)
    twins = [copy.deepcopy(net), pickle.loads(pickle.dumps(net)), net.create()]
    twins[2].load_state_dict(net.state_dict())
    for twin in twins:
        assert torch.equal(twin(x), net(x))
        assert repr(twin) == repr(net)
        assert twin.new().create()(x).shape == net(x).shape
    with torch.no_grad():
        twins[0].get_parameter("0.blocks.0.layer.weight").zero_()
    assert not torch.equal(twins[0](x), net(x))
    assert net.double()(x.double()).dtype == torch.float64
    assert isinstance(net, torch.nn.Module)


def test_a_built_block_compiles_into_one_graph():
    net = dl.Sequential(dl.ConvolutionalNeuralNetwork(1, [3], 4), torch.nn.Flatten()).create()
    net = dl.Sequential(net, dl.MultiLayerPerceptron(64, [5], 2)).create()
    compiled = torch.compile(net, backend="eager", fullgraph=True)
    x = torch.linspace(-1, 1, 32).reshape(2, 1, 4, 4)
    assert torch.equal(compiled(x), net(x))
