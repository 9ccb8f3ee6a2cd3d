import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import cdist
from torch import nn

import alkit as al
from alkit.selectors import LCMD, Candidates, Features, GradientEmbedding, GradientSketch

# picked by bmdal_reg 3.0.2 of the authors, from the rows of `drawn`
BY_AUTHORS = [
    125, 79, 50, 62, 143, 70, 46, 98, 71, 150, 86, 132, 137, 36, 109, 138, 89, 39, 29, 34, 54, 151,
    126, 133, 152,
]  # fmt: skip
BY_AUTHORS_FROM_NOTHING = [133, 48, 135, 136, 103, 11, 17, 62, 132, 20, 137, 43]
BY_AUTHORS_BY_GRADIENTS = [86, 62, 133, 71, 72, 65, 19, 132, 98, 50, 39, 147, 125, 59, 56]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussian(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed))


def drawn():
    rng = np.random.RandomState(5)
    rows, known = (torch.from_numpy(rng.standard_normal((n, 6))) for n in (160, 9))
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.from_numpy(rng.standard_normal(parameter.shape)))
    return rows, known, net


def select(rows, known, n, selector=None, seed=0, head=None):
    annotated = None if known is None else al.Prediction(features=known)
    candidates = Candidates(None, al.Prediction(features=rows), annotated, head=head)
    return (selector or LCMD())(candidates, n, generator(seed)).positions.tolist()


def textbook(rows, known, n, metric="euclidean"):
    """Reference: all clusters anew for each pick."""
    rows = rows.double().numpy()
    centers = [] if known is None else list(known.double().numpy())
    picks = []
    if not centers:
        picks = [int(np.linalg.norm(rows, axis=1).argmax())]
        centers = [rows[picks[0]]]
    while len(picks) < n:
        apart = cdist(rows, centers, metric)
        own, far = apart.argmin(1), apart.min(1)
        sums = [(far[own == c] ** 2).sum() for c in range(len(centers))]
        picks.append(int(np.where(own == np.argmax(sums), far, -1).argmax()))
        centers.append(rows[picks[-1]])
    return picks


def test_the_picks_are_those_of_the_authors_package():
    rows, known, _ = drawn()
    assert select(rows, known, 25) == BY_AUTHORS
    assert select(rows, None, 12) == BY_AUTHORS_FROM_NOTHING


def test_with_gradients_the_picks_are_those_of_the_authors_package():
    rows, known, net = drawn()
    exact = GradientSketch(1 << 16)  # so large that the 73 parameters have their own sums
    assert select(rows, known, 15, LCMD(exact), head=net) == BY_AUTHORS_BY_GRADIENTS


@pytest.mark.parametrize(("known", "n"), [(0, 60), (1, 50), (40, 80), (700, 30)])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_the_picks_are_those_of_the_textbook(known, n, offset):
    rows = gaussian(1300, 8) + offset
    centers = gaussian(known, 8, seed=1) + offset if known else None
    assert select(rows, centers, n) == textbook(rows, centers, n)


@pytest.mark.parametrize("metric", ["cosine", "manhattan"])
def test_the_picks_are_those_of_the_textbook_in_other_metrics(metric):
    rows, known = gaussian(600, 8), gaussian(20, 8, seed=1)
    expected = textbook(rows, known, 40, metric={"manhattan": "cityblock"}.get(metric, metric))
    assert select(rows, known, 40, LCMD(Features(metric))) == expected


@settings(deadline=None, max_examples=100)
@given(
    hnp.arrays(np.int8, st.tuples(st.integers(1, 25), st.just(2)), elements=st.integers(-3, 3)),
    hnp.arrays(np.int8, st.tuples(st.integers(0, 5), st.just(2)), elements=st.integers(-3, 3)),
    st.sampled_from([1.0, 1e-6, 1e4]),
)
def test_each_pick_is_the_farthest_of_a_largest_cluster_however_ties_are_broken(rows, known, scale):
    rows, known = rows.astype(float), known.astype(float)
    centers = torch.from_numpy(scale * known) if len(known) else None
    picks = select(torch.from_numpy(scale * rows), centers, len(rows))
    assert sorted(picks) == list(range(len(rows)))
    placed = [*known]
    for pick in picks:
        if not placed:
            norms = (rows**2).sum(1)
            assert norms[pick] == norms.max()
        else:
            squared = cdist(rows, placed, "sqeuclidean")
            far = squared.min(1)
            nearest = squared == far[:, None]  # several of a row, if centers tie
            certain = nearest & (nearest.sum(1, keepdims=True) == 1)
            most, least = nearest.T @ far, certain.T @ far  # sums of a cluster, by ties
            assert not far.any() or far[pick] > 0
            assert not far.any() or any(
                most[c] >= least.max() and far[pick] >= (certain[:, c] * far).max()
                for c in nearest[pick].nonzero()[0]
            )
        placed.append(rows[pick])


def test_in_the_space_of_gradients_of_classes():
    p, rows = gaussian(300, 4).softmax(1), gaussian(300, 5, seed=1)
    onehot = torch.eye(4)[p.argmax(1)]
    flat = torch.einsum("nc,nd->ncd", p - onehot, rows).flatten(1)
    candidates = Candidates(
        None,
        al.Prediction(p[30:], kind="probabilities", features=rows[30:]),
        al.Prediction(p[:30], kind="probabilities", features=rows[:30]),
    )
    picks = LCMD(GradientEmbedding())(candidates, 25, generator()).positions.tolist()
    assert picks == textbook(flat[30:], flat[:30], 25)


def test_it_picks_where_many_are_not_covered_and_not_the_stray():
    rows = torch.cat([gaussian(200, 2) + 6, torch.tensor([[-15.0, 0.0]])])
    known = torch.tensor([[0.0, 0.0], [-8.0, 0.0]])
    assert select(rows, known, 1, al.KCenter()) == [0] or 200 in select(
        rows, known, 3, al.KCenter()
    )
    assert 200 not in select(rows, known, 3)


def test_copies_of_annotated_samples_are_one_center():
    rows, known = gaussian(300, 4), gaussian(12, 4, seed=1)
    copies = known.repeat(5, 1)[torch.randperm(60, generator=generator())]
    assert select(rows, copies, 30) == select(rows, known, 30) == textbook(rows, known, 30)


def test_duplicates_come_last_in_random_order():
    rows = gaussian(40, 8).repeat(3, 1) + 100
    picks = select(rows, rows[:10], 120)
    assert sorted(pick % 40 for pick in picks[:30]) == list(range(10, 40))
    assert sorted(picks) == list(range(120))
    assert picks[30:] != select(rows, rows[:10], 120, seed=1)[30:]


def test_equally_far_candidates_have_equal_chances():
    rows = torch.tensor([[3.0, 0], [0, 3], [-3, 0], [0, -3]])
    firsts = [select(rows, torch.zeros(1, 2), 1, seed=seed)[0] for seed in range(200)]
    assert (np.bincount(firsts, minlength=4) > 25).all()


def test_it_reads_as_it_is_made_and_needs_what_its_space_needs():
    assert repr(LCMD()) == "LCMD()"
    assert repr(LCMD(GradientSketch())) == "LCMD(space=GradientSketch())"
    assert LCMD().needs == {"features", "annotated"}
    assert LCMD(GradientSketch()).needs == {"features", "head", "annotated"}
