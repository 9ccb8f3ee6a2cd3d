"""Row numbers of ``al.select``: by number, by name, from a file; n and total."""

import numpy as np
import pytest
import torch

import alkit as al
from alkit.errors import ConfigurationError, PredictionError, QuerySizeError, SampleIndexError

NAMES = [f"img_{row}.jpg" for row in range(12)]
E = np.random.default_rng(0).normal(size=(12, 2))


def core_set(n=None, **given):
    return al.select(n, embeddings=E, selector=al.KCenter(), seed=0, **given)


def test_rows_are_given_by_number_by_name_or_by_the_file_of_a_query(tmp_path):
    first = core_set(4, names=NAMES)
    assert first.names == [NAMES[row] for row in first]
    first.save(tmp_path / "first.csv")
    expected = list(core_set(3, annotated=list(first)))
    forms = [first, first.indices, torch.tensor(list(first)), first.names, np.array(first.names)]
    forms += [tmp_path / "first.csv", str(tmp_path / "first.csv"), iter(list(first))]
    for annotated in forms:
        assert list(core_set(3, annotated=annotated, names=NAMES)) == expected
    among = core_set(4, names=NAMES, candidates=tmp_path / "first.csv")
    assert set(among) == set(first)


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
    query = core_set(2, candidates=[9, 2, 5], annotated=[5])
    assert set(query) == {2, 9}
    assert query.trace.candidates == 2
    with pytest.raises(QuerySizeError, match="only 2 of candidates="):
        core_set(3, candidates=[9, 2, 5], annotated=[5])


def test_random_picks_need_no_array():
    picks = al.select(3, candidates=[4, 9, 2, 30], annotated=[9], selector=al.Random(), seed=0)
    assert set(picks) == {2, 4, 30}
    assert len(al.select(12, names=NAMES, selector=al.Random()).names) == 12
    with pytest.raises(PredictionError, match=r"candidates=range\(N\)"):
        al.select(3, selector=al.Random())


@pytest.mark.parametrize("argument", ["annotated", "candidates"])
@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([12], "run from 0 to 11, got 12"),
        ([-1], "got -1"),
        ([1, 1], "distinct"),
        ([1.0], "row numbers.*float64"),
        ([1, None], "row numbers"),
        ([[1], [2, 3]], "different lengths"),
        (np.zeros(12, bool), "flatnonzero"),
        (["img_1.jpg", "img_99.jpg"], "='img_99.jpg' is not among the 12 names"),
        ("no such file.csv", "is not a CSV file"),
    ],
)
def test_rows_that_are_not_there_are_refused_by_argument(argument, rows, message):
    with pytest.raises(SampleIndexError, match=f"{argument}.*{message}"):
        core_set(1, names=NAMES, **{argument: rows})


def test_names_must_fit():
    with pytest.raises(SampleIndexError, match=r"'img_1\.jpg'.*pass the names of all rows"):
        core_set(1, annotated=["img_1.jpg"])
    with pytest.raises(PredictionError, match="embeddings has 12 rows"):
        core_set(1, names=NAMES[:5])
    for names in (3, "abc"):
        with pytest.raises(ConfigurationError, match="names must be a list"):
            core_set(1, names=names)
    with pytest.raises(ConfigurationError, match="'a' is twice"):
        core_set(1, names=["a"] * 12, annotated=["a"])


def test_a_file_of_other_data_is_refused(tmp_path):
    path = tmp_path / "first.csv"
    core_set(2, names=NAMES).save(path)
    with pytest.raises(SampleIndexError, match=r"line 2: row \d+ is 'img_.*of other data"):
        core_set(2, names=NAMES[::-1], annotated=path)
    path.write_text("name,label\nimg_1.jpg,\n")
    with pytest.raises(SampleIndexError, match="no column id"):
        core_set(2, names=NAMES, annotated=path)
    path.write_text("id,label\nseven,\n")
    with pytest.raises(SampleIndexError, match="line 2: 'seven' is not a row number"):
        core_set(2, annotated=path)


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
