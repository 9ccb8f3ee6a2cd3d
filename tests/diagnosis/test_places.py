"""Near-duplicates and outliers: found where they are, in agreement with scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

import alkit as al
from alkit.diagnosis.places import Distances


def ask(rows, **arrays):
    """A query of these rows."""

    def take(candidates, n, generator):
        return torch.as_tensor(rows)

    take.needs = {"features"} if "embeddings" in arrays else {"outputs"}
    return al.select(len(rows), selector=take, seed=0, **arrays)


def cloud(n=400, d=4, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def test_equal_and_near_samples_among_the_picks_are_found():
    x = cloud()
    x[1] = x[0]
    x[3] = x[2] + 1e-3
    found = al.doctor(ask([0, 9, 1, 2, 3, 11, 12, 13], embeddings=x))["near-duplicates"]
    assert (found.verdict, found.value) == ("warning", 0.5)
    assert sorted(found.indices) == [0, 1, 2, 3]
    assert "2 have an equal one" in found.says
    assert "the same information twice" in found.means


def test_a_pair_of_equal_samples_in_a_large_batch_is_a_note_and_a_near_pair_is_nothing():
    x = cloud()
    x[1] = x[0]
    assert al.doctor(ask(range(40), embeddings=x))["near-duplicates"].verdict == "note"
    x[1] = x[0] + 1e-2
    assert al.doctor(ask(range(40), embeddings=x))["near-duplicates"].verdict == "ok"


def test_equal_inputs_are_equal_whatever_rounding_does():
    x = cloud() + 100
    x[1] = x[0] + 1e-5
    found = al.doctor(ask([0, 1, 7], embeddings=x))["near-duplicates"]
    assert (sorted(found.indices), "2 have an equal one" in found.says) == ([0, 1], True)
    x = cloud() + 1000  # wherever the cloud is
    x[1] = x[0] + 1e-3
    found = al.doctor(ask([0, 1, 7], embeddings=x))["near-duplicates"]
    assert (sorted(found.indices), "equal" in found.says) == ([0, 1], False)


def test_picks_apart_have_no_near_duplicates_though_the_pool_is_full_of_them():
    x = cloud().repeat(3, 1)
    assert al.doctor(ask(range(50), embeddings=x))["near-duplicates"].verdict == "ok"
    found = al.doctor(ask([5, 405, 6, 7], embeddings=x))["near-duplicates"]
    assert (found.verdict, sorted(found.indices)) == ("warning", [5, 405])


def test_by_probabilities_near_duplicates_are_only_a_note():
    p = cloud().softmax(1)
    p[1] = p[0]
    found = al.doctor(ask([0, 1, 2], probabilities=p))["near-duplicates"]
    assert (found.verdict, sorted(found.indices)) == ("note", [0, 1])
    assert "by their probabilities" in found.says
    assert al.doctor(ask([0, 2, 3], probabilities=p))["near-duplicates"].verdict == "ok"


def test_outliers_among_the_picks_are_found():
    x = cloud()
    x[:4] += 40 * torch.eye(4)
    found = al.doctor(ask([0, 1, 2, 9, 10, 11, 12, 13], embeddings=x))["outliers"]
    assert (found.verdict, sorted(found.indices)) == ("warning", [0, 1, 2])
    assert al.doctor(ask(range(4, 12), embeddings=x))["outliers"].verdict == "ok"
    one = al.doctor(ask([0, 9, 10, 11], embeddings=x))["outliers"]
    assert (one.verdict, one.value) == ("ok", 0.25)  # chance gives one, now and then


@pytest.mark.parametrize("seed", range(3))
def test_shares_are_those_of_nearest_neighbors_of_scikit_learn(seed):
    x = cloud(300, 3, seed).numpy()
    distances = NearestNeighbors(n_neighbors=11).fit(x).kneighbors(x)[0]
    order = np.argsort(distances[:, 1])
    rows = np.concatenate([order[:40], order[-10:]])  # the closest pairs, and the rim
    query = ask(rows, embeddings=x)
    usual, ours = Distances.of(query.trace, query.trace.look_again()).to_neighbor()
    np.testing.assert_allclose(usual, distances[:, 10], rtol=1e-6)
    np.testing.assert_allclose(ours, distances[np.sort(rows), 10], rtol=1e-6)
    diagnosis = al.doctor(query)
    far = distances[rows, 10] > np.quantile(distances[:, 10], 0.99)
    assert diagnosis["outliers"].value == pytest.approx(far.mean())
    assert sorted(diagnosis["outliers"].indices) in (sorted(rows[far]), [])
    among = NearestNeighbors(n_neighbors=2).fit(x[rows]).kneighbors(x[rows])[0][:, 1]
    near = among < np.quantile(distances[:, 1], 0.01)
    assert near.any()
    assert far.any()
    assert diagnosis["near-duplicates"].value == pytest.approx(near.mean())


@pytest.mark.parametrize("n", [20, 100])
def test_random_picks_of_a_large_pool_have_neither(n):
    x = torch.cat([cloud(700, 2), cloud(700, 2) / 9 + 3])  # of two densities
    for seed in range(5):
        picked = torch.randperm(1400, generator=torch.Generator().manual_seed(seed))[:n]
        diagnosis = al.doctor(ask(picked, embeddings=x))
        assert diagnosis["near-duplicates"].verdict == "ok"
        assert diagnosis["outliers"].verdict == "ok"


def test_what_cannot_be_compared_says_what_it_needs():
    p = cloud(50).softmax(1)
    assert al.doctor(ask([3], probabilities=p))["near-duplicates"].verdict == "not seen"
    outliers = al.doctor(ask([3, 4], probabilities=p))["outliers"]
    assert (outliers.verdict, outliers.value) == ("not seen", None)
    assert 'features="layer.path"' in outliers.says


def test_a_pool_of_few_or_of_equal_samples_is_looked_at_as_well():
    for n in range(1, 5):
        assert len(list(al.doctor(ask(range(n), embeddings=cloud(n))))) == 9
    found = al.doctor(ask(range(5), embeddings=torch.ones(30, 2)))
    assert found["near-duplicates"].value == 1
    assert found["outliers"].verdict == "ok"
