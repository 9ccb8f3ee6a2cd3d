"""Evidence is bounded, drawn uniformly, and the same whatever the chunks."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

import alkit as al
from alkit.pool.trace import NBYTES, Watch, difference, drawn, scale_of, see


def contents(seen):
    prediction = seen.prediction
    return (
        prediction.ids.tolist(),
        prediction.kind,
        prediction.outputs.tolist(),
        None if prediction.features is None else prediction.features.tolist(),
        seen.posterior_samples,
    )


@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=5),
    featured=st.booleans(),
    kind=st.sampled_from(["logits", "values"]),
    seed=st.integers(0, 99),
)
def test_a_stream_in_any_order_shows_what_the_whole_shows(sizes, featured, kind, seed):
    rng, n = torch.Generator().manual_seed(seed), sum(sizes)
    ids = torch.randperm(100, generator=rng)[:n].sort().values
    features = torch.randn(n, 2, generator=rng) if featured else None
    whole = al.Prediction(torch.randn(n, 3, 4, generator=rng), ids, kind, features)
    rows = torch.randperm(n, generator=rng)[: (n + 1) // 2]
    watch, shuffled = Watch(ids[rows]), whole[torch.randperm(n, generator=rng)]
    for start, stop in pairwise(np.cumsum([0, *sizes]).tolist()):
        watch.look(shuffled[start:stop])
    seen = see(whole, rows)
    assert contents(watch.seen) == contents(seen)
    assert watch.seen.spread == pytest.approx(seen.spread)
    assert seen.prediction.ids.tolist() == sorted(ids[rows].tolist())


def test_posterior_samples_are_averaged_and_their_spread_is_kept():
    p = torch.tensor([[[0.5, 0.5], [0.9, 0.1]], [[0.2, 0.8], [0.2, 0.8]]])
    seen = see(al.Prediction(p, kind="probabilities"), torch.tensor([1, 0]))
    assert (seen.posterior_samples, seen.spread) == (2, pytest.approx(0.4))
    torch.testing.assert_close(seen.prediction.outputs[:, 0], p.mean(1))
    alone = see(al.Prediction(features=torch.zeros(3, 2)), torch.tensor([2]))
    assert (alone.posterior_samples, alone.spread, alone.prediction.outputs) == (0, 0, None)


def test_nothing_large_is_kept_alive():
    whole = al.Prediction(torch.randn(5000, 3), features=torch.randn(5000, 2))
    watch = Watch(drawn(len(whole), 0))
    watch.look(whole)
    for seen in (see(whole, drawn(len(whole), 0)), watch.seen):
        assert len(seen.prediction) == 1000
        for rows in (seen.prediction.outputs, seen.prediction.features, seen.prediction.ids):
            assert rows.untyped_storage().nbytes() <= 1000 * 8 * 3


def test_of_wide_rows_fewer_are_kept_and_they_are_still_drawn():
    wide = al.Prediction(features=torch.zeros(200, 10, 6000, dtype=torch.float64).flatten(1))
    order = drawn(len(wide), 0)
    watch = Watch(order)
    watch.look(wide[:150])
    watch.look(wide[150:])
    for seen in (see(wide, order), watch.seen):
        kept = NBYTES // (60_000 * 8)
        assert 0 < kept < 100
        assert seen.prediction.ids.tolist() == sorted(order[:kept].tolist())
        assert seen.prediction.features.nbytes <= NBYTES


@pytest.mark.parametrize("n", [1200, 60_000])
def test_every_candidate_is_equally_likely_to_be_seen(n):
    draws = [drawn(n, seed).numpy() for seed in range(20)]
    assert all(len(set(draw.tolist())) == 1000 for draw in draws)
    parts = np.histogram(np.concatenate(draws), bins=20, range=(0, n))[0]
    assert chisquare(parts).pvalue > 1e-4
    first = np.histogram([draw[:100] for draw in draws], bins=20, range=(0, n))[0]
    assert chisquare(first).pvalue > 1e-4  # a part of them is as uniform
    assert drawn(n, 3).tolist() == drawn(n, 3).tolist()
    assert drawn(5, 3).sort().values.tolist() == [0, 1, 2, 3, 4]


def test_a_difference_is_a_share_of_the_range():
    def share(whole, first, second):
        return difference(scale_of(whole), first, second)

    whole = torch.tensor([0.0, 1.0, 2.0, 4.0])
    assert share(whole, whole[2:], torch.tensor([2.0, 3.0])) == 0.25
    assert share(whole, whole, whole) == 0
    equal = torch.full((3,), 5.0)  # where rounding is the whole range
    assert share(equal, equal, equal + 5e-6) < 0.01
    assert share(equal, equal, equal + 0.1) > 1
    zeros = torch.zeros(3)
    assert (share(zeros, zeros, zeros), share(zeros, zeros, zeros + 1)) == (0, 1)
