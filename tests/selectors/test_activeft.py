"""ActiveFT against autograd and torch's Adam on the loss as it is written."""

import pytest
import torch
from torch.nn.functional import normalize

import alkit as al
from alkit.errors import ConfigurationError, NotEnoughMemoryError
from alkit.selectors.activeft import ActiveFT, _nearest, gradient

GENERATOR = 7


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def candidates(features, known=None):
    annotated = None
    if known is not None:
        annotated = al.Prediction(features=known, ids=1000 + torch.arange(len(known)))
    return al.Candidates(prediction=al.Prediction(features=features), annotated=annotated)


def loss(features, centers, fixed, temperature):
    """The loss of the authors' code, with annotated samples among the centers."""
    every = torch.cat([normalize(centers, dim=1), fixed])
    nearest, position = (features @ every.T / temperature).exp().max(1)
    rest = (every.detach() @ every.T / temperature).exp().sum(0)
    return -(nearest / (nearest + rest[position])).log().mean()


def reference(features, fixed, start, n, steps):
    """Picks as a set, and the centers."""
    centers = features[start].clone().requires_grad_()
    adam = torch.optim.Adam([centers], lr=1e-3)
    for _ in range(steps):
        adam.zero_grad()
        loss(features, centers, fixed, 0.07).backward()
        adam.step()
    centers = normalize(centers.detach(), dim=1)
    every = torch.cat([centers, fixed])
    sizes = torch.bincount((features @ every.T).argmax(1), minlength=len(every))[:n]
    picks = []
    for k in sizes.argsort(descending=True, stable=True):
        order = (features @ centers[k]).argsort(descending=True).tolist()
        picks.append(next(i for i in order if i not in picks))
    return picks


@pytest.mark.parametrize("annotated", [0, 4])
@pytest.mark.parametrize("seed", range(3))
def test_the_picks_are_those_of_gradient_descent_on_the_loss(seed, annotated):
    features = normalize(torch.randn(60, 5, generator=generator(seed), dtype=torch.double), dim=1)
    known = normalize(torch.randn(annotated, 5, generator=generator(9), dtype=torch.double), dim=1)
    start = torch.randperm(60, generator=generator(GENERATOR))[:6]
    selector = ActiveFT(steps=60)
    given = candidates(features, known if annotated else None)
    picks = selector(given, 6, generator(GENERATOR)).positions.tolist()
    assert picks == reference(features, known, start, 6, 60)


def test_centers_that_share_their_nearest_candidate_get_the_next_ones():
    rows = normalize(torch.randn(30, 3, generator=generator(8)), dim=1)
    center = normalize(torch.ones(1, 3), dim=1)
    picks = _nearest(rows, center.expand(5, -1), torch.rand(30))
    assert picks.equal((rows @ center[0]).argsort(descending=True)[:5])


@pytest.mark.parametrize("annotated", [0, 3])
def test_the_gradient_is_that_of_autograd(annotated):
    features = normalize(torch.randn(40, 4, generator=generator(1), dtype=torch.double), dim=1)
    centers = normalize(torch.randn(5, 4, generator=generator(2), dtype=torch.double), dim=1)
    fixed = normalize(torch.randn(annotated, 4, generator=generator(3), dtype=torch.double), dim=1)
    near = (features @ fixed.T).amax(1) if annotated else None
    ours = gradient(features, centers, fixed if annotated else None, near, 0.3)
    moving = centers.clone().requires_grad_()
    loss(features, moving, fixed, 0.3).backward()
    onto_sphere = ours - (ours * centers).sum(1, keepdim=True) * centers
    torch.testing.assert_close(onto_sphere, moving.grad)


def test_the_loss_falls_from_where_it_starts():
    features = normalize(torch.randn(200, 6, generator=generator(4)), dim=1)
    picked = [
        features[ActiveFT(steps=steps)(candidates(features), 8, generator(1)).positions]
        for steps in (1, 2000)
    ]
    before, after = (float(loss(features, rows, features[:0], 0.07)) for rows in picked)
    assert after < before


def test_every_group_gets_a_pick_and_none_where_samples_are_annotated():
    group = torch.arange(80) % 4
    features = 9 * torch.eye(4)[group] + torch.rand(80, 4, generator=generator(5))
    selector = ActiveFT(steps=1500, lr=0.01)
    picks = selector(candidates(features), 4, generator(0)).positions
    assert sorted(group[picks].tolist()) == [0, 1, 2, 3]


def test_a_sample_of_the_candidates_is_enough_and_the_picks_are_among_all():
    features = torch.randn(300, 8, generator=generator(6))
    picks = ActiveFT(steps=5, sample=40)(candidates(features), 90, generator(0)).positions
    assert len(set(picks.tolist())) == 90


def test_rows_of_zeros_and_duplicates_are_allowed():
    features = torch.zeros(12, 3)
    features[6:] = torch.eye(3).repeat(2, 1)
    picks = ActiveFT(steps=9)(candidates(features), 7, generator(0)).positions.tolist()
    values = [tuple(features[i].tolist()) for i in picks[:4]]
    assert len(set(values)) == 4  # the others repeat these


def refuse(nbytes, device, what, remedy):
    raise NotEnoughMemoryError(f"{what}: {nbytes} bytes. {remedy}")


def test_gradient_embeddings_are_multiplied_out(monkeypatch):
    prediction = al.Prediction(
        torch.randn(30, 1, 3, generator=generator(1)),
        features=torch.randn(30, 4, generator=generator(2)),
    )
    given = al.Candidates(prediction=prediction)
    selector = ActiveFT(al.GradientEmbedding(), steps=10)
    flat = torch.einsum("nc,nd->ncd", *al.GradientEmbedding().factors(prediction)).flatten(1)
    picks = selector(given, 4, generator(0)).positions
    same = ActiveFT(al.Features(), steps=10)(candidates(flat), 4, generator(0)).positions
    assert picks.equal(same)
    monkeypatch.setattr(
        "alkit.hardware.psutil.virtual_memory", lambda: type("", (), {"available": 9})
    )
    with pytest.raises(NotEnoughMemoryError):
        selector(given, 4, generator(0))


@pytest.mark.parametrize(
    "wrong", [{"temperature": 0}, {"lr": -1}, {"steps": 0}, {"sample": 0}, {"steps": 1.5}]
)
def test_wrong_arguments_raise(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        ActiveFT(**wrong)


def test_the_manhattan_distance_has_no_centers():
    with pytest.raises(ConfigurationError, match="manhattan"):
        ActiveFT(al.Features("manhattan"))
