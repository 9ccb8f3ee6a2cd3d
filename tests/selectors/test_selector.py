import numpy as np
import pytest
import torch

import alkit as al
from alkit.errors import (
    ConfigurationError,
    EmptyPoolError,
    PicksError,
    PredictionError,
    QuerySizeError,
    ScoreError,
)
from alkit.selectors import Candidates, Picks, as_selector

GENERATOR = torch.Generator().manual_seed(0)
THREE = Candidates(torch.tensor([0.3, 0.1, 0.2]))


def returning(picks):
    def mine(candidates, n, generator):
        return picks

    return as_selector(mine)


@pytest.mark.parametrize("n", [0, -1, 1.5, 2.0, "2", None, True, torch.tensor(1.0)])
def test_an_n_that_is_not_a_positive_integer_raises(n):
    with pytest.raises(QuerySizeError, match="at least 1"):
        al.TopK()(THREE, n, GENERATOR)


@pytest.mark.parametrize("n", [2, np.int64(2), torch.tensor(2)])
def test_n_may_be_any_integer(n):
    assert al.TopK()(THREE, n, GENERATOR).positions.tolist() == [0, 2]


def test_an_n_above_the_number_of_candidates_selects_all():
    assert al.TopK()(THREE, 10, GENERATOR).positions.tolist() == [0, 2, 1]


def test_no_candidates_raise():
    with pytest.raises(EmptyPoolError):
        al.TopK()(Candidates(torch.zeros(0)), 1, GENERATOR)


@pytest.mark.parametrize("shift", [0, 5])
def test_candidates_that_came_twice_raise(shift):
    ids = torch.tensor([4, 9 + shift, 9, 3, 4])
    with pytest.raises(PredictionError, match="appears twice"):
        al.Random()(Candidates(ids=ids), 1, GENERATOR)


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
        (Picks(torch.tensor([1, 1])), "only 1 distinct"),
    ],
)
def test_picks_that_are_not_n_distinct_positions_name_the_selector(picks, message):
    with pytest.raises(PicksError, match=rf"mine must return 2 distinct positions.*{message}"):
        returning(picks)(THREE, 2, GENERATOR)


@pytest.mark.parametrize("wrong", [[0.5], [0.5, 0.0], [0.5, -1.0], [0.5, 1.1], [0.5, torch.nan]])
def test_wrong_probabilities_name_the_selector(wrong):
    picks = Picks(torch.tensor([0, 1]), torch.tensor(wrong))
    with pytest.raises(PicksError, match=r"mine must return 2 probabilities in \(0, 1\]"):
        returning(picks)(THREE, 2, GENERATOR)


def test_probabilities_come_out_in_float64():
    picks = returning(Picks(torch.tensor([0, 1]), torch.tensor([0.5, 1])))(THREE, 2, GENERATOR)
    assert picks.probabilities.dtype == torch.float64
    assert picks.probabilities.tolist() == [0.5, 1]


@pytest.mark.parametrize("picks", [[2, 0], (2, 0), np.array([2, 0]), torch.tensor([2, 0]).int()])
def test_picks_may_be_any_array_of_integers_and_come_out_long(picks):
    result = returning(picks)(THREE, 2, GENERATOR)
    assert result.positions.tolist() == [2, 0]
    assert result.positions.dtype == torch.long
    assert result.probabilities is None
    assert len(result) == 2


def test_a_custom_selector_needs_select_alone():
    class Lowest(al.Selector):
        def select(self, candidates, n, generator):
            return candidates.scores.argsort()[:n]

    assert repr(Lowest()) == "Lowest()"
    assert Lowest()(THREE, 2, GENERATOR).positions.tolist() == [1, 2]
    with pytest.raises(NotImplementedError, match="must define select"):
        al.Selector()(THREE, 2, GENERATOR)


def test_select_gets_the_number_that_is_there_and_candidates_by_ascending_id():
    got = []

    def mine(candidates, n, generator):
        got.append((candidates.ids.tolist(), candidates.features[:, 0].tolist(), n))
        return Picks(torch.tensor([0, 1, 2]), torch.tensor([0.25, 0.5, 1]))

    prediction = al.Prediction(
        ids=torch.tensor([5, 9, 2]), features=torch.tensor([[50.0], [90], [20]])
    )
    picks = as_selector(mine, {"features"})(Candidates(prediction=prediction), 5, GENERATOR)
    assert got == [([2, 5, 9], [20, 50, 90], 3)]
    assert picks.positions.tolist() == [2, 0, 1]
    assert picks.probabilities.tolist() == [0.25, 0.5, 1]


ROWS = al.Prediction(torch.zeros(3, 2), features=torch.zeros(3, 2))
WITHOUT_FEATURES, WITHOUT_OUTPUTS = (
    al.Prediction(torch.zeros(3, 2)),
    al.Prediction(features=torch.zeros(3, 2)),
)


@pytest.mark.parametrize(
    ("needs", "candidates", "error", "message"),
    [
        ("scores", Candidates(prediction=ROWS), ScoreError, "mine needs scores"),
        ("features", THREE, PredictionError, 'features="layer.path" of the strategy'),
        ("features", Candidates(prediction=WITHOUT_FEATURES), PredictionError, "embeddings="),
        ("outputs", THREE, PredictionError, "probabilities= to al.select"),
        ("outputs", Candidates(prediction=WITHOUT_OUTPUTS), PredictionError, "probabilities="),
        (
            "features annotated",
            Candidates(prediction=ROWS, annotated=WITHOUT_FEATURES),
            PredictionError,
            "mine needs the features of the annotated",
        ),
        (
            "labels",
            Candidates(prediction=ROWS, annotated=ROWS),
            ConfigurationError,
            "labels= to al.select",
        ),
        ("head", THREE, ConfigurationError, 'head="layer.path"'),
    ],
)
def test_a_missing_input_raises_and_the_error_explains_how_to_get_it(
    needs, candidates, error, message
):
    def mine(candidates, n, generator):
        return range(n)

    with pytest.raises(error, match=message):
        as_selector(mine, set(needs.split()))(candidates, 1, GENERATOR)


def test_annotated_samples_and_labels_are_not_missing_where_nothing_is_annotated():
    needs = {"features", "annotated", "labels"}
    selector = as_selector(lambda candidates, n, generator: range(n), needs)
    assert len(selector(Candidates(prediction=ROWS), 2, GENERATOR)) == 2


def test_as_selector_keeps_selectors_and_wraps_functions():
    topk = al.TopK()
    assert as_selector(topk) is topk
    assert repr(returning([0])) == "mine"


def test_a_function_may_list_what_it_needs():
    def mine(candidates, n, generator):
        return range(n)

    assert as_selector(mine).needs == {"scores"}
    assert as_selector(mine, {"features"}).needs == {"features"}
    mine.needs = {"outputs"}
    assert as_selector(mine).needs == {"outputs"}
    mine.needs = {"scores", "feature"}
    expected = r"needs must be among annotated, .* got feature\."
    with pytest.raises(ConfigurationError, match=expected):
        as_selector(mine)


def test_as_selector_of_something_else_raises():
    with pytest.raises(ConfigurationError, match=r"Did you mean TopK\(\)\?"):
        as_selector(al.TopK)
    for wrong in ("topk", 3, None):
        with pytest.raises(ConfigurationError, match="expected a Selector"):
            as_selector(wrong)
