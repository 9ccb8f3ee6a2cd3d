"""Plain arrays: rows that count are checked, other rows are not read, and nothing is copied."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import alkit as al
from alkit.errors import ConfigurationError, NonFiniteError, PredictionError

N = 20
RNG = np.random.default_rng(0)
P = RNG.dirichlet(np.ones(3), N)
E = RNG.normal(size=(N, 4)).astype(np.float32)
S = RNG.permutation(N) / N
KNOWN = np.array([7, 0, 19])
FREE = np.setdiff1d(np.arange(N), KNOWN)


def margins(p):
    top = np.sort(p, 1)
    return top[:, -1] - top[:, -2]


@given(st.sets(st.integers(0, N - 1), max_size=N - 3), st.sets(st.integers(0, N - 1)), st.data())
def test_the_smallest_margins_among_the_candidates_are_chosen_in_any_form(known, among, data):
    free = np.array(sorted(set(range(N)) - known))
    ours = np.array([row for row in free if not among or row in among], dtype=int)
    if not len(ours):
        return
    unclear = len(among) == len(free) != len(ours)
    forms = st.sampled_from([np.arange(N), ours] if unclear else [np.arange(N), free, ours])
    p, e = P[data.draw(forms)], E[data.draw(forms)]
    names = data.draw(st.sampled_from([None, [f"{row}.jpg" for row in range(N)]]))
    if len(p) < N and len(e) < N and names is None:
        e = E
    query = al.select(
        len(ours),
        probabilities=p,
        embeddings=e,
        names=names,
        annotated=sorted(known),
        among=sorted(among) or None,
    )
    expected = ours[np.argsort(margins(P[ours]))]
    assert query.indices.tolist() == expected.tolist()
    assert query.guesses.tolist() == P[expected].argmax(1).tolist()
    assert query.names == (None if names is None else [f"{row}.jpg" for row in expected])


def test_core_sets_are_the_same_for_predictions_of_the_unannotated_alone():
    whole = al.select(
        5, probabilities=P, embeddings=E, annotated=KNOWN, selector=al.Coral(), seed=0
    )
    short = al.select(
        5,
        probabilities=P[FREE],
        embeddings=E,
        annotated=KNOWN,
        selector=al.Coral(),
        seed=0,
    )
    assert list(short) == list(whole)
    np.testing.assert_array_equal(short.scores, whole.scores)


@pytest.mark.parametrize("hole", [0.0, np.nan])
def test_rows_that_are_not_looked_at_may_hold_anything(hole):
    holes = P.copy()
    holes[KNOWN] = hole
    expected = list(al.select(5, probabilities=P, annotated=KNOWN))
    assert list(al.select(5, probabilities=holes, annotated=KNOWN)) == expected
    diverse = {"embeddings": E, "annotated": KNOWN, "selector": al.Coral(), "seed": 0}
    expected = list(al.select(5, probabilities=P, **diverse))
    assert list(al.select(5, probabilities=holes, **diverse)) == expected
    among = [1, 2, 3, 5, 8]
    holes = np.full_like(P, hole)
    holes[among] = P[among]
    assert set(al.select(5, probabilities=holes, among=among)) == set(among)
    with pytest.raises(PredictionError):
        al.select(5, probabilities=holes)


def test_rows_that_a_selector_compares_with_are_checked():
    holes = E.copy()
    holes[KNOWN[0]] = np.nan
    assert len(al.select(5, embeddings=holes, annotated=KNOWN, selector=al.Random())) == 5
    with pytest.raises(NonFiniteError, match="first: sample 7"):
        al.select(5, embeddings=holes, annotated=KNOWN, selector=al.KCenter())
    names = [f"{row}.jpg" for row in range(N)]
    with pytest.raises(PredictionError, match=r"embeddings has 17 rows.*of all 20"):
        al.select(5, embeddings=E[FREE], names=names, annotated=KNOWN, selector=al.KCenter())
    of_others = al.Prediction(torch.from_numpy(P[FREE]), kind="probabilities")
    with pytest.raises(PredictionError, match="prediction has 17 rows"):
        al.select(
            5,
            prediction=of_others,
            names=names,
            annotated=KNOWN,
            selector=al.selectors.FacilityLocation(),
        )


@pytest.mark.parametrize(
    "form", [np.asarray, torch.as_tensor, list, lambda s: (s * 20).astype(int)]
)
def test_scores_of_any_task_are_used_as_given(form):
    query = al.select(4, scores=form(S), annotated=KNOWN)
    assert query.indices.tolist() == FREE[np.argsort(-S[FREE])][:4].tolist()
    assert query.why == "TopK() of scores"
    assert list(query.shares) == ["scores"]
    assert query.guesses is None
    short = al.select(4, scores=form(S[FREE]), embeddings=E, annotated=KNOWN)
    assert list(short) == list(query)


def test_scores_go_with_a_selector_as_those_of_a_criterion_do():
    scores = torch.from_numpy(S).float()
    query = al.select(5, scores=scores, embeddings=E, annotated=KNOWN, selector=al.Coral(), seed=1)
    by_criterion = al.select(
        5,
        embeddings=E,
        annotated=KNOWN,
        criterion=lambda p: scores[p.ids],
        selector=al.Coral(),
        seed=1,
    )
    assert list(query) == list(by_criterion)
    with pytest.raises(ConfigurationError, match="scores or a criterion"):
        al.select(5, scores=S, criterion=al.Margin(), probabilities=P)
    with pytest.raises(NonFiniteError, match="scores"):
        al.select(5, scores=np.where(S[FREE[0]] == S, np.nan, S), annotated=KNOWN)


def test_arrays_are_not_copied():
    seen = []

    def mine(candidates, n, generator):
        seen.append((candidates.features.data_ptr(), candidates.prediction.outputs.data_ptr()))
        return torch.arange(n)

    mine.needs = {"features", "outputs"}
    al.select(2, probabilities=P, embeddings=E, selector=mine)
    al.select(2, probabilities=P, embeddings=E, annotated=[0, 1], selector=mine)
    al.select(2, probabilities=P[2:], embeddings=E, among=range(2, 20), annotated=[1, 0],
              selector=mine)  # fmt: skip
    at = E.ctypes.data, P.ctypes.data
    behind = at[0] + 2 * 4 * 4, at[1] + 2 * 3 * 8
    assert seen == [at, behind, behind]


def test_views_that_run_backwards_are_arrays_too():
    assert list(al.select(4, scores=S[::-1])) == list(al.select(4, scores=S[::-1].copy()))


@pytest.mark.parametrize("argument", ["probabilities", "embeddings", "scores", "labels"])
@pytest.mark.parametrize(
    "value",
    [
        "abc",
        [[0.1, 0.9], [1.0]],
        [[None, 1.0]],
        [{"boxes": 1}],
        np.array([["a", "b"]], dtype=object),
        3.0,
        torch.zeros(2, 2, 2, 2),
        np.array([[1j, 2]]),
    ],
)
def test_what_is_no_array_of_numbers_is_refused_by_name(argument, value):
    arrays = {"embeddings": E} if argument == "labels" else {}
    with pytest.raises(PredictionError, match=f"{argument} must"):
        al.select(1, **arrays, **{argument: value})


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"probabilities": P.astype(int)}, PredictionError, "floating-point.*int64.*astype"),
        ({"probabilities": P[:, 0]}, PredictionError, r"\(20,\).*p\[:, None\]"),
        ({"prediction": P}, ConfigurationError, "must be an al.Prediction, got ndarray"),
        ({"embeddings": E, "annotated": [1], "labels": ["a"]}, PredictionError, "return_inverse"),
        ({"embeddings": E, "annotated": [1], "labels": [1.0]}, PredictionError, "integers"),
        ({"embeddings": E, "annotated": [1], "labels": [1, 2]}, PredictionError, "1 annotated.*2"),
        ({"embeddings": E, "scores": S[:9]}, PredictionError, "scores has 9 rows.*expected 20"),
        ({"scores": S > 0.5}, PredictionError, "scores must be numbers.*bool"),
        ({"names": ["a", "b"]}, PredictionError, "row numbers or names alone.*Random"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_with_the_remedy(given, error, message):
    with pytest.raises(error, match=message):
        al.select(1, **given)
