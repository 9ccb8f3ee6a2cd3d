"""Independent labels: metrics by torchmetrics, thresholds, and the declared task."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import f1_score
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import alkit as al
from alkit.criteria import Each
from alkit.errors import ConfigurationError, LabelError, ShapeError
from alkit.training import MultiLabelClassifier

G = torch.Generator().manual_seed(0)
Z = torch.randn(50, 4, generator=G)
Y = (torch.rand(50, 4, generator=G) > 0.6).long()
LISTED = torch.full((50, 4), -1)  # the numbers of the labels that are on, then -1
for numbers, on in zip(LISTED, Y):
    numbers[: on.sum()] = on.nonzero().flatten()


class Fixed(nn.Module):
    """Returns its input, and has a weight so that there is something to train."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return self.scale * x


def measured(model, x=Z, y=Y):
    data = DataLoader(TensorDataset(x, y), batch_size=50)
    return al.Trainer(enable_progress_bar=False).test(model.build(), data, verbose=False)[0]


@pytest.mark.parametrize("targets", [Y, Y.float(), Y.bool()])
@pytest.mark.parametrize("threshold", [0.5, 0.3, [0.2, 0.5, 0.7, 0.4]])
def test_the_loss_and_the_metrics_are_those_of_independent_labels(threshold, targets):
    result = measured(MultiLabelClassifier(Fixed(), 4, threshold=threshold), y=targets)
    expected = nn.functional.binary_cross_entropy_with_logits(Z, Y.float())
    assert result["test_loss_epoch"] == pytest.approx(expected.item(), rel=1e-5)
    guesses = (Z.sigmoid() >= torch.as_tensor(threshold)).long()
    f1 = f1_score(Y, guesses, average="macro")
    assert result["testMultilabelF1Score_epoch"] == pytest.approx(f1, rel=1e-5)
    right = (guesses == Y).float().mean().item()
    assert result["testMultilabelAccuracy_epoch"] == pytest.approx(right, rel=1e-5)


def test_probabilities_are_not_squashed_again():
    model = MultiLabelClassifier(Fixed(), 4, nn.BCELoss())
    assert (model.outputs, model.task) == ("probabilities", "multilabel")
    f1 = f1_score(Y, Z > 0, average="macro")
    result = measured(model, Z.sigmoid())
    assert result["testMultilabelF1Score_epoch"] == pytest.approx(f1, rel=1e-5)


@pytest.mark.parametrize("threshold", [0.5, [0.2, 0.5, 0.7, 0.4]])
def test_labels_that_were_not_measured_count_in_no_metric(threshold):
    def measured_alone(z, y):
        there = ~y.isnan()
        return nn.functional.binary_cross_entropy_with_logits(z[there], y[there])

    gaps = torch.rand(50, 4, generator=torch.Generator().manual_seed(1)) < 0.3
    model = MultiLabelClassifier(Fixed(), 4, measured_alone, threshold=threshold)
    result = measured(model, y=Y.float().masked_fill(gaps, torch.nan))
    guesses = (Z.sigmoid() >= torch.as_tensor(threshold)).long()
    f1 = np.mean([f1_score(Y[~gaps[:, k], k], guesses[~gaps[:, k], k]) for k in range(4)])
    assert result["testMultilabelF1Score_epoch"] == pytest.approx(f1, rel=1e-5)
    right = np.mean([(guesses == Y)[~gaps[:, k], k].float().mean() for k in range(4)])
    assert result["testMultilabelAccuracy_epoch"] == pytest.approx(right, rel=1e-5)


def test_posterior_samples_are_averaged_label_by_label():
    samples = torch.randn(50, 3, 4, generator=G)

    class Samples(Fixed):
        posterior_samples = True

    result = measured(MultiLabelClassifier(Samples(), 4), samples)
    p = samples.sigmoid().mean(1)
    expected = nn.functional.binary_cross_entropy(p, Y.float())
    assert result["test_loss_epoch"] == pytest.approx(expected.item(), rel=1e-5)
    f1 = f1_score(Y, p >= 0.5, average="macro")
    assert result["testMultilabelF1Score_epoch"] == pytest.approx(f1, rel=1e-5)


@pytest.mark.parametrize("threshold", [0, 1, "half", [0.5, 0.5], None])
def test_wrong_thresholds_are_refused(threshold):
    with pytest.raises(ConfigurationError, match="threshold must be"):
        MultiLabelClassifier(Fixed(), 4, threshold=threshold)
    with pytest.raises(ConfigurationError, match="num_labels must be an integer of at least 2"):
        MultiLabelClassifier(Fixed(), 1)


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(), nn.NLLLoss(), nn.MSELoss()])
def test_a_loss_of_another_task_is_refused(loss):
    with pytest.raises(ConfigurationError, match=r"each on or off: pass nn\.BCEWithLogitsLoss"):
        MultiLabelClassifier(Fixed(), 4, loss)


