import matplotlib

matplotlib.use("Agg")

import pytest
from matplotlib import pyplot as plt

from alkit.evidence.records import Records


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    yield
    plt.close("all")


@pytest.fixture
def result():
    """Two strategies, three trials, four rounds; the means are 0.01, 0.11, ... and 0.05 above."""
    rows = [
        {
            "strategy": name,
            "seed": seed,
            "round": r,
            "annotated": 10 * (r + 1),
            "steps": 1,
            "testMulticlassAccuracy": 0.1 * r + 0.01 * seed + shift,
            "seconds_train": 0.1,
            "picked": [10 * r + seed, 10 * r + 5] if r < 3 else [],
            "scores": [0.5, 0.25] if r < 3 and name == "margin" else [],
            "guesses": [r % 2, 1] if r < 3 else [],
            "queried_classes": [seed, 2 - seed, 0] if r < 3 else [],
        }
        for name, shift in (("uniform", 0.0), ("margin", 0.05))
        for seed in (0, 1, 2)
        for r in range(4)
    ]
    return Records(rows, {"seeds": [0, 1, 2]})
