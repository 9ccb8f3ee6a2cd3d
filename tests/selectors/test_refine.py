"""Refine: what its selectors are given and pick decides what is left."""

import pytest
import torch

import alkit as al
from alkit.errors import ConfigurationError
from alkit.selectors import Candidates
from alkit.selectors.refine import Refine, ensemble
from alkit.testing import check_selector


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class Recording(al.Selector):
    """Keeps the ids that it was given, and picks some of them at random."""

    def __init__(self, needs="scores"):
        self.needs, self.calls = frozenset(needs.split()), []

    def select(self, candidates, n, generator):
        positions = torch.randperm(len(candidates), generator=generator)[:n]
        ids = candidates.ids
        self.calls.append((set(ids.tolist()), set(ids[positions].tolist()), candidates))
        return positions


def test_each_pass_leaves_what_any_selector_has_picked():
    first, second, then = Recording(), Recording(), Recording()
    refine = Refine([first, second], then, passes=3, batches=7, share=0.5, first=60, most=25)
    candidates = Candidates(torch.rand(200), ids=3 * torch.arange(200))
    picks = refine(candidates, 10, generator())
    left = set(candidates.ids.tolist())
    sizes = [60]
    for number in range(3):
        calls = [*first.calls[3 * number : 3 * number + 3], *second.calls[3 * number :][:3]]
        assert {len(given) for given, *_ in calls} == {max(sizes[-1], 10)}
        assert all(given <= left for given, *_ in calls)
        union = set().union(*(picked for _, picked, _ in calls))
        next_ones = (
            set().union(*(g for g, *_ in first.calls[3 * number + 3 : 3 * number + 6]))
            if number < 2
            else then.calls[0][0]
        )
        assert next_ones <= union
        left = union
        sizes.append(int(0.5 * min(len(union), 25)))
    assert len(first.calls) == len(second.calls) == 9
    given, picked, _ = then.calls[0]
    assert len(given) == min(len(left), 25)
    assert set(candidates.ids[picks.positions].tolist()) == picked


def test_where_subsets_are_whole_it_leaves_the_union_of_the_batches():
    scores = torch.randperm(50, generator=generator(1)).float()
    features = torch.randn(50, 3, generator=generator(2))
    given = Candidates(scores, al.Prediction(features=features))
    then = Recording("scores")
    Refine([al.TopK(), al.KCenter()], then, passes=1, batches=2, first=50)(given, 4, generator())
    best = set(scores.argsort(descending=True)[:4].tolist())
    far = then.calls[0][0] - best
    assert best <= then.calls[0][0]
    assert 1 <= len(far) <= 4


def test_what_no_selector_values_is_dropped():
    scores = torch.zeros(400)
    scores[:20] = 1 + torch.rand(20, generator=generator(3))
    picks = Refine([al.TopK()], al.Random(), passes=5, batches=20, first=200)(
        Candidates(scores), 5, generator()
    )
    assert (scores[picks.positions] > 1).all()


def test_each_selector_sees_only_what_it_needs():
    outputs, features = torch.randn(30, 3), torch.randn(30, 4)
    given = Candidates(torch.rand(30), al.Prediction(outputs, features=features))
    of_scores, of_features = Recording("scores"), Recording("features")
    Refine([of_scores, of_features], of_scores, passes=1, batches=2)(given, 3, generator())
    assert of_scores.calls[0][2].prediction is None
    seen = of_features.calls[0][2]
    assert seen.scores is None
    assert seen.prediction.outputs is None


@pytest.mark.parametrize("n", [1, 5, 30, 40])
def test_few_candidates_are_enough(n):
    refine = Refine([al.TopK()], al.TopK(), passes=2, batches=3, first=2, most=3)
    assert len(refine(Candidates(torch.rand(30)), n, generator())) == min(n, 30)


def test_the_ensemble_of_the_paper_keeps_the_laws_of_a_batch():
    x = torch.randn(80, 5, generator=generator(1))
    weight = torch.randn(5, 3, generator=generator(2))
    known = torch.randn(9, 5, generator=generator(3))
    prediction = al.Prediction(x @ weight, features=x)
    annotated = al.Prediction(known @ weight, 100 + torch.arange(9), features=known)
    given = Candidates(
        al.Margin()(prediction), prediction, annotated, torch.arange(9) % 3, lambda z: z @ weight
    )
    refine = Refine(passes=2, batches=9, first=40)
    assert len(refine.selectors) == 9
    picks = refine(given, 6, generator()).positions
    assert len(set(picks.tolist())) == 6
    assert picks.equal(refine(given, 6, generator()).positions)


def test_the_space_is_that_of_all_that_compare_features():
    named = [selector for selector in ensemble(al.Features("cosine")) if "cosine" in repr(selector)]
    assert len(named) == 5


def test_without_labels_the_laws_hold():
    check_selector(
        Refine([al.selectors.TypiClust()], al.selectors.MaxHerding(), passes=1, batches=1, first=8)
    )


def test_it_prints_what_is_not_the_default():
    assert repr(Refine()) == "Refine()"
    assert repr(Refine([al.TopK()], al.Random(), passes=2)) == (
        "Refine([TopK()], then=Random(), passes=2)"
    )


@pytest.mark.parametrize(
    "wrong",
    [{"passes": 0}, {"batches": 0}, {"share": 0}, {"share": 1.5}, {"first": 0}, {"most": 2.5}],
)
def test_wrong_numbers_raise(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Refine(**wrong)


@pytest.mark.parametrize("wrong", [[], al.TopK(), "topk", [3]])
def test_wrong_selectors_raise(wrong):
    with pytest.raises(ConfigurationError):
        Refine(wrong)