@pytest.mark.parametrize("loss", [{}, {"loss": nn.CrossEntropyLoss()}, {"loss": nn.NLLLoss()}])
def test_declared_labels_are_never_trained_as_exclusive_classes(loss, quiet):
    one_on = torch.eye(4)[torch.arange(50) % 4]  # as a loss of classes would take them
    for y in one_on, one_on.argmax(1):
        pool = al.ActiveLearningDataset(TensorDataset(Z, y))
        pool.annotate(range(20))
        strategy = al.Strategy(nn.Linear(4, 4), pool, task="multilabel", seed=0, **loss).build()
        with pytest.raises(ConfigurationError, match="trains exclusive classes: pass a loss"):
            strategy.fit(max_epochs=1, **quiet)


def test_the_task_is_declared_to_the_strategy_whatever_the_loss(quiet):
    def focal(y_hat, y):
        p = y_hat.sigmoid()
        return (((p - y).abs() ** 2) * nn.functional.binary_cross_entropy(p, y)).mean()

    pool = al.ActiveLearningDataset(TensorDataset(Z, Y))
    pool.annotate(range(20))
    for loss in (None, focal):
        model = MultiLabelClassifier(nn.Linear(4, 4), 4, loss)
        strategy = al.Strategy(model, pool, Each(al.Margin(), "max"), seed=0).build()
        strategy.fit(max_epochs=1, **quiet)
        query = strategy.query(5)
        assert query.why == "TopK() of max over 4 labels of Margin()"
        assert query.guesses.shape == (5, 4)


def test_labels_that_do_not_fit_are_errors(quiet):
    def fit(y, n):
        pool = al.ActiveLearningDataset(TensorDataset(Z, y))
        pool.annotate(range(20))
        al.Strategy(MultiLabelClassifier(nn.Linear(4, n), n), pool, seed=0).build().fit(
            max_epochs=1, **quiet
        )

    with pytest.raises(ShapeError, match=r"\(20, 3\) for targets \(20, 4\)"):
        fit(Y, 3)
    wrong = Y.clone()
    wrong[7, 2] = 3
    with pytest.raises(LabelError, match=r"label of sample 7 .* between 0 and 1"):
        fit(wrong, 4)


@pytest.mark.parametrize(
    ("loss", "targets", "right"),
    [
        (nn.SoftMarginLoss(), "-1 for off and 1 for on", (2 * Y - 1).float()),
        (nn.MultiLabelMarginLoss(), "the numbers of the labels that are on", LISTED),
    ],
    ids=["soft margin", "margin"],
)
def test_a_loss_with_targets_of_another_form_does_not_learn_from_zeros_and_ones(
    loss, targets, right, quiet
):
    kept = (right >= 0).any(1)  # a label of negative integers alone is none
    for y in Y, right:
        pool = al.ActiveLearningDataset(TensorDataset(Z[kept], y[kept]))
        pool.annotate(range(20))
        strategy = al.Strategy(nn.Linear(4, 4), pool, loss=loss, task="multilabel", seed=0).build()
        if y is right:
            strategy.fit(max_epochs=1, **quiet)
            continue
        with pytest.raises(LabelError, match=rf"label of sample \d+ is .* takes {targets}"):
            strategy.fit(max_epochs=1, **quiet)


def pairs_of_digits(n, seed, rare=1.0):
    """Two digits side by side, (n, 128), and which digits are there, (n, 10); some are rare."""
    x, y = load_digits(return_X_y=True)
    weights = np.where(y >= 4, rare, 1)
    two = np.random.default_rng(seed).choice(len(x), (n, 2), p=weights / weights.sum())
    labels = np.zeros((n, 10), np.int64)
    for column in two.T:
        labels[np.arange(n), y[column]] = 1
    images = torch.from_numpy(x[two].reshape(n, 128) / 16).float()
    return TensorDataset(images, torch.from_numpy(labels))


def macro_f1(test, quiet, criterion=None):
    """Mean macro-F1 after each of 5 queries, chosen by a criterion or at random."""
    pool = al.ActiveLearningDataset(pairs_of_digits(600, 0, rare=0.1))
    pool.annotate_random(40, seed=0)
    torch.manual_seed(0)
    net = al.MultiLayerPerceptron(128, [32], 10)
    model = MultiLabelClassifier(net, 10, optimizer=al.Adam(lr=1e-2))
    parts = () if criterion is None else (criterion,)
    make = al.Strategy if parts else al.UniformStrategy
    strategy = make(model, pool, *parts, test=test, seed=0).build()
    scores = []
    strategy.fit(max_steps=60, **quiet)
    for _ in range(5):
        strategy.query_and_update(20)
        strategy.reset_model()
        strategy.fit(max_steps=60, **quiet)
        scores.append(strategy.test(**quiet)["testMultilabelF1Score"])
    return np.mean(scores)


def test_the_mean_margin_finds_the_rare_digits_of_pairs(quiet):
    test = pairs_of_digits(300, 1)
    assert macro_f1(test, quiet, Each(al.Margin(), "mean")) > macro_f1(test, quiet) + 0.05
