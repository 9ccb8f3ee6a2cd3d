import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import alkit as al
from alkit.errors import ConfigurationError, ScoreError
from alkit.selectors import Candidates
from alkit.selectors.mix import Mix
from alkit.selectors.stochastic import Power
from alkit.testing import check_selector


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def candidates(n=10, annotated=0, **options):
    def rows(start, count):
        ids = torch.arange(start, start + count)
        values = ids[:, None].float()
        return al.Prediction(values.expand(-1, 2), ids, features=values)

    known = rows(100, annotated) if annotated else None
    return Candidates(torch.arange(float(n)), rows(0, n), known, **options)


class Recording(al.Selector):
    """Keeps what it was given; a function would not see what it does not declare."""

    def __init__(self, needs, seen):
        self.needs, self.seen = frozenset(needs.split()), seen

    def select(self, candidates, n, generator):
        self.seen.append(candidates)
        return torch.arange(n)


MIXES = [
    Mix((0.2, al.Random()), (0.8, al.TopK())),
    Mix((0.5, Power(2)), (0.25, al.Random()), (0.25, Power(4, uniform=0.1))),
    Mix((1, al.TopK())),
]


@pytest.mark.parametrize("selector", MIXES, ids=repr)
def test_the_laws_hold(selector):
    check_selector(selector)


def test_each_part_picks_its_share_and_later_parts_among_what_is_left():
    for seed in range(20):
        picks = Mix((0.4, al.Random()), (0.6, al.TopK()))(candidates(), 5, generator(seed))
        first, last = picks.positions[:2].tolist(), picks.positions[2:].tolist()
        assert last == sorted(set(range(10)) - set(first), reverse=True)[:3]


@pytest.mark.parametrize(
    ("shares", "n", "sizes"),
    [
        ((0.2, 0.8), 10, [2, 8]),
        ((0.29, 0.71), 100, [29, 71]),  # 28.999999999999996
        ((0.3, 0.7), 1, [0, 1]),
        ((0.5, 0.5), 1, [1, 0]),
        ((0.5, 0.5), 3, [2, 1]),
        ((1 / 3, 1 / 3, 1 / 3), 5, [2, 2, 1]),
        ((0.05, 0.05, 0.9), 4, [0, 0, 4]),
    ],
)
def test_shares_are_rounded_by_the_largest_fractions(shares, n, sizes):
    seen = [[] for _ in shares]
    mix = Mix(*((share, Recording("scores", into)) for share, into in zip(shares, seen)))
    picks = mix(candidates(100), n, generator())
    assert len(picks) == n
    left = 100
    for into, size in zip(seen, sizes):
        assert [len(among) for among in into] == ([left] if size else [])
        left -= size


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=6), st.integers(1, 200))
@settings(max_examples=30)
def test_sizes_sum_to_n_and_are_less_than_one_from_the_share(parts, n):
    shares = [part / sum(parts) for part in parts]
    sizes = Mix(*((share, al.Random()) for share in shares))._sizes(n)
    assert sum(sizes) == n
    assert all(abs(size - share * n) < 1 for size, share in zip(sizes, shares))


@pytest.mark.parametrize("annotated", [0, 3])
def test_later_parts_see_earlier_picks_as_annotated(annotated):
    seen = []
    mix = Mix((0.2, al.TopK()), (0.8, Recording("features outputs annotated", seen)))
    mix(candidates(annotated=annotated), 10, generator())
    expected = [100, 101, 102][:annotated] + [9, 8]
    assert seen[0].annotated.ids.tolist() == expected
    assert seen[0].annotated.features[:, 0].tolist() == expected
    assert seen[0].annotated.outputs[:, 0, 1].tolist() == expected
    assert seen[0].ids.tolist() == list(range(8))


def test_parts_that_look_at_labels_see_those_of_the_annotated_samples_alone():
    seen = []
    mix = Mix((0.5, al.TopK()), (0.5, Recording("features annotated labels", seen)))
    mix(candidates(annotated=2, labels=torch.tensor([1, 0])), 4, generator())
    assert seen[0].annotated.ids.tolist() == [100, 101]
    assert seen[0].labels.tolist() == [1, 0]


def test_a_part_gets_no_more_than_it_needs():
    seen = []
    mix = Mix((0.5, Recording("scores", seen)), (0.5, Recording("features", seen)))
    assert mix.needs == {"scores", "features"}
    mix(candidates(annotated=2), 4, generator())
    assert seen[0].prediction is None
    assert seen[1].scores is None
    assert seen[1].annotated is None


def test_probabilities_are_given_where_all_parts_give_them():
    picks = Mix((0.5, Power()), (0.5, al.Random()))(candidates(4), 4, generator())
    total, left = 6, [0, 1, 2, 3]
    for position, chance in zip(picks.positions[:2].tolist(), picks.probabilities[:2].tolist()):
        assert chance == pytest.approx(position / total)
        total -= position
        left.remove(position)
    assert picks.probabilities[2:].tolist() == [0.5, 1]
    assert MIXES[0](candidates(4), 4, generator()).probabilities is None


def test_a_missing_input_of_a_part_raises():
    with pytest.raises(ScoreError, match=r"Mix.*needs scores"):
        MIXES[0](Candidates(ids=torch.arange(3)), 2, generator())


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((), "Mix takes pairs"),
        ((al.TopK(),), "Mix takes pairs"),
        (((0.5, al.TopK(), 1),), "Mix takes pairs"),
        (((0, al.TopK()), (1, al.Random())), r"a share must be a number in \(0, 1\], got 0"),
        (((-0.5, al.TopK()), (1.5, al.Random())), r"in \(0, 1\], got -0.5"),
        (((20, al.TopK()), (80, al.Random())), r"in \(0, 1\], got 20"),
        (((torch.nan, al.TopK()),), r"in \(0, 1\], got nan"),
        (((0.2, al.TopK()), (0.7, al.Random())), "must sum to 1, got 0.9"),
        (((0.2, al.TopK()), (0.8, al.Random)), r"Did you mean Random\(\)"),
    ],
)
def test_shares_and_parts_that_cannot_be_right_raise(parts, message):
    with pytest.raises(ConfigurationError, match=message):
        Mix(*parts)


def test_it_prints_as_it_is_made():
    assert repr(MIXES[0]) == "Mix((0.2, Random()), (0.8, TopK()))"
