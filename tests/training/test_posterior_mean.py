"""K posterior samples are evaluated by the mean of their predictions."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import BinaryAccuracy, MulticlassAccuracy

import alkit as al
from alkit.errors import ModelOutputError
from alkit.training.posterior_mean import averaged, has_samples


class Samples(nn.Module):
    """Returns its input (N, K, C) in eval mode, and the first sample in training."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return self.scale * (x[:, 0] if self.training else x)


def measured(application, x, y, kind="test"):
    trainer = al.Trainer(enable_progress_bar=False)
    data = DataLoader(TensorDataset(x, y), batch_size=len(x))
    run = trainer.test if kind == "test" else trainer.validate
    return run(application.build(), data, verbose=False)[0]


def draw(*shape):
    return 3 * torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", ["test", "val"])
@pytest.mark.parametrize("loss", [None, nn.CrossEntropyLoss(label_smoothing=0.1), F.cross_entropy])
def test_classes_are_judged_by_the_mean_probability(loss, kind):
    x, y = draw(50, 4, 3), torch.arange(50) % 3
    model = al.CategoricalClassifier(
        Samples(), loss, metrics=MulticlassAccuracy(3, average="micro")
    )
    results = measured(model, x, y, kind)
    p = x.softmax(2).mean(1)
    expected = (loss or F.cross_entropy)(p.log(), y)
    assert results[f"{kind}_loss_epoch"] == pytest.approx(expected.item(), rel=1e-5)
    right = (p.argmax(1) == y).float().mean()
    assert results[f"{kind}MulticlassAccuracy_epoch"] == pytest.approx(right.item())


def test_log_probabilities_values_and_binary_outputs_have_their_own_means():
    x, y = draw(40, 5, 3), torch.arange(40) % 3
    logs = x.log_softmax(2)
    results = measured(al.CategoricalClassifier(Samples(), nn.NLLLoss()), logs, y)
    expected = F.nll_loss(logs.exp().mean(1).log(), y)
    assert results["test_loss_epoch"] == pytest.approx(expected.item(), rel=1e-5)

    results = measured(al.Regressor(Samples(), nn.MSELoss()), x, draw(40, 3))
    assert results["test_loss_epoch"] == pytest.approx(F.mse_loss(x.mean(1), draw(40, 3)).item())
    results = measured(al.Regressor(Samples(), nn.MSELoss()), x[..., :1], draw(40))
    expected = F.mse_loss(x[..., 0].mean(1), draw(40))
    assert results["test_loss_epoch"] == pytest.approx(expected.item())

    y, p = torch.arange(40) % 2, x[..., :1].sigmoid()
    for loss, outputs in ((nn.BCEWithLogitsLoss(), x[..., :1]), (nn.BCELoss(), p)):
        model = al.BinaryClassifier(Samples(), loss, metrics=BinaryAccuracy())
        results = measured(model, outputs, y)
        expected = F.binary_cross_entropy(p.mean((1, 2)), y.float())
        assert results["test_loss_epoch"] == pytest.approx(expected.item(), rel=1e-4)
        right = ((p.mean((1, 2)) > 0.5) == y).float().mean()
        assert results["testBinaryAccuracy_epoch"] == pytest.approx(right.item())


def test_training_uses_the_output_in_training_mode():
    x, y = draw(6, 4, 3), torch.arange(6) % 3
    model = al.CategoricalClassifier(Samples()).build().train()
    loss = model.training_step((x, y), 0)
    assert loss.item() == pytest.approx(F.cross_entropy(x[:, 0], y).item())
    with pytest.raises(
        ModelOutputError, match=r"posterior samples \(6, 4, 3\). Was it left in eval"
    ):
        model.eval().training_step((x, y), 0)


@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_the_logit_of_a_mean_probability_is_exact_at_both_ends(scale):
    z = scale * draw(20, 6, 1).double()
    p, q = z.sigmoid().mean(1), (-z).sigmoid().mean(1)
    torch.testing.assert_close(averaged(z, "logits"), p.log() - q.log())
    assert torch.isfinite(averaged(1000 * z.float(), "logits")).all()
    assert torch.isfinite(averaged(draw(5, 2, 3) * 1000, "logits")).all()


