"""Selectors on a pretended GPU: of large pools, of rows that are computed when they are taken."""

import pytest
import torch
from pretended_gpu import OnGpu, pretended
from several_spaces import SPACES

import alkit as al
from alkit import selectors
from alkit.selectors import large_pool, part
from alkit.selectors.geometry import lazy
from alkit.selectors.geometry.clustering import kmeans
from alkit.selectors.geometry.points import Points

N, D, C = 300, 12, 3
LARGE = [
    selectors.FacilityLocation(),
    selectors.MaxHerding(),
    selectors.ProbCover(),
    selectors.ProbCover(radius=0.5),
    selectors.TypiClust(),
    selectors.TypiClust(selectors.Features(pca=4)),
    selectors.UncertaintyHerding(),
    selectors.UncertaintyHerding(bandwidth=1),
]
SELECTORS = [kind(space) for space in SPACES for kind in (selectors.KCenter, selectors.LCMD)]
SELECTORS += [al.KMeansPlusPlus(space=space) for space in SPACES]
SELECTORS += [selectors.BAIT(pca=5), selectors.KMeans(), al.Prefilter(4, al.KCenter())]


def select(selector, move, n=7):
    generator = torch.Generator().manual_seed(0)
    centers = 3 * torch.randn(6, D, generator=generator)
    x = centers[torch.randint(6, (N,), generator=generator)]
    x = x + torch.randn(N, D, generator=generator)
    p = torch.randn(N, C, generator=generator).softmax(1)
    known = range(0, N, 30)
    labels = torch.arange(len(known)) % C  # on the CPU, as those of a pool
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = torch.nn.Linear(D, C)  # too
    query = al.select(
        n,
        probabilities=move(p),
        embeddings=move(x),
        annotated=known,
        labels=labels,
        head=head,
        selector=selector,
        seed=3,
    )
    return list(query)


@pytest.mark.parametrize("selector", LARGE, ids=repr)
def test_the_picks_of_a_large_pool_are_those_of_the_cpu(selector, monkeypatch):
    for name, value in {"LARGE": 128, "SIZE": 16, "CHUNK": 40}.items():
        for module in (part, large_pool):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, value)
    expected = select(selector, torch.clone)
    with pretended():
        assert select(selector, OnGpu) == expected


@pytest.mark.filterwarnings("ignore::alkit.errors.SelectionWarning")
@pytest.mark.parametrize("selector", SELECTORS, ids=repr)
def test_rows_that_are_computed_when_taken_stay_on_the_device(selector, monkeypatch):
    expected = select(selector, torch.clone)
    monkeypatch.setattr(lazy, "LARGE", 0)
    monkeypatch.setattr(lazy, "BLOCK", 100 * D)
    with pretended():
        assert select(selector, lambda rows: OnGpu(rows.clone())) == expected


def test_a_pick_of_k_center_waits_for_the_device_twice():
    reads = {}
    for n in (20, 60):
        with pretended() as gpu:
            select(al.KCenter(), OnGpu, n)
        reads[n] = sum(gpu.reads.values())
    assert reads[60] - reads[20] <= 2 * 40 + 10


def test_seeds_of_clusters_are_found_without_waiting_for_the_device():
    x, reads = torch.randn(400, 6, generator=torch.Generator().manual_seed(0)), {}
    for k in (10, 40):
        with pretended() as gpu:
            kmeans([Points((OnGpu(x),))], k, torch.Generator().manual_seed(0))
        reads[k] = sum(gpu.reads.values())
    assert reads[40] - reads[10] < 30  # as many seeds, in each of five runs
