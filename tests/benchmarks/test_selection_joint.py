import numpy as np
import pytest
from scipy.stats import entropy


@pytest.fixture
def arrays(part):
    workloads = part("workloads")
    return workloads.Arrays.make(workloads.Size(30, 4, C=3, K=5))


def information(p):
    joint = [
        np.prod([row[:, y] for row, y in zip(p, ys)], axis=0).mean()
        for ys in np.ndindex(*[p.shape[2]] * len(p))
    ]
    return entropy(joint) - entropy(p, axis=-1).sum() / p.shape[1]


def textbook(p, n):
    picks = []
    for _ in range(n):
        others = [i for i in range(len(p)) if i not in picks]
        picks.append(max(others, key=lambda i: information(p[[*picks, i]])))
    return picks


def test_posterior_samples_are_probabilities_that_differ(arrays):
    assert arrays.probabilities.shape == (30, 5, 3)
    np.testing.assert_allclose(arrays.probabilities.sum(2), 1, rtol=1e-5)
    assert arrays.probabilities.std(1).max() > 0.1


def test_the_objective_is_the_mutual_information(part, arrays):
    p = arrays.probabilities[:4].astype(np.float64)
    assert part("information").information(p) == pytest.approx(information(p), abs=0.005)


def test_the_textbook_batchbald_is_the_brute_force_greedy(part, arrays):
    expected = textbook(arrays.probabilities.astype(np.float64), 4)
    assert part("textbook").METHODS["BatchBALD"]["textbook"](arrays, 4)().tolist() == expected
    assert part("alkit").METHODS["BatchBALD"]["alkit"](arrays, 4)().tolist() == expected


def test_drawn_labels_find_as_good_a_batch(part, arrays, monkeypatch):
    monkeypatch.setattr(part("joint"), "CONFIGURATIONS", 20)
    p = arrays.probabilities.astype(np.float64)
    found = part("joint").batchbald(arrays, 4)()
    assert len(set(found.tolist())) == 4
    assert information(p[found]) > 0.9 * information(p[textbook(p, 4)])
