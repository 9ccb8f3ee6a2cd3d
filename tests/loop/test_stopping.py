"""Stopping criteria on sequences made by hand, against scipy, scikit-learn and hand computation."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.optimize import curve_fit
from sklearn.metrics import cohen_kappa_score
from torchmetrics import MeanSquaredError

import alkit as al
from alkit.errors import ConfigurationError
from alkit.loop import RoundRecord
from alkit.loop.stopping import (
    Budget,
    ExpectedGain,
    Plateau,
    StablePredictions,
    cohen_kappa,
    power_law,
)


def records(results, step=10, start=20):
    return [
        RoundRecord(k, start + step * k, {"test_loss": 1.0, "testAccuracy": float(m)}, 1)
        for k, m in enumerate(results)
    ]


def first_stop(criterion, results, **options):
    """Number of records at which a criterion first stops, or None."""
    made = records(results, **options)
    stops = [k for k in range(1, len(made) + 1) if criterion(made[:k])]
    return stops[0] if stops else None


def test_a_budget_is_used_up_at_its_limit():
    assert first_stop(Budget(50), [0] * 6) == 4
    assert first_stop(Budget(51), [0] * 6) == 5
    assert Budget(50)(records([0] * 4)) == "50 of 50 labels are used"
    assert Budget(2.5, lambda: 2.75)(records([0])) == "2.75 of 2.5 are used"
    assert Budget(2.5, lambda: 2.25)(records([0])) is None


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_of_the_rise_is_that_of_a_regression(seed):
    rng = np.random.default_rng(seed)
    results = 0.8 + 0.002 * np.arange(6) + rng.normal(0, 0.003, 6)
    n = 20.0 + 10 * np.arange(6)
    line = stats.linregress(n[1:], results[1:])
    bound = 40 * (line.slope + stats.t.ppf(0.95, 3) * line.stderr)
    for gain in bound * 0.999, bound * 1.001:
        stopped = Plateau(gain, 5, confidence=0.95)(records(results))
        assert (stopped is not None) == (gain > bound)


def test_a_plateau_is_not_a_rise():
    flat = [0.5, 0.7, 0.8, 0.9, 0.901, 0.9, 0.901, 0.9]
    assert first_stop(Plateau(0.01, 5), flat) == 8
    assert first_stop(Plateau(0.01, 5), np.linspace(0.5, 0.9, 20)) is None
    assert first_stop(Plateau(0.01, 3), [0.9] * 3) == 3
    reason = Plateau(0.01, 3)(records([0.9] * 3))
    assert reason == (
        "testAccuracy has risen by at most 0 in 3 rounds (90% confidence), less than 0.01"
    )
    assert Plateau(0.01, 3)(records([0.9] * 3, step=0)) is None  # no label came


def errors(results, name="testMeanSquaredError"):
    made = records(results)
    return [RoundRecord(r.round, r.annotated, {name: r.metrics["testAccuracy"]}, 1) for r in made]


@pytest.mark.parametrize("criterion", [Plateau(0.01, 4), ExpectedGain(0.0001, 4)])
def test_an_error_that_falls_improves(criterion):
    falling = 0.2 + 3 / (20.0 + 10 * np.arange(8))
    assert criterion(errors(falling)) is None
    assert criterion(errors(falling, "testRMSE")) is None
    mirrored = criterion(records([0.9, 0.95, 0.96] + [0.961] * 7))
    stopped = criterion(errors([0.1, 0.05, 0.04] + [0.039] * 7))
    assert stopped is not None
    assert stopped.replace("testMeanSquaredError", "testAccuracy") == mirrored.replace(
        "risen", "fallen"
    ).replace("raise", "lower")
    assert criterion(errors(np.linspace(0.1, 0.9, 8))) is not None  # it gets worse


def test_a_metric_of_any_name_has_the_direction_that_torchmetrics_declares():
    metrics = {"fit": MeanSquaredError()}
    net = al.Regressor(torch.nn.Linear(2, 1), test_metrics=metrics)
    strategy = al.Strategy(net, al.ActiveLearningDataset([(torch.zeros(2), 0.0)] * 4))
    falling = errors(np.linspace(0.9, 0.1, 6), "testfit")
    assert Plateau(0.01, 4)(falling) is not None
    assert Plateau(0.01, 4)(falling, strategy) is None


def test_a_rise_by_the_gain_is_missed_as_seldom_as_stated():
    noise = np.random.default_rng(0).normal(0, 0.005, (500, 5))
    stops = [Plateau(0.01, 5)(records(row + np.linspace(0.8, 0.81, 5))) for row in noise]
    assert np.mean([reason is not None for reason in stops]) == pytest.approx(0.1, abs=0.04)


@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_that_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    first = rng.integers(4, size=50)
    second = np.where(rng.random(50) < 0.7, first, rng.integers(4, size=50))
    assert cohen_kappa(first, second) == pytest.approx(cohen_kappa_score(first, second))


def test_models_that_know_one_class_do_not_agree_by_it():
    assert cohen_kappa([1, 1, 1], [1, 1, 1]) == 0
    assert cohen_kappa([0, 1, 1], [0, 1, 1]) == 1


class Sequence:
    """Strategy that predicts one given labeling after the other."""

    seed = 0

    def __init__(self, labelings):
        self.labelings = iter(labelings)
        self.asked = []
        n = len(labelings[0])
        self.train_pool = al.ActiveLearningDataset(
            [torch.zeros(1)] * (n + 2), among=range(2, n + 2)
        )

    def predictions(self, pool, ids):
        self.asked.append(ids.tolist())
        guesses = torch.as_tensor(next(self.labelings))[ids - 2]
        outputs = torch.nn.functional.one_hot(guesses, 3).float()
        for part, rows in zip(ids.reshape(2, -1), outputs.split(len(ids) // 2), strict=True):
            yield al.Prediction(rows * 5, torch.as_tensor(part), kind="logits")


def test_predictions_are_stable_at_the_mean_kappa_of_the_last_rounds():
    rng = np.random.default_rng(0)
    labelings = [rng.integers(3, size=60)]
    for changed in (20, 5, 2, 1, 0, 0, 0):
        new = labelings[-1].copy()
        new[:changed] = (new[:changed] + 1) % 3
        labelings.append(new)
    kappas = [cohen_kappa_score(*pair) for pair in pairwise(labelings)]
    means = [np.mean(kappas[max(0, k - 2) : k + 1]) for k in range(len(kappas))]
    expected = next(k for k, mean in enumerate(means) if k >= 2 and mean >= 0.99)
    strategy, criterion = Sequence(labelings), StablePredictions()
    stops = [criterion(records([0]), strategy) for _ in labelings]
    assert [k for k, reason in enumerate(stops) if reason] == list(range(expected + 1, 8))
    assert stops[expected + 1] == (
        "the predictions of the last 4 models agree, mean kappa "
        f"{means[expected]:.3f} on 60 samples, at least 0.99"
    )
    assert strategy.asked == [list(range(2, 62))] * 8


def test_the_set_is_a_part_of_the_pool_and_always_the_same():
    strategy = Sequence([np.arange(60) % 3] * 4)
    criterion = StablePredictions(rounds=1, samples=20)
    assert [criterion(records([0]), strategy) is not None for _ in range(4)] == [False] + [True] * 3
    (asked,) = {tuple(ids) for ids in strategy.asked}
    assert len(set(asked)) == 20
    assert set(asked) <= set(range(2, 62))
    assert asked != tuple(range(2, 22))


def test_the_expected_gain_is_the_slope_of_the_fitted_power_law():
    n = 20.0 + 10 * np.arange(12)
    m = 0.9 - 2 * n**-0.8
    a, b, c = power_law(n, m)
    assert (a, b, c) == pytest.approx((0.9, 2, 0.8), rel=0.1)
    gain = 2 * 0.8 * n[-1] ** -1.8
    assert ExpectedGain(gain * 0.95)(records(m)) is None
    assert "testAccuracy" in ExpectedGain(gain * 1.05)(records(m))
    assert ExpectedGain(1.0)(records(m[:4])) is None  # too few rounds
    assert "by 0, less" in ExpectedGain(1e-6)(records(0.9 - 0.001 * np.arange(8)))


def test_the_fit_is_at_least_as_good_as_that_of_scipy():
    rng = np.random.default_rng(1)
    n = 20.0 + 10 * np.arange(10)
    m = 0.95 - 3 * n**-0.9 + rng.normal(0, 0.01, 10)

    def law(n, a, b, c):
        return a - b * n**-c

    ours = np.sum((law(n, *power_law(n, m)) - m) ** 2)
    found, _ = curve_fit(law, n, m, p0=(1, 1, 0.5), bounds=([-9, -99, 0.05], [9, 999, 3]))
    assert ours <= np.sum((law(n, *found) - m) ** 2) * 1.01


def test_the_metric_is_the_first_that_is_not_a_loss():
    assert Plateau(0.1, 3, metric="test_loss")(records([0, 1, 2])).startswith("test_loss")
    for wrong in Plateau(metric="testAcuracy"), ExpectedGain(1, metric="testAcuracy"):
        with pytest.raises(ConfigurationError, match=r"testAcuracy.*Did you mean 'testAccuracy'"):
            wrong(records([1]))
    with pytest.raises(ConfigurationError, match="pass test= and test_metrics="):
        Plateau()([RoundRecord(0, 20, {"test_loss": 1.0}, 1)])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Budget(0),
        lambda: Budget("9"),
        lambda: Budget(9, 3),
        lambda: Plateau(0),
        lambda: Plateau(rounds=2),
        lambda: Plateau(confidence=0.5),
        lambda: Plateau(confidence=1),
        lambda: StablePredictions(0),
        lambda: StablePredictions(1.1),
        lambda: StablePredictions(rounds=0),
        lambda: StablePredictions(samples=0),
        lambda: ExpectedGain(0),
        lambda: ExpectedGain(1e-4, 3),
    ],
)
def test_settings_that_could_never_stop_or_always_do_are_refused(wrong):
    with pytest.raises(ConfigurationError):
        wrong()
