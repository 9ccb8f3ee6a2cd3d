import torch

from alkit.selectors import Points
from alkit.selectors.geometry.farthest import farthest_first


def textbook(x, known, n, weights):
    """Compare every point with every center, one after the other."""
    centers, picks = list(known), []
    for _ in range(n):
        near = torch.cdist(x, torch.stack(centers)).amin(1) * weights
        near[picks] = -1
        picks.append(int(near.argmax()))
        centers.append(x[picks[-1]])
    return picks


def test_the_picks_are_those_of_the_textbook_whatever_the_block():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(300, 5, generator=generator)
    known = torch.randn(4, 5, generator=generator)
    for weights in (torch.ones(300), torch.rand(300, generator=generator) + 0.1):
        expected = textbook(x, known, 40, weights)
        for block in (16, 128, 2048):
            picks = farthest_first(
                Points((x,)), Points((known,)), 40, generator, weights, block=block
            )
            assert picks.tolist() == expected
