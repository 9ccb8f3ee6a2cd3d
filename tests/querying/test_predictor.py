"""How a model reads a pool: inputs, outputs, features, and the modes it is left in."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import alkit as al
from alkit.errors import ConfigurationError, ModelOutputError, NonFiniteError, PredictionError
from alkit.eval_mode import evaluating
from alkit.querying.meaning import Meaning
from alkit.querying.predictor import Predictor

CPU = torch.device("cpu")
TWOS = torch.full((2, 3), 2.0)


def read(module, batches, inputs=None, outputs="logits", features=None):
    return list(Predictor(inputs, Meaning(outputs), features).predictions(module, batches, CPU))


def batches(x, size=4):
    return DataLoader(TensorDataset(torch.arange(100, 100 + len(x)), x), batch_size=size)


def test_predictions_come_batch_by_batch_with_the_ids_of_their_rows():
    x = torch.randn(10, 3)
    module = nn.Linear(3, 2)
    predictions = read(module, batches(x))
    assert [len(p) for p in predictions] == [4, 4, 2]
    assert torch.cat([p.ids for p in predictions]).tolist() == list(range(100, 110))
    outputs = torch.cat([p.outputs for p in predictions])
    torch.testing.assert_close(outputs, module(x).detach()[:, None])
    assert not any(p.outputs.requires_grad for p in predictions)


def test_one_number_a_sample_is_one_column_and_k_samples_are_kept():
    x = torch.randn(5, 3)
    (single,) = read(nn.Sequential(nn.Linear(3, 1), nn.Flatten(0)), batches(x, 5))
    assert single.outputs.shape == (5, 1, 1)

    class Members(nn.Module):
        posterior_samples = True

        def forward(self, x):
            return torch.stack([x, 2 * x], 1)

    (members,) = read(Members(), batches(x, 5))
    torch.testing.assert_close(members.outputs, torch.stack([x, 2 * x], 1))


@pytest.mark.parametrize(
    ("inputs", "batch", "expected"),
    [
        (None, torch.ones(2, 3), torch.ones(2, 3)),
        (0, torch.ones(2, 3), torch.ones(2, 3)),
        (lambda batch: 2 * batch[0], torch.ones(2, 3), TWOS),
        ("image", {"image": torch.ones(2, 3), "age": 0}, torch.ones(2, 3)),
        (lambda b: b["image"] + b["age"], {"image": torch.ones(2, 3), "age": 1}, TWOS),
    ],
)
def test_the_input_of_the_model_comes_out_of_the_batch_as_declared(inputs, batch, expected):
    (prediction,) = read(nn.Identity(), [(torch.tensor([3, 9]), batch)], inputs)
    assert torch.equal(prediction.outputs[:, 0], expected)
    assert prediction.ids.tolist() == [3, 9]


@pytest.mark.parametrize(
    ("inputs", "batch", "message"),
    [
        ("image", torch.ones(2, 3), "is a key, but the items of this pool are not dicts"),
        ("img", {"image": torch.ones(2, 3)}, r"'img' does not name the .* input among 'image'"),
        (None, {"image": torch.ones(2, 3)}, "does not name the model's input among 'image'"),
        (1, torch.ones(2, 3), "position 0"),
    ],
)
def test_an_input_that_is_not_there_is_reported(inputs, batch, message):
    with pytest.raises(ConfigurationError, match=message):
        read(nn.Identity(), [(torch.tensor([3, 9]), batch)], inputs)


class Returns(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, x):
        return self.value


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ((3, torch.ones(2, 3)), ModelOutputError, "tensor.* got tuple of int"),
        (np.ones((2, 3)), ModelOutputError, "got ndarray"),
        (torch.ones(1, 3), ModelOutputError, r"one row of outputs per sample, 2, got .*\(1, 3\)"),
        (torch.ones(2, 3, 4, 5), ModelOutputError, "outputs=.segmentation"),
        (torch.tensor([[1.0, torch.nan], [0, 0]]), NonFiniteError, "sample 3"),
        (torch.tensor([[1.0, 0.0], [0, torch.inf]]), NonFiniteError, "sample 9"),
    ],
)
def test_outputs_that_are_no_prediction_are_reported(value, error, message):
    with pytest.raises(error, match=message):
        read(Returns(value), [(torch.tensor([3, 9]), torch.ones(2, 3))])


def test_probabilities_that_nobody_declared_are_reported_not_softmaxed_twice():  # fault 8
    p = torch.tensor([[0.2, 0.8], [0.5, 0.5]])
    with pytest.raises(PredictionError, match='outputs="probabilities"'):
        read(Returns(p), [(torch.tensor([3, 9]), torch.ones(2, 3))], outputs=None)
    for declared in "probabilities", "logits":
        (prediction,) = read(
            Returns(p), [(torch.tensor([3, 9]), torch.ones(2, 3))], outputs=declared
        )
        expected = p if declared == "probabilities" else p.softmax(1)
        torch.testing.assert_close(prediction.mean_probabilities, expected)


def test_features_are_flattened_and_the_hook_is_gone_afterwards():
    module = nn.Sequential(nn.Unflatten(1, (1, 3)), nn.Flatten(), nn.Linear(3, 2))
    x = torch.randn(5, 3)
    predictions = read(module, batches(x), features="0")
    torch.testing.assert_close(torch.cat([p.features for p in predictions]), x)
    assert not module[0]._forward_hooks


class Net(nn.Module):
    """What a strategy holds: a network under ``model``."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x)


