"""``al.select`` on plain arrays does what the strategies do."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import alkit as al
from alkit.errors import (
    ConfigurationError,
    NonFiniteError,
    PredictionError,
    QuerySizeError,
    SampleIndexError,
)


def probabilities(n=12, classes=3, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(classes), n)


def test_by_default_the_smallest_margins_are_chosen():
    p = probabilities()
    query = al.select(4, probabilities=p)
    top = np.sort(p, 1)
    expected = np.argsort(top[:, -1] - top[:, -2])[:4]
    assert query.indices.tolist() == expected.tolist()
    np.testing.assert_allclose(query.scores, 1 - (top[:, -1] - top[:, -2])[expected])
    assert query.guesses.tolist() == p[expected].argmax(1).tolist()
    assert query.why == "TopK() of Margin()"


@pytest.mark.parametrize("form", [np.asarray, torch.as_tensor, lambda p: p.tolist()])
def test_arrays_may_be_of_numpy_torch_or_lists(form):
    p = probabilities().astype(np.float32)
    assert al.select(3, probabilities=form(p)).indices.tolist() == list(
        al.select(3, probabilities=p)
    )


def test_annotated_rows_are_never_chosen_and_the_others_keep_their_numbers():
    p = probabilities()
    order = list(al.select(12, probabilities=p))
    assert list(al.select(9, probabilities=p, annotated=order[:3])) == order[3:]
    assert list(al.select(3, probabilities=p, annotated=np.array(order[5::-1]))) == order[6:9]


def test_a_selector_sees_the_annotated_rows_their_labels_and_the_head():
    seen = {}

    def mine(candidates, n, generator):
        seen.update(
            ids=candidates.ids,
            features=candidates.features,
            annotated=candidates.annotated,
            labels=candidates.labels,
            head=candidates.head,
        )
        return torch.arange(n)

    mine.needs = {"features", "annotated", "labels", "head"}
    e = torch.randn(5, 2)
    query = al.select(
        2, embeddings=e, annotated=[3, 1], labels=[7, 9], head=torch.neg, selector=mine
    )
    assert seen["ids"].tolist() == [0, 2, 4]
    assert seen["features"].equal(e[[0, 2, 4]])
    assert seen["annotated"].features.equal(e[[3, 1]])
    assert seen["annotated"].ids.tolist() == [3, 1]
    assert seen["labels"].tolist() == [7, 9]
    assert seen["head"] is torch.neg
    assert query.indices.tolist() == [0, 2]
    assert query.scores is None
    assert query.guesses is None
    assert query.shares == {}


def test_a_criterion_is_not_asked_where_the_selector_uses_no_scores():
    def failing(prediction):
        raise RuntimeError("was asked")

    query = al.select(2, probabilities=probabilities(), criterion=failing, selector=al.Random())
    assert len(query) == 2
    np.testing.assert_allclose(query.probabilities, [1 / 12, 1 / 11])


@given(st.integers(0, 2**40))
def test_the_same_seed_gives_the_same_choice(seed):
    p = np.full((9, 3), 1 / 3)
    assert list(al.select(5, probabilities=p, seed=seed)) == list(
        al.select(5, probabilities=p, seed=seed)
    )


def test_no_seed_is_a_fresh_one():
    p = np.full((99, 3), 1 / 3)
    assert list(al.select(50, probabilities=p)) != list(al.select(50, probabilities=p))


def test_the_shares_of_the_terms_sum_to_the_scores():
    formula = al.Rank(al.Margin()) + 0.5 * al.Rank(al.Entropy()) - al.LeastConfidence()
    query = al.select(5, probabilities=probabilities(), criterion=formula)
    assert list(query.shares) == ["Rank(Margin())", "0.5 * Rank(Entropy())", "-LeastConfidence()"]
    np.testing.assert_allclose(sum(query.shares.values()), query.scores, atol=1e-12)


def test_a_schedule_weighs_by_the_round():
    p = probabilities()
    formula = al.Schedule([0, 1]) * al.Margin()
    assert al.select(3, probabilities=p, criterion=formula, round=0).scores.tolist() == [0, 0, 0]
    later = al.select(3, probabilities=p, criterion=formula, round=1)
    assert later.scores.tolist() == al.select(3, probabilities=p).scores.tolist()
    assert later.round == 1


def test_outputs_of_another_kind_come_as_a_prediction():
    logits = torch.tensor([[3.0, 0], [0, 0], [9, 0]])
    prediction = al.Prediction(logits, ids=[40, 20, 30])
    assert list(al.select(2, prediction=prediction)) == [1, 0]
    values = al.Prediction(torch.tensor([[1.0], [3.0], [2.0]]), kind="values")
    assert list(al.select(1, prediction=values, criterion=lambda p: p.outputs[:, 0, 0])) == [1]


@pytest.mark.parametrize("n", [0, -1, 1.5, 13, True])
def test_an_n_that_is_not_there_raises(n):
    with pytest.raises(QuerySizeError):
        al.select(n, probabilities=probabilities())


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({}, PredictionError, "needs outputs"),
        ({"probabilities": [[0.9, 0.3]]}, PredictionError, "sum to one"),
        ({"probabilities": [[0.5, 0.5], [np.nan, 1]]}, NonFiniteError, "first: sample 1"),
        ({"embeddings": [[0.0], [np.inf]]}, NonFiniteError, "first: sample 1"),
        ({"embeddings": [[0.0], [1.0]]}, PredictionError, "probabilities="),
        (
            {"probabilities": [[0.5, 0.5]], "embeddings": [[1.0], [2.0]]},
            PredictionError,
            r"probabilities has 1 rows \(embeddings 2\): expected 2",
        ),
        ({"probabilities": [[0.5, 0.5]] * 3, "annotated": [3]}, SampleIndexError, "0 to 2"),
        ({"probabilities": [[0.5, 0.5]] * 3, "annotated": [1, 1]}, SampleIndexError, "distinct"),
        ({"probabilities": [[0.5, 0.5]] * 3, "annotated": [0.5]}, SampleIndexError, "row numbers"),
        (
            {"probabilities": [[0.5, 0.5]] * 3, "annotated": [1], "labels": [0, 1]},
            PredictionError,
            "1 annotated samples came with 2 labels",
        ),
    ],
)
def test_arrays_that_do_not_fit_raise(given, error, message):
    with pytest.raises(error, match=message):
        al.select(1, **given)


def test_a_prediction_and_arrays_together_raise():
    with pytest.raises(ConfigurationError, match="not both"):
        al.select(1, prediction=al.Prediction(torch.zeros(3, 2)), probabilities=probabilities())


def test_features_that_a_selector_misses_are_named_with_how_to_get_them():
    def mine(candidates, n, generator):
        return torch.arange(n)

    mine.needs = {"features"}
    with pytest.raises(PredictionError, match="embeddings= to al"):
        al.select(1, probabilities=probabilities(), selector=mine)
