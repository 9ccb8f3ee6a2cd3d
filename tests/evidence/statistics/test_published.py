"""Curves of a published notebook on MNIST (five trials, 120 to 1,680 labels): known figures."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from alkit.evidence.statistics import areas, labels_needed, monotone

LABELS = np.arange(120, 1681, 120)


@pytest.fixture
def curves():
    text = (Path(__file__).parents[2] / "data" / "published_curves.json").read_text()
    return {name: np.array(trials) for name, trials in json.loads(text).items()}


@pytest.mark.parametrize(
    ("strategy", "area"), [("uniform", 0.772), ("margin", 0.720), ("adversarial", 0.959)]
)
def test_the_areas_are_those_known(curves, strategy, area):
    assert areas(LABELS, curves[strategy]).mean() == pytest.approx(area, abs=5e-4)


@pytest.mark.parametrize(
    ("strategy", "labels"),
    [
        ("uniform", (720, 1320, math.inf)),
        ("margin", (720, 1080, math.inf)),
        ("adversarial", (240, 240, 480)),
    ],
)
def test_the_labels_to_a_level_lie_within_the_round_in_which_the_median_reached_it(
    curves, strategy, labels
):
    median = np.median(curves[strategy], axis=0, keepdims=True)
    for level, expected in zip((0.80, 0.90, 0.95), labels):
        needed = labels_needed(LABELS, median, level)[0]
        assert needed == expected or expected - 120 < needed <= expected


def test_margin_was_not_shown_to_differ_from_uniform(curves):
    each = [areas(LABELS, curves[name]) for name in ("uniform", "margin")]
    assert stats.ttest_ind(*each, equal_var=False).pvalue == pytest.approx(0.24, abs=0.005)


def test_monotone_curves_stay_near_the_recorded_ones(curves):
    assert abs(monotone(curves["uniform"]) - curves["uniform"]).mean() < 0.01
