import pytest
import torch

import alkit as al
from alkit.errors import ConfigurationError
from alkit.selectors import Candidates
from alkit.selectors.prefilter import Prefilter
from alkit.selectors.stochastic import Power
from alkit.testing import check_selector

SCORES = torch.tensor([0.1, 0.9, 0.3, 0.8, 0.5, 0.7])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class Recording(al.Selector):
    """Keeps what it was given; a function would not see what it does not declare."""

    def __init__(self, needs, seen):
        self.needs, self.seen = frozenset(needs.split()), seen

    def select(self, candidates, n, generator):
        self.seen.append(candidates)
        return torch.arange(n)


@pytest.mark.parametrize("selector", [Prefilter(2, al.Random()), Prefilter(1.5, Power())], ids=repr)
def test_the_laws_hold(selector):
    check_selector(selector)


def test_the_second_selector_picks_among_the_best_of_the_first():
    seen = []
    candidates = Candidates(SCORES, ids=10 * torch.arange(6))
    picks = Prefilter(2, Recording("scores", seen))(candidates, 2, generator())
    assert seen[0].ids.tolist() == [10, 30, 40, 50]
    assert picks.positions.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("factor", "n", "size"), [(1, 2, 2), (1.5, 2, 3), (1.2, 2, 3), (1.1, 50, 55), (5, 30, 100)]
)
def test_the_shortlist_is_rounded_up_and_no_longer_than_there_are_candidates(factor, n, size):
    seen = []
    candidates = Candidates(torch.arange(100.0))
    assert len(Prefilter(factor, Recording("scores", seen))(candidates, n, generator())) == n
    assert len(seen[0]) == size


def test_every_pick_of_the_shortlist_has_the_chances_that_the_second_gives_it():
    counts = torch.zeros(6)
    for seed in range(300):
        counts[Prefilter(1.5, al.Random())(Candidates(SCORES), 2, generator(seed)).positions] += 1
    assert counts[[0, 2, 4]].tolist() == [0, 0, 0]
    assert ((counts[[1, 3, 5]] - 200).abs() < 40).all()


def test_another_selector_may_make_the_shortlist():
    seen = []
    prefilter = Prefilter(2, Recording("features", seen), by=al.Random())
    assert prefilter.needs == {"features"}
    rows = al.Prediction(features=torch.arange(8.0)[:, None])
    lists = set()
    for seed in range(10):
        prefilter(Candidates(prediction=rows), 2, generator(seed))
        lists.add(tuple(seen[-1].ids.tolist()))
    assert len(lists) > 5


def test_the_second_gets_what_it_needs_and_the_annotated_samples():
    seen = []
    rows, known = (al.Prediction(features=torch.rand(n, 2)) for n in (6, 3))
    prefilter = Prefilter(1, Recording("features annotated", seen))
    assert prefilter.needs == {"scores", "features", "annotated"}
    prefilter(Candidates(SCORES, rows, known), 2, generator())
    assert seen[0].scores is None
    assert seen[0].annotated is known
    assert seen[0].features.equal(rows.features[[1, 3]])


@pytest.mark.parametrize("factor", [2, 3])
def test_no_probabilities_are_given_as_most_candidates_have_none(factor):
    assert Prefilter(factor, Power())(Candidates(SCORES), 2, generator()).probabilities is None


@pytest.mark.parametrize("factor", [0, 0.99, -1, torch.nan, torch.inf, "2", None, True])
def test_a_factor_below_one_raises(factor):
    with pytest.raises(ConfigurationError, match="factor must be a number of at least 1"):
        Prefilter(factor, al.Random())


def test_an_argument_that_is_not_a_selector_raises():
    with pytest.raises(ConfigurationError, match="expected a Selector"):
        Prefilter(2, "random")


def test_it_prints_as_it_is_made():
    assert repr(Prefilter(10, al.Random())) == "Prefilter(10, Random())"
    assert repr(Prefilter(2, al.TopK(), by=al.Random())) == "Prefilter(2, TopK(), Random())"
