"""A comparison to report."""

import matplotlib

matplotlib.use("Agg")

import pytest

from alkit.evidence.records import Records


@pytest.fixture
def report_records():
    def make(trials=2, names=("uniform", "a<b"), **more):
        rows = [
            {
                "strategy": name,
                "seed": seed,
                "round": r,
                "annotated": 10 * (r + 1),
                "steps": 7,
                "testMulticlassAccuracy": 0.5 + 0.1 * k + 0.1 * r + 0.01 * seed * (k + r),
                "seconds_train": 0.25,
                "picked": [],
                **more,
            }
            for k, name in enumerate(names)
            for seed in range(trials)
            for r in range(2)
        ]
        protocol = {"seeds": list(range(trials)), "dataset": "digits & co", "max_steps": 7}
        return Records(rows, protocol)

    return make