LONG = torch.int64
CASES = [
    ((5, 4, 3), (5,), LONG, True, True),
    ((5, 4, 3), (5, 1), LONG, True, True),
    ((5, 4, 3), (5, 3), torch.float32, True, True),  # probabilities of classes
    ((5, 4, 3), (5, 3), LONG, True, False),  # (N, C, L) for (N, L)
    ((5, 4, 1), (5, 1), LONG, True, False),
    ((5, 4, 3), (5, 4, 3), torch.float32, True, False),
    ((5, 3), (5,), LONG, True, False),
    ((5, 4, 3, 3), (5, 3, 3), LONG, True, False),
    ((5, 4, 3), (5, 3), torch.float32, False, True),
    ((5, 4, 3), (5, 3), LONG, False, True),  # several labels of a sample
    ((5, 4, 1), (5,), torch.float32, False, True),
    ((5, 4, 1), (5, 4), torch.float32, False, False),
    ((5, 4, 3), (5, 4, 3), torch.float32, False, False),
    ((5, 4, 3), (5,), torch.float32, False, False),
    ((1, 4, 1), (1,), torch.float32, False, True),
]


@pytest.mark.parametrize(("outputs", "targets", "dtype", "classes", "expected"), CASES)
def test_the_k_axis_is_recognized_from_the_targets(outputs, targets, dtype, classes, expected):
    y_hat, y = torch.zeros(outputs), torch.zeros(targets, dtype=dtype)
    assert has_samples(y_hat, y, classes) == expected
    assert not has_samples((y_hat,), y, classes)
    assert not has_samples(y_hat, [y], classes)


def test_a_dense_classifier_and_a_loss_of_unknown_kind_are_left_alone():
    class Dense(al.training.Application):
        def __init__(self, loss):
            super().__init__(loss)
            self.model = Samples()

    x, y = draw(6, 4, 3), torch.zeros(6, 3, dtype=LONG)
    results = measured(Dense(nn.CrossEntropyLoss()), x, y)
    assert results["test_loss_epoch"] == pytest.approx(F.cross_entropy(x, y).item())
    shapes = []

    def loss(y_hat, y):
        shapes.append(tuple(y_hat.shape))
        return y_hat.mean()

    measured(Dense(loss), x, y[:, 0])
    assert shapes == [(6, 4, 3)]


@pytest.mark.parametrize("kind", ["logits", "probabilities"])
@pytest.mark.parametrize("dtype", [torch.long, torch.float])
def test_labels_that_the_strategy_declares_have_the_mean_of_each(kind, dtype):
    z, y = draw(40, 5, 3), (draw(40, 5, 3).mean(1) > 0).to(dtype)
    p = z.sigmoid()

    def by_itself(outputs, y):
        assert outputs.shape == y.shape
        apart = F.binary_cross_entropy
        apart = F.binary_cross_entropy_with_logits if kind == "logits" else apart
        return apart(outputs, y.float())

    class Sampled(Samples):
        posterior_samples = True

    data = TensorDataset(z if kind == "logits" else p, y)
    options = {"loss": by_itself, "task": "multilabel", "outputs": kind, "seed": 0, "test": data}
    strategy = al.Strategy(Sampled(), al.ActiveLearningDataset(data), **options).build()
    result = strategy.test(enable_progress_bar=False)
    expected = F.binary_cross_entropy(p.mean(1), y.float())
    assert result["test_loss_epoch"] == pytest.approx(expected.item(), rel=1e-5)


def test_values_that_the_strategy_declares_have_their_mean():
    class Sampled(Samples):
        posterior_samples = True

    x, y = draw(40, 5, 2), draw(40, 2)
    pool = al.ActiveLearningDataset(TensorDataset(x, y))
    options = {"loss": lambda outputs, y: (outputs - y).abs().mean(), "outputs": "values"}
    strategy = al.Strategy(Sampled(), pool, test=TensorDataset(x, y), seed=0, **options).build()
    result = strategy.test(enable_progress_bar=False)
    assert result["test_loss_epoch"] == pytest.approx(float((x.mean(1) - y).abs().mean()))
