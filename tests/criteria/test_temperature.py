"""Temperatures against a grid search, and calibration errors against numpy."""

import math

import numpy as np
import pytest
import torch

import alkit as al
from alkit.errors import ConfigurationError, LabelError, PredictionError


def overconfident(N=4000, K=1, C=4, by=3.0, seed=0):
    """Logits that are ``by`` times too large, and labels drawn from the correct ones."""
    generator = torch.Generator().manual_seed(seed)
    z = 1.5 * torch.randn(N, 1, C, generator=generator) + 0.3 * torch.randn(
        N, K, C, generator=generator
    )
    p = z.softmax(-1).mean(1)
    return by * z, torch.multinomial(p, 1, generator=generator)[:, 0]


def loss(z, y, T):
    z = z.double().numpy() / T
    p = np.exp(z - z.max(-1, keepdims=True))
    p = (p / p.sum(-1, keepdims=True)).mean(1)
    return -np.log(p[np.arange(len(y)), y.numpy()]).sum() + math.log(T) ** 2 / 2


def calibration_error(p, y, bins=15):
    p, y = p.numpy(), y.numpy()
    confidence, right = p.max(1), p.argmax(1) == y
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        (which == b).mean() * abs(confidence[which == b].mean() - right[which == b].mean())
        for b in np.unique(which)
    ]
    return sum(gaps)


@pytest.mark.parametrize("K", [1, 6])
@pytest.mark.parametrize("by", [0.4, 3.0])
def test_the_temperature_is_the_most_likely_one_and_recovers_the_scale_of_the_logits(K, by):
    z, y = overconfident(K=K, by=by)
    fitted = al.fit_temperature(al.Prediction(z), y)
    assert fitted.value == pytest.approx(by, rel=0.1)
    grid = fitted.value * np.exp(np.linspace(-0.2, 0.2, 81))
    assert abs(int(np.argmin([loss(z, y, T) for T in grid])) - 40) <= 1


def test_the_report_states_how_far_confidence_was_from_accuracy():
    z, y = overconfident()
    prediction = al.Prediction(z)
    fitted = al.fit_temperature(prediction, y)
    tempered = fitted(prediction)
    assert fitted.ece_before == pytest.approx(
        calibration_error(prediction.mean_probabilities, y), abs=1e-4
    )
    assert fitted.ece_after == pytest.approx(
        calibration_error(tempered.mean_probabilities, y), abs=1e-4
    )
    assert fitted.ece_after < 0.03 < 0.15 < fitted.ece_before
    assert fitted.labels == 4000
    assert tempered.guesses.equal(prediction.guesses)


def test_the_fit_is_deterministic_and_independent_of_the_kind_of_outputs():
    z, y = overconfident(300, K=3)
    p = z.double().softmax(-1)
    kinds = {"logits": z, "probabilities": p, "log_probabilities": p.log()}
    values = [
        al.fit_temperature(al.Prediction(part, kind=kind), y).value for kind, part in kinds.items()
    ]
    assert values == pytest.approx([values[0]] * 3, rel=1e-5)
    assert al.fit_temperature(al.Prediction(z), y.numpy()).value == values[0]


def test_one_column_is_the_binary_case():
    z, y = overconfident(500, C=2)
    one = (z[..., 1:] - z[..., :1]).double()  # no probability is exactly one
    pair, single = (al.fit_temperature(al.Prediction(part), y) for part in (z, one))
    assert single.value == pytest.approx(pair.value, rel=1e-5)
    halves = [
        single(al.Prediction(one)),
        single(al.Prediction(one.sigmoid(), kind="probabilities")),
    ]
    torch.testing.assert_close(halves[0].probabilities, halves[1].probabilities)


def test_a_few_correct_guesses_do_not_make_the_model_certain():
    z = 2 * torch.eye(3)
    fitted = al.fit_temperature(al.Prediction(z), [0, 1, 2])
    assert 0.3 < fitted.value < 1
    assert al.fit_temperature(al.Prediction(z), [1, 2, 0]).value > 1


@pytest.mark.parametrize("kind", ["logits", "probabilities", "log_probabilities"])
def test_a_tempered_prediction_is_the_prediction_of_the_divided_logits(kind):
    z = 3 * torch.randn(9, 4, 5, generator=torch.Generator().manual_seed(0))
    outputs = {"logits": z, "probabilities": z.softmax(-1), "log_probabilities": z.log_softmax(-1)}
    before = al.Prediction(outputs[kind], 2 * torch.arange(9), kind, torch.ones(9, 2))
    after = al.criteria.Temperature(2.5)(before)
    torch.testing.assert_close(after.probabilities, (z / 2.5).softmax(-1))
    assert after.ids.equal(before.ids)
    assert after.features.equal(before.features)
    assert al.criteria.Temperature()(before) is before


def test_certain_predictions_stay_finite():
    sure = al.Prediction(torch.eye(3), kind="probabilities")
    assert al.criteria.Temperature(2)(sure).probabilities.equal(torch.eye(3)[:, None])
    fitted = al.fit_temperature(sure, [1, 2, 0])
    assert math.isfinite(fitted.value)
    assert fitted.ece_before == pytest.approx(1)


@pytest.mark.parametrize(
    "labels", [[0, 1], [0.0, 1.0, 2.0], [0, 1, 3], [0, 1, -1], [True, False, True]]
)
def test_labels_that_do_not_fit_raise(labels):
    with pytest.raises(LabelError, match="class"):
        al.fit_temperature(al.Prediction(torch.zeros(3, 3)), labels)


def test_fitting_to_no_labels_raises():
    with pytest.raises(LabelError, match="at least one"):
        al.fit_temperature(al.Prediction(torch.zeros(0, 3)), torch.zeros(0, dtype=torch.long))


def test_a_regression_has_no_temperature():
    values = al.Prediction(torch.zeros(3, 1), kind="values")
    with pytest.raises(PredictionError, match="values"):
        al.fit_temperature(values, [0, 0, 0])
    with pytest.raises(PredictionError, match="values"):
        al.criteria.Temperature(2)(values)


@pytest.mark.parametrize("wrong", [0, -1, math.inf, math.nan, "hot", None])
def test_an_invalid_temperature_raises(wrong):
    with pytest.raises(ConfigurationError, match="above 0"):
        al.criteria.Temperature(wrong)
