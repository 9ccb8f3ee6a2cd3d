import pytest
import torch

import alkit as al
from alkit import criteria
from alkit.criteria import chunks as module
from alkit.criteria.chunks import chunks

LEAVES = [
    criteria.Margin(),
    criteria.Ratio(),
    criteria.Entropy(),
    criteria.LeastConfidence(),
    criteria.Energy(),
    criteria.BALD(),
    criteria.MeanStd(),
    criteria.VariationRatio(),
    criteria.ExpectedGradientLength(),
]


@pytest.mark.parametrize(("n", "sizes"), [(0, [0]), (1, [1]), (7, [7]), (8, [7, 1]), (14, [7, 7])])
def test_chunks_hold_each_row_once_and_in_order(n, sizes, monkeypatch):
    monkeypatch.setattr(module, "CACHE", 7 * 2 * 3)
    prediction = al.Prediction(torch.randn(n, 2, 3), torch.arange(n).flip(0) + 5)
    parts = list(chunks(prediction))
    assert [len(part) for part in parts] == sizes
    assert torch.cat([part.ids for part in parts]).equal(prediction.ids)
    assert torch.cat([part.outputs for part in parts]).equal(prediction.outputs)


def test_a_row_that_is_larger_than_the_cache_is_a_chunk(monkeypatch):
    monkeypatch.setattr(module, "CACHE", 4)
    assert [len(part) for part in chunks(al.Prediction(torch.randn(3, 5)))] == [1, 1, 1]


def test_features_alone_come_in_chunks_too(monkeypatch):
    monkeypatch.setattr(module, "CACHE", 8)
    parts = list(chunks(al.Prediction(features=torch.randn(5, 4))))
    assert [len(part) for part in parts] == [2, 2, 1]


@pytest.mark.parametrize("outputs", [(101, 3, 10), (101, 2, 2), (101, 1, 50)])
@pytest.mark.parametrize("criterion", LEAVES, ids=repr)
def test_scores_are_the_same_to_the_bit_whatever_the_size_of_a_chunk(
    criterion, outputs, monkeypatch
):
    z = 3 * torch.randn(outputs, generator=torch.Generator().manual_seed(5))
    features = torch.randn(101, 6, generator=torch.Generator().manual_seed(6))
    prediction = al.Prediction(z, features=features)
    whole = criterion(prediction)
    for rows in (1, 3, 17, 100):
        monkeypatch.setattr(module, "CACHE", rows * z[0].numel())
        assert criterion(prediction[:]).equal(whole)


def test_what_looks_at_other_rows_is_computed_once_over_all_chunks(monkeypatch):
    prediction = al.Prediction(torch.randn(50, 4, generator=torch.Generator().manual_seed(2)))
    formula = criteria.Rank(criteria.Margin()) + criteria.ZScore(criteria.Entropy())
    whole = formula(prediction)
    monkeypatch.setattr(module, "CACHE", 12)
    assert formula(prediction[:]).equal(whole)
    margin, entropy = formula.term_scores(prediction)
    assert margin.equal(criteria.Margin()(prediction))
    assert entropy.equal(criteria.Entropy()(prediction))


def test_a_plain_function_is_given_all_rows_at_once(monkeypatch):
    monkeypatch.setattr(module, "CACHE", 12)
    scores, asked = torch.arange(50.0), []

    def mine(prediction):
        asked.append(len(prediction))
        return scores

    prediction = al.Prediction(torch.randn(50, 4))
    both = criteria.Margin() + criteria.as_criterion(mine)
    assert both(prediction).equal(criteria.Margin()(prediction) + scores)
    assert asked == [50]
