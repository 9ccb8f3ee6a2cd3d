import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.classification import BinaryAccuracy, BinaryAUROC, MulticlassAccuracy

import alkit as al
from alkit.errors import ShapeError


class Fixed(nn.Module):
    """Returns its input, and has a weight so that there is something to train."""

    def __init__(self, sigmoid=False):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.sigmoid = sigmoid

    def forward(self, x):
        return (self.scale * x).sigmoid() if self.sigmoid else self.scale * x


def measured(model, x, y):
    data = DataLoader(TensorDataset(x, y), batch_size=3)
    return al.Trainer(enable_progress_bar=False).test(model.build(), data, verbose=False)[0]


def test_accuracy_is_the_share_of_correct_guesses_and_not_the_mean_over_classes():
    logits = torch.eye(3)[[0, 0, 0, 0, 0, 0, 1, 1]]
    classes = torch.tensor([0, 0, 0, 0, 0, 0, 1, 2])
    result = measured(al.CategoricalClassifier(Fixed(), num_classes=3), logits, classes)
    assert result["testMulticlassAccuracy_epoch"] == pytest.approx(7 / 8)


def test_without_num_classes_nothing_is_measured():
    model = al.CategoricalClassifier(Fixed())
    assert list(model.test_metrics) == []
    assert set(measured(model, torch.eye(3), torch.arange(3))) == {"test_loss_epoch"}


def test_a_given_accuracy_is_not_duplicated():
    own = MulticlassAccuracy(3, average="macro")
    model = al.CategoricalClassifier(Fixed(), num_classes=3, test_metrics=[own])
    assert list(model.test_metrics) == ["testMulticlassAccuracy"]
    assert model.test_metrics["testMulticlassAccuracy"].average == "macro"
    assert model.train_metrics["trainMulticlassAccuracy"].average == "micro"


def test_classifier_is_an_alias_of_the_categorical_classifier():
    assert al.Classifier is al.CategoricalClassifier


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_classes_may_be_integers_of_any_type_even_as_a_column(dtype, shape):
    logits, classes = torch.randn(5, 3), torch.tensor([0, 1, 2, 1, 0])
    model = al.CategoricalClassifier(Fixed(), num_classes=3)
    result = measured(model, logits, classes.to(dtype).reshape(shape))
    assert result["test_loss_epoch"] == pytest.approx(
        nn.functional.cross_entropy(logits, classes).item(), rel=1e-5
    )
    assert result["testMulticlassAccuracy_epoch"] == pytest.approx(
        (logits.argmax(1) == classes).float().mean().item()
    )


@pytest.mark.parametrize("column", [False, True])
@pytest.mark.parametrize("as_float", [False, True])
@pytest.mark.parametrize("with_logits", [False, True])
def test_a_binary_classifier_is_right_for_probabilities_and_for_logits(
    column, as_float, with_logits
):
    # all between 0 and 1, where the range does not separate logits from probabilities: as logits
    # each of them means class 1, and so does its sigmoid
    logits = torch.tensor([0.1, 0.2, 0.3, 0.4, 0.6, 0.9])
    classes = torch.tensor([1, 1, 1, 0, 1, 0])
    loss = nn.BCEWithLogitsLoss() if with_logits else None
    model = al.BinaryClassifier(Fixed(sigmoid=not with_logits), loss=loss)
    x = logits[:, None] if column else logits
    result = measured(model, x, classes.float() if as_float else classes)
    assert result["testBinaryAccuracy_epoch"] == pytest.approx(4 / 6)
    p = logits.double().sigmoid()
    right = torch.where(classes == 1, p, 1 - p)
    assert result["test_loss_epoch"] == pytest.approx(-right.log().mean().item(), rel=1e-5)


def test_a_custom_loss_gets_the_targets_in_the_shape_of_the_outputs():
    def hinge(y_hat, y):
        return (1 - (2 * y - 1) * y_hat).clamp(min=0).mean()

    x, classes = torch.tensor([[2.0], [-2.0], [0.5], [0.0]]), torch.tensor([1, 0, 1, 1])
    result = measured(al.BinaryClassifier(Fixed(), loss=hinge), x, classes)
    assert result["test_loss_epoch"] == pytest.approx((0 + 0 + 0.5 + 1) / 4)


@pytest.mark.filterwarnings("ignore:No negative samples")  # in the last batch, of one
def test_a_binary_classifier_accepts_further_metrics():
    model = al.BinaryClassifier(Fixed(sigmoid=True), metrics=[BinaryAUROC()])
    result = measured(model, torch.tensor([-2.0, -1.0, 1.0, 2.0]), torch.tensor([0, 0, 1, 1]))
    assert result["testBinaryAUROC_epoch"] == 1.0
    assert result["testBinaryAccuracy_epoch"] == 1.0


def test_a_binary_classifier_keeps_a_given_accuracy():
    model = al.BinaryClassifier(Fixed(), val_metrics=BinaryAccuracy(threshold=0.9))
    assert model.val_metrics["valBinaryAccuracy"].threshold == 0.9
    assert model.test_metrics["testBinaryAccuracy"].threshold == 0.5


def test_a_binary_classifier_with_two_columns_is_an_error():
    with pytest.raises(ShapeError, match=r"\(3, 2\)"):
        measured(al.BinaryClassifier(Fixed(sigmoid=True)), torch.randn(6, 2), torch.ones(6).long())


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (al.CategoricalClassifier(Fixed()), "logits"),
        (al.CategoricalClassifier(Fixed(), loss=nn.NLLLoss()), "log_probabilities"),
        (al.BinaryClassifier(Fixed()), "probabilities"),
        (al.BinaryClassifier(Fixed(), loss=nn.BCEWithLogitsLoss()), "logits"),
    ],
)
def test_outputs_are_declared_by_the_loss(model, kind):
    assert model.outputs == kind


def test_a_binary_classifier_learns():
    x = torch.randn(80, 2, generator=torch.Generator().manual_seed(1))
    data = DataLoader(TensorDataset(x, (x[:, 0] > 0).long()), batch_size=20)
    network = al.MultiLayerPerceptron(2, [8], 1, out_activation=nn.Sigmoid)
    torch.manual_seed(0)
    model = al.BinaryClassifier(network, optimizer=al.Adam(lr=5e-2)).build()
    trainer = al.Trainer(max_epochs=15, enable_progress_bar=False)
    trainer.fit(model, data)
    assert trainer.history.history["trainBinaryAccuracy_epoch"]["value"][-1] > 0.9
