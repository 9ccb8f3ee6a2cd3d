import numpy as np
import pytest
import torch

import alkit as al
from alkit.errors import (
    ConfigurationError,
    EmptyPoolError,
    NonFiniteError,
    PicksError,
    QuerySizeError,
    ScoreError,
)
from alkit.selectors import as_selector

GENERATOR = torch.Generator().manual_seed(0)
SCORES = torch.tensor([0.3, 0.1, 0.2])


def returning(picks):
    def mine(scores, n, generator, prediction):
        return picks

    return as_selector(mine)


@pytest.mark.parametrize("n", [0, -1, 1.5, 2.0, "2", None, True, torch.tensor(1.0)])
def test_an_n_that_is_no_positive_integer_raises(n):
    with pytest.raises(QuerySizeError, match="at least 1"):
        al.TopK()(SCORES, n, GENERATOR)


@pytest.mark.parametrize("n", [2, np.int64(2), torch.tensor(2)])
def test_n_may_be_any_integer(n):
    assert al.TopK()(SCORES, n, GENERATOR).tolist() == [0, 2]


def test_more_than_there_are_selects_all():
    assert al.TopK()(SCORES, 10, GENERATOR).tolist() == [0, 2, 1]


def test_no_candidates_raise():
    with pytest.raises(EmptyPoolError):
        al.TopK()(torch.zeros(0), 1, GENERATOR)


@pytest.mark.parametrize(
    "scores", [torch.zeros(3, 1), torch.zeros(3, dtype=torch.long), [1.0, 2.0], None]
)
def test_scores_that_are_no_float_vector_raise(scores):
    with pytest.raises(ScoreError, match="float tensor"):
        al.TopK()(scores, 1, GENERATOR)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_scores_that_are_not_finite_raise_and_nothing_is_selected(bad):
    with pytest.raises(NonFiniteError, match="Nothing was selected"):
        al.TopK()(torch.tensor([0.0, bad]), 1, GENERATOR)


def test_a_prediction_of_other_candidates_raises():
    with pytest.raises(ScoreError, match="3 scores came with 2 predictions"):
        al.TopK()(SCORES, 1, GENERATOR, al.Prediction(torch.zeros(2, 3)))


@pytest.mark.parametrize(
    ("picks", "message"),
    [
        (torch.tensor([0]), r"got the shape \(1,\)"),
        (torch.tensor([0, 1, 2]), r"got the shape \(3,\)"),
        (torch.tensor([[0, 1]]), r"got the shape \(1, 2\)"),
        (torch.tensor([1, 1]), "only 1 distinct"),
        (torch.tensor([0, 3]), "got 3"),
        (torch.tensor([-1, 0]), "got -1"),
        (torch.tensor([0.0, 1.0]), "got torch.float32"),
        (torch.tensor([True, False]), "got torch.bool"),
        ([0, None], "got "),
        (None, "got None"),
    ],
)
def test_picks_that_are_not_n_distinct_positions_name_the_selector(picks, message):
    with pytest.raises(PicksError, match=rf"mine must return 2 distinct positions.*{message}"):
        returning(picks)(SCORES, 2, GENERATOR)


@pytest.mark.parametrize("picks", [[2, 0], (2, 0), np.array([2, 0]), torch.tensor([2, 0]).int()])
def test_picks_may_be_any_array_of_integers_and_come_out_long(picks):
    result = returning(picks)(SCORES, 2, GENERATOR)
    assert result.tolist() == [2, 0]
    assert result.dtype == torch.long


def test_a_selector_of_ones_own_needs_select_alone():
    class Lowest(al.Selector):
        def select(self, scores, n, generator, prediction=None):
            return scores.argsort()[:n]

    assert repr(Lowest()) == "Lowest()"
    assert Lowest()(SCORES, 2, GENERATOR).tolist() == [1, 2]
    with pytest.raises(NotImplementedError, match="must define select"):
        al.Selector()(SCORES, 2, GENERATOR)


def test_select_gets_the_number_that_is_there_and_detached_scores():
    got = {}

    def mine(scores, n, generator, prediction):
        got.update(scores=scores, n=n, prediction=prediction)
        return range(n)

    prediction = al.Prediction(torch.zeros(3, 2))
    as_selector(mine)(SCORES.clone().requires_grad_(), 5, GENERATOR, prediction)
    assert got["n"] == 3
    assert got["prediction"] is prediction
    assert not got["scores"].requires_grad


def test_as_selector_keeps_selectors_and_wraps_functions():
    topk = al.TopK()
    assert as_selector(topk) is topk
    assert repr(returning([0])) == "mine"


def test_as_selector_of_something_else_raises():
    with pytest.raises(ConfigurationError, match=r"Did you mean TopK\(\)\?"):
        as_selector(al.TopK)
    for wrong in ("topk", 3, None):
        with pytest.raises(ConfigurationError, match="expected a Selector"):
            as_selector(wrong)
