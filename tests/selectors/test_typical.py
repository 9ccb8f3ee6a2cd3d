"""Clusters against brute force: the most typical of what is left, one after the other."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist

import alkit as al
from alkit.selectors import Candidates, Features, large_pool, typical
from alkit.selectors.large_pool import Rows
from alkit.selectors.typical import Cluster, LargeCluster


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(large_pool, "SIZE", 60)
    monkeypatch.setattr(typical, "SIZE", 60)
    monkeypatch.setattr(typical, "RANKED", 40)
    monkeypatch.setattr(large_pool, "CHUNK", 64)


def large(x, neighbors=5, members=None):
    given = Candidates(prediction=al.Prediction(features=torch.as_tensor(x)))
    draws = torch.Generator().manual_seed(0)
    luck = torch.rand(len(x), generator=draws, dtype=torch.float64)
    members = torch.arange(len(x)) if members is None else members
    return LargeCluster(Rows(Features(), given), members, neighbors, luck, draws)


def means(x, neighbors=5):
    return np.sort(cdist(x, x), axis=1)[:, 1 : neighbors + 1].mean(1)


def normal(number, width=3, seed=0):
    return np.random.default_rng(seed).normal(size=(number, width)).astype(np.float32)


def test_members_of_a_large_cluster_come_by_their_neighbors_in_all_of_it():
    x = normal(500)
    cluster, typicality = large(x), means(x)
    picks = [cluster.take() for _ in range(30)]
    assert typicality[picks].tolist() == sorted(typicality[picks])
    assert typicality[picks[0]] == typicality.min()
    assert typicality[picks].mean() <= 1.02 * np.sort(typicality)[:30].mean()


def test_a_small_dense_group_in_a_large_cluster_is_found():
    x = normal(1000, 16)
    x[700:720] = x[700] + 0.01 * normal(20, 16, seed=1)
    assert large(x).take() in range(700, 720)


def test_a_large_cluster_gives_up_all_its_members_and_then_none():
    x = normal(300)
    cluster = large(x)
    assert sorted(cluster.take() for _ in range(300)) == list(range(300))
    assert cluster.take() is None


def test_of_equal_members_one_is_taken():
    x = np.repeat(normal(50), 10, axis=0)
    cluster = large(x)
    picks = [cluster.take() for _ in range(50)]
    assert sorted(pick // 10 for pick in picks) == list(range(50))


def test_annotated_samples_are_not_taken():
    x = normal(500)
    best = means(x).argsort()[:3]
    cluster = large(x)
    cluster.without(
        Features()(Candidates(prediction=al.Prediction(features=torch.as_tensor(x[best]))))[0]
    )
    assert len(cluster.members) == 497
    assert cluster.take() not in best


def test_a_cluster_is_a_large_one_without_groups():
    x = normal(200)
    points = Rows(Features(), Candidates(prediction=al.Prediction(features=torch.as_tensor(x))))
    cluster = Cluster(points, torch.arange(200), 5, torch.rand(200, dtype=torch.float64))
    assert cluster.take() == means(x).argmin()
