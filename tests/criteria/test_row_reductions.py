"""Reductions of rows, against one sample at a time and exact fractions."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alkit.criteria.row_reductions import Count, TopShare, as_reduction, table
from alkit.errors import ConfigurationError, ScoreError

NUMBERS = st.floats(-1e3, 1e3, width=32)
SAMPLES = st.lists(st.lists(NUMBERS, min_size=1, max_size=9), min_size=1, max_size=6)
SHARES = ["0.05", "0.15", "0.3", "0.5", "0.7", "1"]


def reduced(reduction, samples):
    scores = torch.tensor([score for sample in samples for score in sample])
    return reduction(scores, torch.tensor([*map(len, samples)])).tolist()


@given(SAMPLES)
def test_named_reductions_are_those_of_each_sample(samples):
    for name, one in {"mean": lambda s: sum(s) / len(s), "max": max, "sum": sum}.items():
        reduction, shown = as_reduction(name)
        assert shown == name
        assert reduced(reduction, samples) == pytest.approx([*map(one, samples)], abs=1e-2)


@given(SAMPLES, st.sampled_from(SHARES))
def test_a_top_share_is_the_mean_of_the_highest_scores_rounded_up(samples, share):
    def one(sample):
        count = math.ceil(Fraction(share) * len(sample))
        return sum(sorted(sample)[-count:]) / count

    found = reduced(TopShare(float(share)), samples)
    assert found == pytest.approx([*map(one, samples)], abs=1e-2)


@pytest.mark.parametrize("share", SHARES)
def test_a_share_counts_as_it_is_written_for_any_number_of_rows(share):
    for size in (*range(1, 60), 100, 340, 16_384):
        count = math.ceil(Fraction(share) * size)
        scores = torch.zeros(size)
        scores[:count] = 1  # one score more would bring the mean below 1
        assert TopShare(float(share))(scores, torch.tensor([size])).tolist() == [1]
        scores[count - 1] = 0
        assert TopShare(float(share))(scores, torch.tensor([size])).item() < 1


@given(SAMPLES, NUMBERS)
def test_a_count_is_that_of_scores_above_a_bound(samples, bound):
    expected = [sum(score > bound for score in sample) for sample in samples]
    assert reduced(Count(above=bound), samples) == expected


@given(SAMPLES)
def test_a_table_has_the_rows_of_a_sample_in_their_order_and_is_filled_up(samples):
    scores = torch.tensor([score for sample in samples for score in sample])
    width = max(map(len, samples))
    expected = [[*sample, *[-1.5] * (width - len(sample))] for sample in samples]
    assert table(scores, torch.tensor([*map(len, samples)]), -1.5).tolist() == expected


def test_a_function_gets_the_scores_of_one_sample_and_returns_one_number():
    reduction, shown = as_reduction(torch.median)
    assert shown == "median"
    samples = [[3.0, 1, 2], [5.0], [4.0, 4, 8]]
    assert reduced(reduction, samples) == [2, 5, 4]
    with pytest.raises(ScoreError, match="to one number"):
        reduced(as_reduction(lambda scores: scores[:2])[0], samples)


@pytest.mark.parametrize("wrong", ["men", 3, None, TopShare])
def test_anything_else_is_no_reduction(wrong):
    with pytest.raises(ConfigurationError, match="reduce must be"):
        as_reduction(wrong)
