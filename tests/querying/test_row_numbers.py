"""Row numbers of ``al.select``: by number, by name, from a file; n and total."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import alkit as al
from alkit.errors import ConfigurationError, PredictionError, QuerySizeError, SampleIndexError
from alkit.querying.row_numbers import RowNumbers

NAMES = [f"img_{row}.jpg" for row in range(12)]
E = np.random.default_rng(0).normal(size=(12, 2))
P = np.random.default_rng(1).dirichlet(np.ones(3), 12)
SELECTORS = [
    al.TopK(),
    al.Random(),
    al.Power(),
    al.KCenter(),
    al.Coral(),
    al.KMeansPlusPlus(),
]


def core_set(n=None, **given):
    return al.select(n, embeddings=E, selector=al.KCenter(), seed=0, **given)


def test_total_counts_the_annotated_rows_too():
    known = [3, 5, 8]
    assert list(core_set(total=7, annotated=known)) == list(core_set(4, annotated=known))
    for wrong, message in ((3, "at least 4"), (13, "only 9"), ("x", "whole number"), (0, "at lea")):
        with pytest.raises(QuerySizeError, match=message):
            core_set(total=wrong, annotated=known)
    for both in ({"n": 2, "total": 5}, {}):
        with pytest.raises(ConfigurationError, match="not both or neither"):
            core_set(**both)


def test_candidates_that_are_annotated_are_left_out():
    query = core_set(2, among=[9, 2, 5], annotated=[5])
    assert set(query) == {2, 9}
    assert query.trace.candidates == 2
    with pytest.raises(QuerySizeError, match="only 2 of among="):
        core_set(3, among=[9, 2, 5], annotated=[5])


def test_random_picks_need_no_array():
    picks = al.select(3, among=[4, 9, 2, 30], annotated=[9], selector=al.Random(), seed=0)
    assert set(picks) == {2, 4, 30}
    assert len(al.select(12, names=NAMES, selector=al.Random()).names) == 12
    with pytest.raises(PredictionError, match=r"among=range\(N\)"):
        al.select(3, selector=al.Random())


def test_names_must_fit():
    with pytest.raises(PredictionError, match="embeddings has 12 rows"):
        core_set(1, names=NAMES[:5])
    for names in (3, "abc"):
        with pytest.raises(ConfigurationError, match="names must be a list"):
            core_set(1, names=names)


def test_short_arrays_alone_are_explained():
    with pytest.raises(SampleIndexError, match="pass names= of all rows"):
        al.select(1, embeddings=E[:10], annotated=[0, 11], selector=al.KCenter())


@pytest.mark.parametrize("seed", ["a", 1.5, -1, True, 2**70])
def test_a_seed_must_be_a_whole_number(seed):
    with pytest.raises(ConfigurationError, match="seed must be an integer from 0"):
        al.select(1, embeddings=E, selector=al.KCenter(), seed=seed)


@pytest.mark.parametrize("round", ["x", -1, 1.5, None])
def test_a_round_must_be_a_whole_number(round):
    with pytest.raises(ConfigurationError, match="round must be a whole number"):
        core_set(1, round=round)


@given(
    st.permutations(range(12)),
    st.integers(0, 5),
    st.sets(st.integers(0, 11), min_size=1),
    st.sampled_from(SELECTORS),
    st.data(),
)
def test_choosing_among_rows_is_choosing_from_the_arrays_of_these_rows(
    order, annotated, among, selector, data
):
    known = order[:annotated]
    ours = sorted(among - set(known))
    if not ours:
        return
    n = data.draw(st.integers(1, len(ours)))
    alone = [*ours, *known]
    part = al.select(
        n, probabilities=P[alone], embeddings=E[alone], annotated=range(len(ours), len(alone)),
        selector=selector, seed=7,
    )  # fmt: skip
    short = data.draw(st.booleans())
    query = al.select(
        **data.draw(st.sampled_from([{"n": n}, {"total": n + len(known)}])),
        probabilities=P[ours] if short else P,
        embeddings=E,
        names=NAMES,
        annotated=data.draw(st.sampled_from([known, [NAMES[row] for row in known]])),
        among=sorted(among) if short else data.draw(st.permutations(sorted(among))),
        selector=selector,
        seed=7,
    )
    assert list(query) == [alone[row] for row in part]
    assert query.names == [NAMES[row] for row in query]


def test_an_array_of_the_candidates_alone_goes_with_their_rows_in_ascending_order():
    scores = [0.1, 0.9, 0.5]
    assert list(al.select(2, scores=scores, names=NAMES, among=[3, 7, 8])) == [7, 8]
    names = ["img_3.jpg", "img_7.jpg", "img_8.jpg"]
    assert list(al.select(2, scores=scores, names=NAMES, among=names)) == [7, 8]
    known = {"annotated": [4, 0], "among": [3, 4, 7, 8]}
    assert list(al.select(2, scores=scores, names=NAMES, **known)) == [7, 8]
    with pytest.raises(PredictionError, match=r"3 rows, one per candidate.*ascending.*all 12"):
        al.select(2, scores=scores, names=NAMES, among=[7, 3, 8])
    message = (
        r"scores has 4 rows \(names 12\): expected 12.*or 3, the candidates, or 10, those that"
    )
    with pytest.raises(PredictionError, match=message):
        al.select(2, scores=[*scores, 0.7], names=NAMES, **known)


def test_a_length_that_could_mean_two_sets_of_rows_is_refused():
    known, among = [0, 1], [0, 1, *range(4, 12)]
    with pytest.raises(PredictionError, match=r"10 rows.*among=, 2 of them annotated"):
        al.select(2, scores=range(10), names=NAMES, annotated=known, among=among)
    same = al.select(2, scores=range(12), names=NAMES, annotated=known, among=among)
    assert list(same) == [11, 10]
    everything = range(2, 12)  # the unannotated rows and the candidates: one set, so it is clear
    assert list(al.select(2, scores=range(10), names=NAMES, annotated=known, among=everything)) == [
        11, 10,
    ]  # fmt: skip


def test_the_former_name_of_among_is_taken_alone():
    assert set(core_set(2, candidates=[9, 2])) == {2, 9}
    with pytest.raises(ConfigurationError, match="former name of among="):
        core_set(2, candidates=[9, 2], among=[9, 2])


def test_the_rows_that_an_array_holds_are_those_that_at_reads():
    rows = RowNumbers(8, torch.tensor([6, 1]), torch.tensor([1, 3, 4, 7]), None)
    held = {8: [*range(8)], 6: [0, 2, 3, 4, 5, 7], 3: [3, 4, 7]}
    for length, numbers in held.items():
        assert rows.held(length).tolist() == numbers
        assert rows.held(length)[rows.at(length)].tolist() == rows.numbers.tolist()
