"""The trace of BAIT against full matrices that are formed and inverted."""

import pytest
import torch

from alkit.selectors.geometry.fisher import Trace, information, roots

N, C, D = 12, 3, 4


@pytest.fixture
def candidates():
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(N, D, generator=generator, dtype=torch.float64)
    p = torch.randn(N, C, generator=generator, dtype=torch.float64).softmax(-1)
    return rows, p


def embedded(rows, p):
    """``(N, C d, C d)`` the information of each candidate, as a Kronecker product."""
    spread = torch.diag_embed(p) - p[:, :, None] * p[:, None]
    return torch.stack(
        [torch.kron(s, torch.outer(e, e)) for s, e in zip(spread, rows, strict=True)]
    )


def trace(rows, p):
    prior = torch.eye(C * D, dtype=torch.float64) + information(rows[:2], p[:2])
    return Trace(rows, roots(p, None), prior, information(rows, p)), prior


def test_the_information_is_the_sum_of_kronecker_products(candidates):
    torch.testing.assert_close(information(*candidates), embedded(*candidates).sum(0))


def test_roots_multiply_to_the_covariance_of_the_label(candidates):
    _, p = candidates
    root = roots(p, None)
    torch.testing.assert_close(root @ root.mT, torch.diag_embed(p) - p[:, :, None] * p[:, None])
    assert roots(p, 2).shape == (N, C, 2)


def test_a_change_is_what_adding_and_removing_makes_of_the_trace(candidates):
    rows, p = candidates
    found, prior = trace(rows, p)
    fisher, before = found.fisher, torch.trace(torch.linalg.inv(prior) @ found.fisher)
    after = [torch.trace(torch.linalg.inv(prior + each) @ fisher) for each in embedded(rows, p)]
    torch.testing.assert_close(found.change(1), before - torch.stack(after))
    taken = torch.trace(torch.linalg.inv(prior - embedded(rows, p)[0]) @ fisher)
    torch.testing.assert_close(found.change(-1)[0], taken - before)


def test_moves_add_up_to_a_fresh_computation(candidates):
    rows, p = candidates
    found, prior = trace(rows, p)
    for position, sign in ((3, 1), (7, 1), (5, 1), (7, -1)):
        found.move(position, sign)
    anew = Trace(rows, roots(p, None), prior + embedded(rows, p)[[3, 5]].sum(0), found.fisher)
    for name in ("inverse", "middle", "g", "h"):
        torch.testing.assert_close(getattr(found, name), getattr(anew, name))
    among = trace(rows, p)[0].among([3, 5])
    torch.testing.assert_close(among.inverse, anew.inverse)
    torch.testing.assert_close(among.change(-1), anew.change(-1)[[3, 5]])
