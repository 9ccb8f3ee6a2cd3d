"""The direction in which a metric improves, by its name or by torchmetrics."""

import pytest
import torchmetrics
from torch import nn
from torchmetrics import MeanSquaredError, R2Score
from torchmetrics.classification import MulticlassAccuracy

import alkit as al
from alkit.directions import declared, rising


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("testMulticlassAccuracy", True),
        ("testBinaryAUROC", True),
        ("testR2Score", True),
        ("testNormalizedImprovement", True),
        ("testItemsEach", True),
        ("testMamseSimilarity", True),
        ("test_loss_epoch", False),
        ("testMeanAbsoluteError", False),
        ("testMulticlassCalibrationError", False),
        ("testMulticlassHammingDistance", False),
        ("testrmse", False),
        ("testrmse_epoch", False),
        ("testRMSE", False),
        ("test_rmse", False),
        ("rmse", False),
        ("testlogRMSE", False),
        ("val/mae", False),
        ("testNLL", False),
        ("testTweedieDevianceScore", False),
        ("testKLDivergence", False),
    ],
)
def test_the_metrics_name_says_which_way_is_better(metric, expected):
    assert rising(metric) is expected


def test_the_names_of_torchmetrics_regressions_agree_with_what_they_declare():
    names = [
        name
        for name in torchmetrics.regression.__all__
        if isinstance(getattr(getattr(torchmetrics.regression, name), "higher_is_better", 0), bool)
    ]
    assert len(names) > 12
    for name in names:
        better = getattr(torchmetrics.regression, name).higher_is_better
        assert rising(f"test{name}") is better, name


def test_a_metric_declares_its_direction_whatever_its_name():
    metrics = {"fit": MeanSquaredError(), "error": R2Score()}
    module = al.Regressor(nn.Linear(2, 1), test_metrics=metrics)
    assert declared(module) == {
        "testfit": False,
        "testfit_epoch": False,
        "testerror": True,
        "testerror_epoch": True,
    }
    assert declared(nn.Linear(2, 1)) == declared(None) == {}
    assert declared(al.Classifier(nn.Linear(2, 2), metrics=MulticlassAccuracy(2)))[
        "testMulticlassAccuracy"
    ]