@pytest.mark.parametrize(
    ("model", "features"),
    [
        (nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), "model.1"),
        (al.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).build(), "model.0"),
        (al.MultiLayerPerceptron(3, [4], 2).build(), "model.blocks.0"),
        (nn.Sequential(nn.Linear(3, 2), nn.Softmax(1)), None),
        (nn.Sequential(nn.Linear(3, 2)), None),
        (nn.Linear(3, 2), None),
    ],
)
def test_by_default_the_features_are_what_goes_into_the_last_part_with_weights(model, features):
    module, x, reader = Net(model), torch.randn(4, 3), Predictor(None, Meaning("logits"), None)
    assert reader.features_of(module) == features
    (prediction,) = reader.predictions(module, batches(x), CPU)
    if features is None:
        assert prediction.features is None
        assert reader.head_of(module) is None
        return
    with torch.no_grad():
        outputs = reader.head_of(module)(prediction.features)
    torch.testing.assert_close(outputs, prediction.outputs[:, 0])


def test_the_head_is_in_eval_mode_for_the_call_alone_and_can_be_differentiated():
    model = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Dropout(), nn.Linear(4, 2)))
    head = Predictor(None, Meaning("logits"), None).head_of(Net(model))
    z = torch.randn(5, 4, requires_grad=True)
    assert head(z).equal(head(z))
    assert model[1][0].training
    assert torch.autograd.grad(head(z).sum(), z)[0].shape == (5, 4)


def test_a_head_that_is_not_there_is_named():
    reader = Predictor(None, Meaning("logits"), None, head="model.9")
    with pytest.raises(ConfigurationError, match=r"head='model.9' is not a layer of the model"):
        reader.head_of(Net(nn.Linear(3, 2)))


def test_modes_and_gradients_are_restored_after_an_end_a_close_and_an_error():
    module = nn.Sequential(nn.Linear(3, 2), nn.Dropout(), nn.BatchNorm1d(2))
    module[2].eval()
    modes = [part.training for part in module.modules()]
    reader = Predictor(None, Meaning("logits"), "0")

    def check():
        assert [part.training for part in module.modules()] == modes
        assert torch.is_grad_enabled()
        assert not module[0]._forward_hooks

    for _ in reader.predictions(module, batches(torch.randn(9, 3)), CPU):
        assert not any(part.training for part in module.modules())
        assert not torch.is_grad_enabled()
    check()
    stopped = reader.predictions(module, batches(torch.randn(9, 3)), CPU)
    next(stopped)
    stopped.close()
    check()
    with pytest.raises(RuntimeError):
        list(reader.predictions(module, batches(torch.randn(9, 4)), CPU))
    check()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_module_is_moved_to_the_device_and_back():
    module = nn.Linear(3, 2)
    with evaluating(module, torch.device("cuda", 0)):
        assert module.weight.device.type == "cuda"
    assert module.weight.device.type == "cpu"
