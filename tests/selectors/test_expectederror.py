"""Expected error reduction against a head that is updated for each candidate and label."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy

import alkit as al
from alkit.errors import ConfigurationError, PredictionError
from alkit.selectors.expectederror import ExpectedErrorReduction


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def case(seed=0, total=14, annotated=6, width=3, classes=3, scale=1.0, dtype=torch.double):
    rng = np.random.default_rng(seed)
    x, known = (scale * rng.normal(size=(k, width)) for k in (total, annotated))
    weight, bias = rng.normal(size=(classes, width)), rng.normal(size=classes)
    head = torch.nn.Linear(width, classes).to(dtype)
    head.weight.data, head.bias.data = torch.tensor(weight).to(dtype), torch.tensor(bias).to(dtype)
    prediction = al.Prediction(features=torch.tensor(x).to(dtype))
    theirs = None
    if annotated:
        ids = 1000 + torch.arange(annotated)
        theirs = al.Prediction(features=torch.tensor(known).to(dtype), ids=ids)
    given = al.Candidates(prediction=prediction, annotated=theirs, head=head)
    ones = [np.hstack([rows, np.ones((len(rows), 1))]) for rows in (x, known)]
    return given, *ones, np.hstack([weight, bias[:, None]])


def reference(x, known, weights, prior, loss):
    """Expected decrease of the mean loss: each label is learned with an inverse of its own."""
    curvature = prior * np.eye(x.shape[1])
    for row in known:
        highest = softmax(weights @ row).max()
        curvature += highest * (1 - highest) * np.outer(row, row)
    now, gains = expected(weights, x, loss), []
    for row in x:
        p = softmax(weights @ row)
        inverse = np.linalg.inv(curvature + p.max() * (1 - p.max()) * np.outer(row, row))
        after = 0.0
        for y, chance in enumerate(p):
            step = np.outer(np.eye(len(p))[y] - p, inverse @ row)
            after += chance * expected(weights + step, x, loss)
        gains.append(now - after)
    return np.array(gains)


def expected(weights, x, loss):
    p = softmax(x @ weights.T, axis=1)
    return (1 - p.max(1)).mean() if loss == "error" else entropy(p, axis=1).mean()


@pytest.mark.parametrize("loss", ["error", "log"])
@pytest.mark.parametrize("annotated", [0, 6])
@pytest.mark.parametrize(("classes", "scale", "prior"), [(3, 1, 1.0), (2, 3, 0.5), (7, 0.2, 10.0)])
def test_the_gains_are_those_of_updated_heads(loss, annotated, classes, scale, prior):
    given, x, known, weights = case(classes, annotated=annotated, classes=classes, scale=scale)
    selector = ExpectedErrorReduction(loss, prior=prior, shortlist=1)
    gains = selector.gains(given, generator())
    np.testing.assert_allclose(gains, reference(x, known, weights, prior, loss), atol=1e-12)
    picks = selector(given, 4, generator()).positions
    assert picks.equal(gains.argsort(descending=True)[:4])


def test_blocks_do_not_change_a_gain(monkeypatch):
    given, *_ = case(total=40)
    whole = ExpectedErrorReduction().gains(given, generator())
    monkeypatch.setattr("alkit.selectors.expectederror.CACHE", 1)
    monkeypatch.setattr("alkit.selectors.dropquery.ROWS", 7)
    torch.testing.assert_close(ExpectedErrorReduction().gains(given, generator()), whole)


def test_a_part_of_the_targets_estimates_the_gains():
    given, *_ = case(total=300, width=5)
    whole = ExpectedErrorReduction(targets=None).gains(given, generator())
    part = ExpectedErrorReduction(targets=260).gains(given, generator())
    assert not torch.equal(part, whole)
    assert np.corrcoef(part, whole)[0, 1] > 0.9


def test_float32_and_far_features_are_finite_and_near_the_truth():
    given, x, known, weights = case(3, dtype=torch.float32)
    gains = ExpectedErrorReduction("error").gains(given, generator())
    np.testing.assert_allclose(gains, reference(x, known, weights, 1.0, "error"), atol=1e-6)
    for loss in ("error", "log"):
        far, *_ = case(3, scale=1e4, dtype=torch.float32)
        assert torch.isfinite(ExpectedErrorReduction(loss).gains(far, generator())).all()


def test_what_is_far_from_what_is_annotated_and_uncertain_is_picked_first():
    x = torch.tensor([[4.0, 0.0], [0.0, 4.0], [0.0, 4.0], [0.1, 0.1]])
    weight = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])  # the second feature says nothing yet
    known = al.Prediction(features=torch.tensor([[4.0, 0.0]] * 5), ids=10 + torch.arange(5))
    given = al.Candidates(
        prediction=al.Prediction(features=x), annotated=known, head=lambda z: z @ weight.T
    )
    picks = ExpectedErrorReduction(shortlist=1)(given, 2, generator()).positions.tolist()
    assert sorted(picks) == [1, 2]


def test_the_picks_of_a_batch_change_different_targets():
    group = torch.arange(40) // 10
    x = 3 * torch.eye(4)[group] * (1 + 0.02 * torch.rand(40, 4, generator=generator(1)))
    x[group == 0] *= 1.3  # whose labels decrease the loss the most
    given = al.Candidates(prediction=al.Prediction(features=x), head=torch.nn.Linear(4, 3))
    best = ExpectedErrorReduction(shortlist=1)(given, 4, generator()).positions
    spread = ExpectedErrorReduction()(given, 4, generator()).positions
    assert len(set(group[best].tolist())) < 4
    assert sorted(group[spread].tolist()) == [0, 1, 2, 3]
    gains = ExpectedErrorReduction().gains(given, generator())[spread]
    assert gains.tolist() == sorted(gains.tolist(), reverse=True)
    assert len(ExpectedErrorReduction()(given, 1, generator())) == 1


def test_one_logit_is_that_of_two_classes():
    given, *_ = case(classes=1)
    two = al.Candidates(
        prediction=given.prediction,
        annotated=given.annotated,
        head=lambda z: torch.cat([torch.zeros(len(z), 1), given.head(z)], 1),
    )
    gains = [ExpectedErrorReduction().gains(each, generator()) for each in (given, two)]
    torch.testing.assert_close(*gains)


@pytest.mark.parametrize("head", [torch.relu, torch.tanh, torch.square, lambda z: z.abs() + 1])
def test_a_head_that_is_not_linear_is_an_error(head):
    given, *_ = case(dtype=torch.float32)
    wrong = al.Candidates(prediction=given.prediction, head=head)
    with pytest.raises(ConfigurationError, match="not linear"):
        ExpectedErrorReduction()(wrong, 2, generator())


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_outputs_that_are_not_exclusive_classes_are_an_error(task):
    given, *_ = case()
    kind = "values" if task == "regression" else "logits"
    outputs = given.head(given.features).detach()
    known = al.Prediction(outputs, features=given.features, kind=kind, task=task)
    with pytest.raises(PredictionError, match=task):
        ExpectedErrorReduction()(al.Candidates(prediction=known, head=given.head), 2, generator())


def test_a_head_without_logits_is_an_error():
    given, *_ = case()
    wrong = al.Candidates(prediction=given.prediction, head=lambda z: z.sum(1))
    with pytest.raises(PredictionError, match="logits"):
        ExpectedErrorReduction()(wrong, 2, generator())


@pytest.mark.parametrize(
    "wrong", [{"loss": "mse"}, {"targets": 0}, {"prior": 0}, {"shortlist": 0.5}]
)
def test_wrong_arguments_raise(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        ExpectedErrorReduction(**wrong)
