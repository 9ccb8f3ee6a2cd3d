"""Functions as selectors: what they read must be declared."""

from dataclasses import replace
from functools import partial

import pytest
import torch

import alkit as al
from alkit.errors import PredictionError
from alkit.selectors import Candidates, as_selector

GENERATOR = torch.Generator().manual_seed(0)
ROWS = al.Prediction(torch.randn(6, 3), features=torch.randn(6, 2))
FULL = Candidates(torch.rand(6), ROWS, ROWS[:2], torch.tensor([0, 1]), torch.nn.Linear(2, 3))
READS = {
    "scores": "scores",
    "prediction": "outputs",
    "probabilities": "outputs",
    "features": "features",
    "annotated": "annotated",
    "num_annotated": "annotated",
    "labels": "labels",
    "head": "head",
}


def reading(name):
    def mine(candidates, n, generator):
        getattr(candidates, name)
        return range(n)

    return mine


@pytest.mark.parametrize(("name", "need"), READS.items())
def test_a_read_of_what_is_not_declared_raises_and_the_error_names_needs(name, need):
    mine = reading(name)
    mine.needs = set()
    with pytest.raises(
        PredictionError, match=rf"mine reads candidates\.{name}.*set mine\.needs = \{{\"{need}\"\}}"
    ):
        as_selector(mine)(FULL.only(set()), 2, GENERATOR)
    mine.needs = {need}
    assert len(as_selector(mine)(FULL.only({need, "outputs"}), 2, GENERATOR)) == 2


def test_what_is_there_may_be_read_without_being_declared():
    for name in READS:
        assert len(as_selector(reading(name))(FULL, 2, GENERATOR)) == 2


def test_a_strategy_names_needs_and_then_computes_them():
    def widest(candidates, n, generator):
        return candidates.features.norm(dim=1).argsort(descending=True)[:n]

    net = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3))
    pool = al.ActiveLearningDataset(torch.utils.data.TensorDataset(torch.randn(9, 2)))
    with pytest.raises(PredictionError, match=r"widest\.needs = \{\"features\", \"scores\"\}"):
        al.Strategy(net, pool, selector=widest, seed=0).build().query(2)
    widest.needs = {"features"}
    assert len(al.Strategy(net, pool, selector=widest, seed=0).build().query(2)) == 2


def test_a_partial_has_the_name_and_the_needs_of_its_function():
    def first(candidates, n, generator, column):
        return candidates.features[:, column].argsort()[:n]

    undeclared = as_selector(partial(first, column=1))
    assert repr(undeclared) == "first"
    with pytest.raises(PredictionError, match=r"first\.needs"):
        undeclared(FULL.only({"scores"}), 2, GENERATOR)
    first.needs = {"features"}
    assert as_selector(partial(first, column=1)).needs == {"features"}
    own = partial(first, column=1)
    own.needs = {"features", "scores"}
    assert as_selector(own).needs == {"features", "scores"}


def test_a_function_sees_candidates_that_can_be_taken_apart_and_handed_on():
    def mine(candidates, n, generator):
        assert isinstance(candidates, Candidates)
        assert len(candidates) == 6
        assert len(candidates[torch.tensor([0, 2])].scores) == 2
        assert replace(candidates, scores=-candidates.scores).scores.max() <= 0
        return al.TopK()(candidates.with_scores(-candidates.scores), n, generator).positions

    limited = FULL.only({"scores"})
    lowest = FULL.scores.argsort()[:3]
    assert as_selector(mine)(limited, 3, GENERATOR).positions.equal(lowest)


def test_a_selector_inside_a_function_is_declared_by_the_function():
    def spread(candidates, n, generator):
        return al.KCenter()(candidates, n, generator)

    with pytest.raises(PredictionError, match=r"set spread\.needs"):
        as_selector(spread)(FULL.only({"scores"}), 2, GENERATOR)
    spread.needs = al.KCenter().needs
    expected = al.KCenter()(FULL, 2, torch.Generator().manual_seed(1)).positions
    picks = as_selector(spread)(FULL, 2, torch.Generator().manual_seed(1))
    assert picks.positions.equal(expected)
